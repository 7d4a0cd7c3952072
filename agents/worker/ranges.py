# SPDX-License-Identifier: Apache-2.0
"""Bytes of files somewhere else, a few at a time."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from streams.errors import DamagedProduct, ProductNotFound, ProviderError

# What is read of one file at most.
LARGEST = 32 << 20

_BLOCK = 64 << 10


class Ranges(Protocol):
    """Files by URI. Reading changes nothing; safe to share between threads.

    Both methods may raise `ProductNotFound` (there is no such file), `DamagedProduct`
    (it can never be read so) and `ProviderError` (ask again).
    """

    def tail(self, uri: str, length: int) -> tuple[bytes, int]:
        """The last `length` bytes, all of a smaller file; and the size of the file."""
        ...

    def read(self, uri: str, start: int, length: int) -> bytes:
        """Exactly these bytes; `start` and `length` lie within the file."""
        ...


def whole(ranges: Ranges, uri: str) -> bytes:
    """A small file, in one request.

    Raises:
        DamagedProduct: it has more than `LARGEST` bytes.
    """
    content, size = ranges.tail(uri, LARGEST)
    if size > LARGEST:
        raise DamagedProduct(f"{shown(uri)}: {size} bytes, expected {LARGEST} at most")
    return content


def shown(uri: str) -> str:
    """A URI for people: its query and its user may be secrets."""
    parts = urlsplit(uri)
    if not parts.scheme:
        return uri
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class FileRanges:
    """Files of this machine: absolute paths and `file://` URIs."""

    def tail(self, uri: str, length: int) -> tuple[bytes, int]:
        """See `Ranges.tail`."""
        size = self._size(uri)
        return self._read(uri, max(size - length, 0), min(size, length)), size

    def read(self, uri: str, start: int, length: int) -> bytes:
        """See `Ranges.read`."""
        return self._read(uri, start, length)

    def _size(self, uri: str) -> int:
        path = _path(uri)
        with _file_border(path):
            # A device or a pipe would never end.
            if not path.is_file():
                raise ProductNotFound(f"{path}: no file there")
            return path.stat().st_size

    def _read(self, uri: str, start: int, length: int) -> bytes:
        path = _path(uri)
        with _file_border(path), path.open("rb") as file:
            file.seek(start)
            content = file.read(length)
        if len(content) != length:
            raise ProviderError(f"{path}: it ends before byte {start + length}")
        return content


@contextmanager
def _file_border(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file://") else uri)


class HttpRanges:
    """Files of web servers that answer to `Range`."""

    # A server that is silent for so long is not asked any further.
    _TIMEOUT = urllib3.Timeout(connect=10, read=60)
    _WHOLE_S = 300.0
    _PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
    # Of a body that is cut; refusals that may pass are tried again by urllib3.
    _TRIES = 3

    def __init__(self, retries: int = 4, backoff_s: float = 0.5) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=self._TIMEOUT,
            retries=urllib3.Retry(
                total=retries,
                redirect=5,
                status_forcelist=self._PASSING,
                raise_on_status=False,
                backoff_factor=backoff_s,
                backoff_jitter=backoff_s,
                retry_after_max=60,
            ),
        )

    def tail(self, uri: str, length: int) -> tuple[bytes, int]:
        """See `Ranges.tail`; one request, also of a server without `Range`."""
        content, size = self._get(uri, f"bytes=-{length}", length)
        _check_length(uri, content, min(size, length))
        return content, size

    def read(self, uri: str, start: int, length: int) -> bytes:
        """See `Ranges.read`."""
        content, _ = self._get(uri, f"bytes={start}-{start + length - 1}", length)
        _check_length(uri, content, length)
        return content

    def _get(self, uri: str, wanted: str, at_most: int) -> tuple[bytes, int]:
        """What a server sends of a range, and the size of the whole file."""
        for attempt in range(1, self._TRIES + 1):
            try:
                return self._once(uri, wanted, at_most)
            except HTTPError as error:
                if attempt == self._TRIES:
                    raise ProviderError(
                        f"{shown(uri)}: {type(error).__name__}"
                    ) from error
        raise AssertionError("the last attempt returns or raises")

    def _once(self, uri: str, wanted: str, at_most: int) -> tuple[bytes, int]:
        # Ranges are of the file as it is, not of a compressed form of it.
        headers = {"Range": wanted, "Accept-Encoding": "identity"}
        answer = self._pool.request("GET", uri, headers=headers, preload_content=False)
        try:
            _judge(answer, uri)
            size = _size(answer, uri)
            if answer.status == 200 and size > at_most:
                raise DamagedProduct(
                    f"{shown(uri)}: its server sends whole files, not byte ranges"
                )
            content = self._body(answer, uri, at_most)
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return content, size

    def _body(self, answer: urllib3.BaseHTTPResponse, uri: str, at_most: int) -> bytes:
        content = bytearray()
        deadline = time.monotonic() + self._WHOLE_S
        while block := answer.read1(_BLOCK):
            content += block
            # A server that sends more than it was asked for is not listened to, and
            # one that sends a byte now and then not for ever.
            if len(content) > at_most:
                raise ProviderError(f"{shown(uri)}: more bytes than asked for")
            if time.monotonic() > deadline:
                raise ProviderError(f"{shown(uri)}: not sent in {self._WHOLE_S:g} s")
        return bytes(content)


def _judge(answer: urllib3.BaseHTTPResponse, uri: str) -> None:
    if answer.status in (404, 410):
        raise ProductNotFound(f"{shown(uri)}: status {answer.status}")
    if answer.status == 416:
        raise DamagedProduct(f"{shown(uri)}: it is empty, or shorter than it was")
    if answer.status not in (200, 206):
        raise ProviderError(f"{shown(uri)}: status {answer.status}")


def _check_length(uri: str, content: bytes, length: int) -> None:
    if len(content) != length:
        raise ProviderError(
            f"{shown(uri)}: its server sent {len(content)} bytes, expected {length}"
        )


def _size(answer: urllib3.BaseHTTPResponse, uri: str) -> int:
    """Bytes of the whole file."""
    if answer.status == 206:
        text = answer.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        text = answer.headers.get("Content-Length", "")
    if not text.isdecimal():
        raise ProviderError(f"{shown(uri)}: its server does not say how large it is")
    return int(text)


def file_name(uri: str) -> str:
    """The last part of a URI's path."""
    return os.path.basename(urlsplit(uri).path.rstrip("/"))
