# SPDX-License-Identifier: Apache-2.0
"""What everything must do that reads parts of files: disk, web, the embedded S3."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from agents.worker.ranges import FileRanges, HttpRanges, Ranges, whole
from infra.local import s3
from infra.minio.client import connect
from infra.minio.provision import provision_bucket
from infra.minio.ranges import open_ranges
from streams.errors import DamagedProduct, ProductNotFound
from tests.ranged import ranged

CONTENT = bytes(range(256)) * 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere with `a/b.bin` and `a/none.bin`, which is empty."""

    ranges: Ranges
    root: str

    @property
    def uri(self) -> str:
        return f"{self.root}/a/b.bin"


@pytest.fixture(params=["path", "file", "http", "s3"])
def place(request, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.bin").write_bytes(CONTENT)
    (tmp_path / "a" / "none.bin").write_bytes(b"")
    if request.param == "path":
        yield Place(FileRanges(), str(tmp_path))
    elif request.param == "file":
        yield Place(FileRanges(), tmp_path.as_uri())
    elif request.param == "http":
        with ranged(tmp_path) as server:
            yield Place(HttpRanges(retries=1, backoff_s=0.01), server.url)
    else:
        options = s3.options(request.getfixturevalue("stack").environment())
        bucket = f"test-{uuid4().hex[:12]}"
        provision_bucket(bucket, options)
        for name in ("b.bin", "none.bin"):
            connect(options).fput_object(bucket, f"a/{name}", tmp_path / "a" / name)
        yield Place(open_ranges(options), f"s3://{bucket}")


@pytest.mark.parametrize("length", [1, 1000, len(CONTENT)])
def test_tail_is_the_end_and_tells_the_size(length, place):
    assert place.ranges.tail(place.uri, length) == (CONTENT[-length:], len(CONTENT))


def test_tail_of_a_smaller_file_is_all_of_it(place):
    wanted = len(CONTENT) + 1
    assert place.ranges.tail(place.uri, wanted) == (CONTENT, len(CONTENT))
    assert whole(place.ranges, place.uri) == CONTENT


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (255, 600), (len(CONTENT) - 1, 1), (0, len(CONTENT))]
)
def test_read_gives_exactly_what_was_asked_for(start, length, place):
    read = place.ranges.read(place.uri, start, length)
    assert read == CONTENT[start : start + length]


def test_file_that_is_not_there_is_not_found(place):
    for uri in (f"{place.root}/a/c.bin", f"{place.root}/x/b.bin", f"{place.root}/a"):
        with pytest.raises(ProductNotFound):
            place.ranges.tail(uri, 10)


def test_empty_file_is_empty_or_said_to_be_of_no_use(place):
    uri = f"{place.root}/a/none.bin"
    if uri.startswith("http:"):  # which has no range that lies in an empty file
        with pytest.raises(DamagedProduct, match="it is empty"):
            place.ranges.tail(uri, 10)
    else:
        assert place.ranges.tail(uri, 10) == (b"", 0)
