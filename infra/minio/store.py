# SPDX-License-Identifier: Apache-2.0
"""Objects in any S3, created once and never replaced."""

import hashlib
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error

from infra.files.digest import measured
from infra.files.disk import disk
from infra.minio.client import border, connect
from streams.errors import (
    InvalidRequest,
    ObjectConflict,
    ObjectNotFound,
    StoreUnavailable,
)

# Larger objects travel in parts of this size, both ways. At most PARALLEL + 1 parts
# of each transfer are in memory.
PART = 16 << 20
PARALLEL = 3

# S3 takes 10,000 parts; above 156 GiB they must grow.
_MOST_PARTS = 10_000

# Somebody was faster (412), is being faster (409, AWS), or an answer of the store was
# lost and the request that was sent again found its work done.
_LOOK_AGAIN = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"}
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# The stored bytes' SHA-256, hexadecimal, as user metadata of each object.
_DIGEST = "x-amz-meta-sha256"


class Place(NamedTuple):
    """Where an object is, in S3's words."""

    bucket: str
    key: str


class S3Store:
    """The `ObjectStore` of `s3://bucket/key` URIs; safe to share between threads.

    Text after the bucket is the key as it is: no percent-decoding, no query. A create
    is one conditional request (`If-None-Match: *`), also for objects in parts, so of
    any number of writers one wins; the server checks every body against its MD5.
    """

    def __init__(self, client: Minio) -> None:
        self._client = client

    def put(self, uri: str, source: Path) -> tuple[int, str]:
        """Create the object; see `ObjectStore.put`."""
        place, ours = place_of(uri), measured(source)
        if ours[0] <= PART or self.stat(uri) is None:
            self._create(place, source, ours)
        there = self.stat(uri)
        if there is None:
            raise StoreUnavailable(f"{uri}: not there after it was written")
        if there != ours:
            raise ObjectConflict(
                f"{uri}: {there[0]} bytes with SHA-256 {there[1]} are there already, "
                f"expected {ours[0]} bytes with {ours[1]}"
            )
        return there

    def get(self, uri: str, target: Path) -> tuple[int, str]:
        """Copy the object to `target`; see `ObjectStore.get`."""
        place = place_of(uri)
        found = self._found(place)
        if found is None:
            raise ObjectNotFound(f"{uri}: no object there")
        digest = hashlib.sha256()
        with TemporaryDirectory(dir=target.parent, prefix=".part-") as folder:
            part = Path(folder, "object")
            with border(uri), disk(target.parent), part.open("xb") as file:
                for block in self._blocks(place, found):
                    file.write(block)
                    digest.update(block)
            os.replace(part, target)
        return found.size or 0, digest.hexdigest()

    def stat(self, uri: str) -> tuple[int, str] | None:
        """Size and SHA-256; reads the object when its metadata has no digest."""
        place = place_of(uri)
        found = self._found(place)
        if found is None:
            return None
        known = (found.metadata or {}).get(_DIGEST)
        return found.size or 0, known or self._digest(place, found)

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """Objects below; see `ObjectStore.list`."""
        bucket, start = _split(prefix)
        with border(prefix):
            for item in self._client.list_objects(bucket, start, recursive=True):
                if item.last_modified is not None:  # absent in common prefixes only
                    uri = f"s3://{bucket}/{item.object_name}"
                    yield uri, item.size or 0, item.last_modified

    def delete(self, uri: str) -> bool:
        """Remove the object; see `ObjectStore.delete`."""
        place = place_of(uri)
        if self._found(place) is None:
            return False
        with border(uri):
            self._client.remove_object(place.bucket, place.key)
        return True

    def reading_url(self, uri: str, lifetime: timedelta) -> str:
        """A presigned URL; see `ObjectStore.reading_url`."""
        place = place_of(uri)
        with border(uri):
            url: str = self._client.presigned_get_object(*place, expires=lifetime)
        return url

    def _create(self, place: Place, source: Path, ours: tuple[int, str]) -> None:
        size, digest = ours
        with border(_uri(place)), source.open("rb") as data:
            try:
                self._client.put_object(
                    *place,
                    data,
                    size,
                    metadata={_DIGEST: digest},
                    part_size=max(PART, -(-size // _MOST_PARTS)),
                    num_parallel_uploads=PARALLEL,
                )
            except S3Error as error:
                if error.code not in _LOOK_AGAIN:
                    raise

    def _found(self, place: Place) -> Object | None:
        with border(_uri(place)):
            try:
                return self._client.stat_object(*place)
            except S3Error as error:
                if error.code != "NoSuchKey":
                    raise
                return None

    def _blocks(self, place: Place, found: Object) -> Iterator[bytes]:
        """The bytes in order, read ahead by as many threads as PARALLEL."""
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(PARALLEL) as threads:
            for start in range(0, found.size or 0, PART):
                waiting.append(threads.submit(self._block, place, found, start))
                if len(waiting) > PARALLEL:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _block(self, place: Place, found: Object, start: int) -> bytes:
        length = min(PART, (found.size or 0) - start)
        data = self._client.get_object(
            *place,
            offset=start,
            length=length,
            # All blocks must be of the object that was looked at.
            request_headers={"If-Match": f'"{found.etag}"'},
        ).data
        if len(data) != length:
            raise StoreUnavailable(
                f"{_uri(place)}: {len(data)} bytes from {start} on, expected {length}"
            )
        return data

    def _digest(self, place: Place, found: Object) -> str:
        digest = hashlib.sha256()
        with border(_uri(place)):
            for block in self._blocks(place, found):
                digest.update(block)
        return digest.hexdigest()


def open_store(options: Mapping[str, str]) -> S3Store:
    """The store of `s3://` URIs (entry point `s3`); options as of `connect`."""
    return S3Store(connect(options))


def place_of(uri: str) -> Place:
    """Bucket and key of an object.

    Raises:
        InvalidRequest: the URI names no object that every S3 can hold: SeaweedFS, for
            one, takes a backslash for a slash and two slashes for one.
    """
    bucket, key = _split(uri)
    if not {"", ".", ".."}.isdisjoint(key.split("/")) or "\\" in key:
        problem = "is empty, or has an empty, '.' or '..' part or a backslash"
        raise InvalidRequest(uri, [f"key '{key}': {problem}"])
    if len(key.encode()) > 1024:
        raise InvalidRequest(uri, ["key: longer than 1024 bytes"])
    return Place(bucket, key)


def _split(uri: str) -> tuple[str, str]:
    """Bucket and what follows it."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket):
        raise InvalidRequest(
            uri, ["expected s3://bucket/key, bucket 3 to 63 of a-z, 0-9, '.' and '-'"]
        )
    return bucket, key


def _uri(place: Place) -> str:
    return f"s3://{place.bucket}/{place.key}"
