# SPDX-License-Identifier: Apache-2.0
"""Parts of objects in any S3, for who needs a few bytes of a large one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from minio import Minio

from infra.minio.client import border, connect
from infra.minio.store import Place, place_of
from streams.errors import (
    DamagedProduct,
    InvalidRequest,
    ObjectNotFound,
    ProductNotFound,
    ProviderError,
    StoreError,
)


class S3Ranges:
    """The `Ranges` of `s3://bucket/key` URIs; only reads, safe to share."""

    def __init__(self, client: Minio) -> None:
        self._client = client

    def tail(self, uri: str, length: int) -> tuple[bytes, int]:
        """The end of an object and its size; see `Ranges.tail`."""
        with _border(uri):
            place = place_of(uri)
            size = self._client.stat_object(*place).size or 0
            length = min(size, length)
            return self._read(uri, place, size - length, length), size

    def read(self, uri: str, start: int, length: int) -> bytes:
        """A part of an object; see `Ranges.read`."""
        with _border(uri):
            return self._read(uri, place_of(uri), start, length)

    def _read(self, uri: str, place: Place, start: int, length: int) -> bytes:
        if length == 0:
            return b""
        answer = self._client.get_object(*place, offset=start, length=length)
        if len(answer.data) != length:
            raise ProviderError(f"{uri}: {len(answer.data)} bytes, expected {length}")
        return bytes(answer.data)


def open_ranges(options: Mapping[str, str]) -> S3Ranges:
    """The ranges of a store; options as of `connect`."""
    return S3Ranges(connect(options))


@contextmanager
def _border(uri: str) -> Iterator[None]:
    """What the store says, as what it means for a product."""
    try:
        with border(uri):
            yield
    except ObjectNotFound as error:
        raise ProductNotFound(str(error)) from error
    except InvalidRequest as error:
        raise DamagedProduct(str(error)) from error
    except StoreError as error:
        raise ProviderError(str(error)) from error
