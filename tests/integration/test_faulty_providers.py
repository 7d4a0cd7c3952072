# SPDX-License-Identifier: Apache-2.0
"""Two hundred downloads from providers whose servers do wrong in every way.

Every product arrives bit by bit as it is, or fails in the right class; none in part.
"""

import hashlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from msgspec import structs

from agents.downloader.providers import archives, odata, url
from agents.downloader.providers.remote import RemoteProvider
from infra.local import s3
from infra.minio.client import connect
from streams.errors import ProviderError
from streams.failures import Failure
from streams.model import Scene
from tests import origins
from tests.errands import QUICK, SCENE, archive, content, errand, found

FILES = {
    "P.SAFE/manifest.safe": content(700, seed=1),
    "P.SAFE/measurement/a.tiff": content(30_000, seed=2),
    "P.SAFE/annotation/a.xml": b"<a/>" * 500,
}
PRODUCT = archive(FILES)

EVER = 9
"""More often than a file is tried."""

# Fault, how often in a row, and the class of the failure; None: it must arrive.
FAULTS = [
    ("", 0, None),
    ("cut 0.1", 1, None),
    ("cut 0.5", 3, None),
    ("cut 0.99", 1, None),
    ("cut 0", EVER, Failure.TRANSIENT_NET),
    ("reset 0.5", 1, None),
    ("reset 0.9", 2, None),
    ("stall 0.5", 1, None),
    ("flip", EVER, Failure.INTEGRITY),
]
OF_WEB = [
    ("delay 0.05", 2, None),
    ("drip", 1, None),
    ("429", 2, None),
    ("429 100", EVER, Failure.RATE_LIMITED),
    ("503", 3, None),
    ("503", EVER, Failure.TRANSIENT_NET),
    ("500", 2, None),
    ("401", EVER, Failure.AUTH),
    ("403", EVER, Failure.AUTH),
    ("404", EVER, Failure.NOT_FOUND),
]
OF_HTTP = [
    ("202 5", EVER, Failure.STAGING),
    ("html", EVER, Failure.AUTH),
    ("page", EVER, Failure.AUTH),
    ("402", EVER, Failure.QUOTA),
]
OF_FTP = [
    ("421", 1, None),
    ("450", 2, None),
    ("530", EVER, Failure.AUTH),
    ("550", EVER, Failure.NOT_FOUND),
    ("553", EVER, Failure.BAD_INPUT),
]


# Of providers that go by the same ways as one above.
OF_ALL = [
    ("", 0, None),
    ("cut 0.5", 3, None),
    ("cut 0", EVER, Failure.TRANSIENT_NET),
    ("reset 0.9", 2, None),
    ("503", 3, None),
    ("503", EVER, Failure.TRANSIENT_NET),
    ("429 100", EVER, Failure.RATE_LIMITED),
    ("401", EVER, Failure.AUTH),
    ("404", EVER, Failure.NOT_FOUND),
]
FLIPPED = ("flip", EVER, Failure.INTEGRITY)
STAGED = ("202 5", EVER, Failure.STAGING)

LANDSAT = "LC08_L1TP"
BANDS = {f"{LANDSAT}/{LANDSAT}_B{n}.TIF": content(30_000, seed=n) for n in (1, 2)}


@dataclass(frozen=True)
class Place:
    """A provider on the loopback, and the product that it has."""

    origin: origins.Origin
    make: Callable[[dict[str, str]], RemoteProvider]
    options: dict[str, str]
    scene: Scene
    files: dict[str, bytes] = field(default_factory=lambda: FILES)


def said(**metadata):
    """The scene, with what the catalogue said of its product."""
    # Its checksum finds what the archive's own ones would find later.
    md5 = hashlib.md5(PRODUCT).hexdigest()
    return structs.replace(SCENE, metadata={"md5": md5, **metadata})


@pytest.fixture
def http():
    with origins.web({"P.zip": PRODUCT}) as origin:
        link = f"{origin.url}/P.zip"
        yield Place(origin, url.make, {}, said(download_link=link))


@pytest.fixture
def ftp():
    with origins.ftp({"P.zip": PRODUCT}) as origin:
        options = {"user": "me", "password": "planted-password", "parallel": "1"}
        link = f"{origin.url}/P.zip"
        yield Place(origin, url.make, options, said(download_link=link))


@pytest.fixture
def proxied(stack, bucket, tmp_path):
    """The embedded object store with these objects, behind a proxy."""
    options = s3.options(stack.environment())

    @contextmanager
    def serve(files):
        file = tmp_path / "object"
        for key, body in files.items():
            file.write_bytes(body)
            connect(options).fput_object(bucket, key, str(file))
        with origins.web(upstream=options["endpoint"]) as origin:
            yield origin, {**options, "endpoint": origin.url}

    return serve


@pytest.fixture
def bucket_s3(proxied, bucket):
    with proxied({"P.zip": PRODUCT}) as (origin, options):
        link = f"s3://{bucket}/P.zip"
        options["urls"] = "{download_link}"
        yield Place(origin, url.make_s3, options, said(download_link=link))


@pytest.fixture
def gs(proxied, bucket):
    with proxied({"P.zip": PRODUCT}) as (origin, options):
        options["urls"] = "{download_link}"
        link = f"gs://{bucket}/P.zip"
        yield Place(origin, url.make_gs, options, said(download_link=link))


