# SPDX-License-Identifier: Apache-2.0
"""Two hundred downloads from web, S3 and FTP servers that do wrong in every way.

Every product arrives bit by bit as it is, or fails in the right class; none in part.
"""

import hashlib
from dataclasses import replace

import pytest
from msgspec import structs

from agents.downloader.providers import url
from infra.local import s3
from infra.minio.client import connect
from streams.errors import ProviderError
from streams.failures import Failure
from tests import origins
from tests.errands import QUICK, SCENE, archive, content, errand, found

FILES = {
    "P.SAFE/manifest.safe": content(700, seed=1),
    "P.SAFE/measurement/a.tiff": content(30_000, seed=2),
    "P.SAFE/annotation/a.xml": b"<a/>" * 500,
}
PRODUCT = archive(FILES)

# Fault, how often in a row, and the class of the failure; None: it must arrive.
FAULTS = [
    ("", 0, None),
    ("cut 0.1", 1, None),
    ("cut 0.5", 3, None),
    ("cut 0.99", 1, None),
    ("cut 0", 9, Failure.TRANSIENT_NET),
    ("reset 0.5", 1, None),
    ("reset 0.9", 2, None),
    ("stall 0.5", 1, None),
    ("flip", 9, Failure.INTEGRITY),
]
OF_WEB = [
    ("delay 0.05", 2, None),
    ("drip", 1, None),
    ("429", 2, None),
    ("429 100", 9, Failure.RATE_LIMITED),
    ("503", 3, None),
    ("503", 9, Failure.TRANSIENT_NET),
    ("500", 2, None),
    ("401", 9, Failure.AUTH),
    ("403", 9, Failure.AUTH),
    ("404", 9, Failure.NOT_FOUND),
]
OF_HTTP = [
    ("202 5", 9, Failure.STAGING),
    ("html", 9, Failure.AUTH),
    ("page", 9, Failure.AUTH),
    ("402", 9, Failure.QUOTA),
]
OF_FTP = [
    ("421", 1, None),
    ("450", 2, None),
    ("530", 9, Failure.AUTH),
    ("550", 9, Failure.NOT_FOUND),
    ("553", 9, Failure.BAD_INPUT),
]


@pytest.fixture
def http(request):
    with origins.web({"P.zip": PRODUCT}) as origin:
        yield origin, {"urls": f"{origin.url}/{{SCENE}}.zip"}


@pytest.fixture
def ftp(request):
    with origins.ftp({"P.zip": PRODUCT}) as origin:
        options = {"user": "me", "password": "planted-password", "parallel": "1"}
        yield origin, {"urls": f"{origin.url}/{{SCENE}}.zip", **options}


@pytest.fixture
def bucket(stack, bucket, tmp_path):
    """The embedded object store, behind a proxy."""
    options = s3.options(stack.environment())
    file = tmp_path / "object"
    file.write_bytes(PRODUCT)
    connect(options).fput_object(bucket, "P.zip", str(file))
    with origins.web(upstream=options["endpoint"]) as origin:
        urls = f"s3://{bucket}/{{SCENE}}.zip"
        yield origin, {**options, "endpoint": origin.url, "urls": urls}


def _cases():
    return list(_each())


def _each():
    for name, more in (("http", OF_WEB + OF_HTTP), ("bucket", OF_WEB), ("ftp", OF_FTP)):
        for fault, times, failure in FAULTS + more:
            yield pytest.param(
                name, fault, times, failure, id=f"{name}-{fault}x{times}"
            )


@pytest.mark.parametrize(("server", "fault", "times", "failure"), _cases())
def test_product_arrives_whole_or_fails(
    server, fault, times, failure, request, tmp_path
):
    origin, options = request.getfixturevalue(server)
    provider = url.make(
        {**QUICK, "least_bytes_per_s": "5000", **options, "stall_s": "0.3"}
    )
    # The checksum of a catalogue finds what the archive's own ones would find later.
    md5 = hashlib.md5(PRODUCT).hexdigest()
    scene = structs.replace(SCENE, metadata={"md5": md5})
    for number, before in enumerate(("", "cut 0.3")):
        origin.faults = [*([before] if before else []), *[fault] * times]
        into = tmp_path / f"into-{number}"
        into.mkdir()
        here = errand(tmp_path, task=f"t{number}", name=f"p{number}")
        if failure is None:
            provider.fetch(scene, into, here)
            assert found(into) == FILES
        else:
            with pytest.raises(ProviderError) as caught:
                provider.fetch(scene, into, here)
            assert caught.value.failure is failure
            assert found(into) == {}
        # And once more when all is well again.
        origin.faults = []
        again = tmp_path / f"again-{number}"
        again.mkdir()
        name = f"p{number}-again"
        provider.fetch(scene, again, replace(here, name=name))
        assert found(again) == FILES


def test_there_are_two_hundred_of_them():
    assert len(_cases()) * 4 >= 200
