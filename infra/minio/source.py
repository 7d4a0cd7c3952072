# SPDX-License-Identifier: Apache-2.0
"""Objects in any S3 as a source of products: by ranges, also paid by who asks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError, InvalidHeader

from infra.minio.client import connect
from streams.errors import (
    CredentialsRefused,
    InvalidRequest,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    ProviderRefused,
    RateLimited,
)

# As `agents.downloader.sources.http` found it best.
_BLOCK: Final = 1 << 20

# Bringing an object back from an archive of tapes takes hours.
_STAGING_S: Final = 3600.0

_PATIENCE: Final = urllib3.Retry(retry_after_max=24 * 3600)

_REFUSED: Final = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
_MISSING: Final = frozenset({"NoSuchBucket", "NoSuchKey", "NoSuchVersion"})
_SLOWER: Final = frozenset({"RequestLimitExceeded", "SlowDown", "TooManyRequests"})

# The object is another one now, or shorter than it was.
_CHANGED: Final = frozenset({"InvalidRange", "PreconditionFailed"})

_PLACES: Final = {
    "s3": "https://s3.amazonaws.com",
    "gs": "https://storage.googleapis.com",
}


@dataclass(frozen=True, slots=True)
class S3Opened:
    """An object on its way; the `Opened` of the downloader."""

    what: str
    answer: Any
    size: int
    start: int
    end: int
    tag: str
    sums: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[bytes]:
        """The bytes as they come.

        Raises:
            ProviderError: the connection broke.
        """
        try:
            while block := self.answer.read1(_BLOCK, decode_content=False):
                yield block
        except HTTPError as error:
            raise ProviderError(f"{self.what}: {type(error).__name__}") from error
        self.answer.release_conn()

    def close(self) -> None:
        """Nothing more is wanted."""
        if self.answer.connection is not None:
            self.answer.close()


class S3Source:
    """Objects under `s3://bucket/key` and `gs://bucket/key`; only reads."""

    def __init__(self, client: Minio, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers: dict[str, str | list[str] | tuple[str]] = dict(headers)

    def open(self, uri: str, start: int, end: int | None, tag: str) -> S3Opened:
        """An object from one byte to before another one; None: to its end.

        When it is not that of the tag any more, from its start.
        """
        bucket, key = _place(uri)
        headers = dict(self._headers)
        if tag:
            headers["If-Match"] = tag
        try:
            with _border(uri):
                answer = self._client.get_object(
                    bucket,
                    key,
                    offset=start,
                    length=0 if end is None else end - start,
                    request_headers=headers,
                )
        except _Changed:
            if not (start or tag):
                # An empty object has no first byte: asked for without a range.
                return self._whole(uri, bucket, key)
            return self.open(uri, 0, None, "")
        return _opened(uri, answer)

    def list(self, uri: str) -> Iterator[tuple[str, int, str]]:
        """URI, size and tag of every object whose URI begins so."""
        bucket, prefix = _place(uri)
        scheme = urlsplit(uri).scheme
        with _border(uri):
            for item in self._client.list_objects(
                bucket, prefix, recursive=True, extra_headers=self._headers or None
            ):
                if not item.object_name.endswith("/"):
                    tag = f'"{item.etag}"' if item.etag else ""
                    yield f"{scheme}://{bucket}/{item.object_name}", item.size, tag

    def _whole(self, uri: str, bucket: str, key: str) -> S3Opened:
        with _border(uri):
            answer = self._client.get_object(
                bucket, key, request_headers=dict(self._headers)
            )
        return _opened(uri, answer)


class _Changed(ProviderError):
    """The object is not the one that was begun."""


def _opened(uri: str, answer: Any) -> S3Opened:
    headers = answer.headers
    place, _, total = headers.get("Content-Range", "").partition("/")
    first, _, last = place.removeprefix("bytes").strip().partition("-")
    tag, sums = headers.get("ETag", ""), _sums(headers)
    if first.isdecimal() and last.isdecimal() and total.isdecimal():
        return S3Opened(uri, answer, int(total), int(first), int(last) + 1, tag, sums)
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else -1
    return S3Opened(uri, answer, size, 0, size, tag, sums)


def _sums(headers: Mapping[str, str]) -> dict[str, str]:
    """Checksums that a store tells of a whole object.

    An ETag of 32 digits is the MD5 of an object that came in one part, unless the store
    encrypted it with keys of its own.
    """
    found = {}
    if digest := headers.get("x-amz-meta-sha256"):
        found["sha256"] = digest
    tag = headers.get("ETag", "").strip('"')
    plain = headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    if plain and len(tag) == 32 and set(tag) <= set("0123456789abcdef"):
        found["md5"] = tag
    return found


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.partition("://")[2].partition("/")
    if not bucket:
        raise ProviderRefused(f"{uri}: expected s3://bucket/key")
    return bucket, key


class _Answered(Exception):
    """An answer that is not S3's, of a proxy for example."""

    def __init__(self, status: int, asked_s: float) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.asked_s = asked_s