@pytest.fixture
def eodata(proxied, bucket):
    files = {"P.SAFE/a": content(30_000, seed=1), "P.SAFE/b/c": content(30_000, seed=2)}
    with proxied(files) as (origin, options):
        scene = said(s3_path=f"/{bucket}/P.SAFE")
        yield Place(origin, url.make_eodata, options, scene, files)


@pytest.fixture
def landsat_aws(proxied, bucket):
    folder = "collection02/level-1/standard/oli-tirs/2024/014/031"
    facts = {"COLLECTION": "oli-tirs", "COLLECTION_NUMBER": "02", "YEAR": "2024"}
    facts |= {"PATH": "014", "ROW": "031"}
    scene = structs.replace(SCENE, name=LANDSAT, fields=facts)
    with proxied({f"{folder}/{k}": v for k, v in BANDS.items()}) as (origin, options):
        options["bucket"] = bucket
        yield Place(origin, archives.make_landsat_aws, options, scene, BANDS)


@pytest.fixture
def asf():
    with origins.web({"SLC/SA/P.zip": PRODUCT}) as origin:
        facts = {"PRODUCT_TYPE": "SLC", "MISSION_VERSION": "A"}
        scene = structs.replace(
            said(download_link=f"{origin.url}/SLC/SA/P.zip"),
            constellation="sentinel1",
            fields=facts,
        )
        options = {"url": origin.url, "token": "planted-token"}
        yield Place(origin, archives.make_asf, options, scene)


@pytest.fixture
def geodes():
    with origins.web({"data": PRODUCT}) as origin:
        asset = {
            "href": f"{origin.url}/data",
            "roles": ["data"],
            "type": "application/zip",
            "file:checksum": f"d50110{hashlib.md5(PRODUCT).hexdigest()}",
        }
        item = {"properties": {"identifier": "P"}, "assets": {"zip": asset}}
        origin.answers["/search"] = lambda asked: {"features": [item]}
        options = {"url": f"{origin.url}/search", "api_key": "planted-key"}
        yield Place(origin, archives.make_geodes, options, SCENE)


@contextmanager
def _odata(make):
    with origins.web({"Products(u)/$value": PRODUCT}) as origin:
        entry = {
            "Id": "u",
            "Name": "P.SAFE",
            "ContentLength": len(PRODUCT),
            "Checksum": [
                {"Algorithm": "MD5", "Value": hashlib.md5(PRODUCT).hexdigest()}
            ],
        }
        origin.answers["/odata"] = lambda asked: {"value": [entry]}
        options = {
            "catalogue": f"{origin.url}/odata",
            "download": f"{origin.url}/Products({{Id}})/$value",
            "token_url": f"{origin.url}/token",
            "user": "me",
            "password": "planted-password",
        }
        yield Place(origin, make, options, SCENE)


@pytest.fixture
def copernicus():
    with _odata(odata.make_copernicus) as place:
        yield place


@pytest.fixture
def creodias():
    with _odata(odata.make_creodias) as place:
        yield place


PLACES = {
    "http": FAULTS + OF_WEB + OF_HTTP,
    "bucket_s3": FAULTS + OF_WEB,
    "ftp": FAULTS + OF_FTP,
    "copernicus": [*OF_ALL, FLIPPED, STAGED],
    "creodias": [*OF_ALL, FLIPPED, STAGED],
    "asf": [*OF_ALL, FLIPPED],
    "geodes": [*OF_ALL, FLIPPED, STAGED],
    "gs": [*OF_ALL, FLIPPED],
    # Nobody tells a checksum of the files of a folder.
    "eodata": OF_ALL,
    "landsat_aws": OF_ALL,
}

CASES = [
    pytest.param(place, *fault, id=f"{place}-{fault[0]}x{fault[1]}")
    for place, faults in PLACES.items()
    for fault in faults
]


def faults_of(fault, times, files=1):
    """What goes wrong with each of two downloads; with a failure, whatever comes."""
    each = [fault] * (times * files if times == EVER else times)
    return each, ["cut 0.3", *each]


@pytest.mark.parametrize(("place", "fault", "times", "failure"), CASES)
def test_product_arrives_whole_or_fails(
    place, fault, times, failure, request, tmp_path
):
    there = request.getfixturevalue(place)
    quick = {**QUICK, "least_bytes_per_s": "5000", "stall_s": "0.3"}
    provider = there.make({**quick, **there.options})
    many = 1 if there.files is FILES else len(there.files)
    for number, faults in enumerate(faults_of(fault, times, many)):
        there.origin.faults = faults
        into = tmp_path / f"into-{number}"
        into.mkdir()
        here = errand(tmp_path, task=f"t{number}", name=f"p{number}")
        if failure is None:
            provider.fetch(there.scene, into, here)
            assert found(into) == there.files
        else:
            with pytest.raises(ProviderError) as caught:
                provider.fetch(there.scene, into, here)
            assert caught.value.failure is failure
            assert found(into) == {}
        # And once more when all is well again.
        there.origin.faults = []
        again = tmp_path / f"again-{number}"
        again.mkdir()
        provider.fetch(there.scene, again, replace(here, name=f"p{number}-again"))
        assert found(again) == there.files


def test_there_are_two_hundred_of_them():
    faulty = [
        faults
        for _, fault, times, _ in (case.values for case in CASES)
        for faults in faults_of(fault, times)
        if faults
    ]
    assert len(faulty) >= 200
