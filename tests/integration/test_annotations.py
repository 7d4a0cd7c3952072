# SPDX-License-Identifier: Apache-2.0
"""Annotations read where products lie: on a web server, in a bucket, by byte ranges."""

import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from agents.catalogue.bursts.memory import BurstMemory
from agents.catalogue.bursts.product import Archive, Folder, read_bursts
from agents.catalogue.bursts.sources import Sources
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.worker.ranges import FileRanges, HttpRanges
from infra.local import s3
from infra.minio.client import connect
from infra.minio.provision import provision_bucket
from infra.minio.ranges import open_ranges
from infra.minio.store import open_store
from streams.errors import DamagedProduct, ProductNotFound, ProviderError
from streams.model import Scene
from tests.ranged import cut_off, fine, ranged, refused
from tests.safe import NAME, Safe, three_swaths

REAL = (
    Path(__file__).parents[3]
    / "shared"
    / "data"
    / "sentinel1"
    / "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"
)
MEASUREMENT = 16 << 20


@pytest.fixture
def web():
    return HttpRanges(retries=2, backoff_s=0.01)


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """A SAFE folder, and an archive with measurements."""
    folder = tmp_path_factory.mktemp("products")
    safe = Safe(swaths=three_swaths())
    safe.folder(folder)
    safe.archive(folder, MEASUREMENT)
    return folder


@pytest.fixture(scope="module")
def expected(products):
    return read_bursts(Folder(FileRanges(), str(products / f"{NAME}.SAFE")))


def wanted_bytes(file):
    """Of the directory of an archive, and of what bursts need of its entries."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        wanted = [
            entry
            for entry in entries
            if entry.filename.endswith("manifest.safe")
            or ("/annotation/s1a-" in entry.filename and "-vv-" in entry.filename)
        ]
        directory = file.stat().st_size - archive.start_dir
    assert len(wanted) == 4
    return directory, sum(entry.compress_size for entry in wanted)


def scene():
    fields = Sentinel1Sensor().fields(NAME)
    return Scene(NAME, "sentinel1", Safe().node, fields=fields)


# -- a web server


def test_archive_on_the_web_is_read_in_place(products, expected, web):
    file = products / f"{NAME}.zip"
    with ranged(products) as server:
        found = read_bursts(Archive(web, f"{server.url}/{NAME}.zip", NAME))
    assert found == expected
    # The end, the manifest and one annotation a sub-swath.
    assert len(server.asked) <= 5
    directory, members = wanted_bytes(file)
    # The directory comes with what the last 32 KiB hold before it; a member with its
    # local header, of less than 512 bytes.
    assert server.sent <= max(directory, 32 << 10) + members + 4 * 512
    assert server.sent < MEASUREMENT / 100


@pytest.mark.skipif(not REAL.exists(), reason=f"no real annotations at {REAL}")
def test_real_archive_on_the_web_is_read_in_place(web):
    with ranged(REAL.parent) as server:
        found = read_bursts(Archive(web, f"{server.url}/{REAL.name}", REAL.stem))
    assert len(found) == 27
    assert len(server.asked) <= 5
    directory, members = wanted_bytes(REAL)
    assert server.sent <= max(directory, 32 << 10) + members + 4 * 512


def test_folder_on_the_web_needs_no_ranges(products, expected, web):
    for whole in (False, True):
        with ranged(products, whole=whole) as server:
            assert read_bursts(Folder(web, f"{server.url}/{NAME}.SAFE")) == expected
            assert len(server.asked) == 4


def test_archive_of_a_server_without_ranges_is_not_downloaded(products, web):
    with ranged(products, whole=True) as server:
        with pytest.raises(DamagedProduct, match="sends whole files, not byte ranges"):
            Archive(web, f"{server.url}/{NAME}.zip", NAME)
    assert server.sent < MEASUREMENT


def test_faults_that_pass_are_waited_for(products, expected, web):
    with ranged(products) as server:
        server.faults = [
            refused(503),
            refused(429, Retry_After="0"),
            fine,
            cut_off,
            cut_off,
            fine,
            refused(302, Location=f"{server.url}/{NAME}.zip"),
        ]
        url = f"{server.url}/{NAME}.zip"
        assert read_bursts(Archive(web, url, NAME)) == expected
        assert server.faults == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refused(404), ProductNotFound),
        (refused(403), ProviderError),
        (refused(503), ProviderError),
        (refused(206, Content_Range="bytes 0-1/*"), ProviderError),
        (cut_off, ProviderError),
    ],
)
def test_faults_that_stay_are_told_without_secrets(fault, error, products, web):
    with ranged(products) as server:
        server.faults = [fault] * 20
        url = f"{server.url}/{NAME}.zip?token=secret"
        with pytest.raises(error, match=NAME) as told:
            Archive(web, url, NAME)
    assert type(told.value) is error
    assert "secret" not in str(told.value)


def test_nobody_at_the_address_is_a_fault_that_may_pass(products, web):
    with ranged(products) as server:
        gone = server.url
    with pytest.raises(ProviderError, match=gone):
        Archive(web, f"{gone}/{NAME}.zip", NAME)


# -- a bucket


@pytest.fixture
def options(stack):
    return s3.options(stack.environment())


@pytest.fixture
def bucket(options):
    name = f"test-{uuid4().hex[:12]}"
    provision_bucket(name, options)
    return name


def upload(options, bucket, key, file):
    connect(options).fput_object(bucket, key, str(file))


def test_archive_in_a_bucket_is_read_in_place(products, expected, options, bucket):
    upload(options, bucket, "a/b.zip", products / f"{NAME}.zip")
    ranges = open_ranges(options)
    assert read_bursts(Archive(ranges, f"s3://{bucket}/a/b.zip", NAME)) == expected


def test_copernicus_folder_in_a_bucket_is_read(products, expected, options, bucket):
    """As `eodata` is laid out, in a bucket that may be made here."""
    key = f"Sentinel-1/SAR/IW_SLC__1S/2022/01/23/{NAME}.SAFE"
    folder = products / f"{NAME}.SAFE"
    for file in folder.rglob("*.*"):
        if file.is_file():
            path = file.relative_to(folder).as_posix()
            upload(options, bucket, f"{key}/{path}", file)
    template = (
        f"s3://{bucket}/Sentinel-1/SAR/{{MODE}}_{{PRODUCT_TYPE}}__1S/"
        "{YEAR}/{MONTH}/{DAY}/{SCENE}.SAFE"
    )
    sources = Sources({"s3://": open_ranges(options)}, [template])
    assert sources.read(scene(), "Demo").bursts == expected


def test_what_is_not_in_a_bucket_is_not_found(options, bucket):
    ranges = open_ranges(options)
    for uri in (f"s3://{bucket}/a.zip", f"s3://{bucket}-not/a.zip"):
        with pytest.raises(ProductNotFound):
            ranges.tail(uri, 10)


def test_wrong_credentials_are_a_fault_of_the_source(options, bucket, products):
    upload(options, bucket, "b.zip", products / f"{NAME}.zip")
    ranges = open_ranges({**options, "secret_key": "wrong"})
    with pytest.raises(ProviderError) as told:
        ranges.tail(f"s3://{bucket}/b.zip", 10)
    assert type(told.value) is ProviderError


def test_bursts_are_remembered_in_a_bucket(expected, options, bucket):
    memory = BurstMemory(open_store(options), f"s3://{bucket}/layers")
    assert memory.recall(NAME) is None
    memory.keep(NAME, expected)
    assert memory.recall(NAME) == expected
    memory.keep(NAME, expected[:3])
    assert memory.recall(NAME) == expected[:3]