class _Pool(urllib3.PoolManager):
    """HTTP for a reader that is told every refusal, and tries again by itself."""

    def __init__(self, stall_s: float, **kw: Any) -> None:
        super().__init__(**kw)
        self._timeout = urllib3.Timeout(connect=min(10.0, stall_s), read=stall_s)

    def urlopen(  # type: ignore[override] # as urllib3's own
        self, method: str, url: str, redirect: bool = False, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request of the client; redirects are errors."""
        kw |= {"retries": False, "timeout": self._timeout}
        answer = super().urlopen(method, url, redirect=False, **kw)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status not in (200, 204, 206) and kind != "application/xml":
            answer.close()
            raise _Answered(answer.status, _asked_s(answer.headers))
        return answer


def _asked_s(headers: Mapping[str, str]) -> float:
    """As `agents.worker.hosts.retry_after`, which is not known here."""
    try:
        return float(_PATIENCE.parse_retry_after(headers.get("Retry-After", "")))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


@contextmanager
def _border(uri: str) -> Iterator[None]:
    """What the store says, as what it means for a product."""
    try:
        yield
    except S3Error as error:
        answer = error.response
        raise _meant(
            uri, error.code or "", answer.status, _asked_s(answer.headers)
        ) from error
    except _Answered as error:
        raise _meant(uri, "", error.status, error.asked_s) from error
    except (HTTPError, MinioException) as error:
        raise ProviderError(f"{uri}: {type(error).__name__}") from error
    except ValueError as error:  # a name that no bucket can have
        raise ProviderRefused(f"{uri}: {error}") from error


def _meant(uri: str, code: str, status: int, asked_s: float) -> ProviderError:
    what = f"{uri}: {code or 'status'} {status}"
    if code in _CHANGED or status in (412, 416):
        return _Changed(what)
    if code in _MISSING or status == 404:
        return ProductNotFound(what)
    if code == "InvalidObjectState":
        return ProductStaging(what, _STAGING_S)
    if code in _REFUSED or status in (401, 403):
        return CredentialsRefused(what)
    if code in _SLOWER or status == 429:
        return RateLimited(what, asked_s)
    if status in (400, 405, 411):
        return ProviderRefused(what)
    return ProviderError(what, asked_s)


def open_source(options: Mapping[str, str]) -> S3Source:
    """Any S3: `endpoint`, `access_key`, `secret_key`, `region`, `requester_pays`.

    Without keys it is asked anonymously. `requester_pays` is `true` for buckets whose
    readers pay for the transfer.

    Raises:
        ValueError: the endpoint is no address.
    """
    scheme = options.get("urls", "").partition("://")[0].split(" ")[-1]
    endpoint = options.get("endpoint") or _PLACES.get(scheme, _PLACES["s3"])
    pays = options.get("requester_pays", "false").lower() == "true"
    headers = {"x-amz-request-payer": "requester"} if pays else {}
    try:
        pool = partial(_Pool, float(options.get("stall_s", "30")))
        client = connect({**options, "endpoint": endpoint}, pool, 0)
    except InvalidRequest as error:
        raise ValueError(str(error)) from error
    return S3Source(client, headers)
