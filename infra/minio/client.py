# SPDX-License-Identifier: Apache-2.0
"""The `minio` client as the ingester needs it: bounded, checked, never replacing."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from streams.errors import InvalidRequest, ObjectNotFound, StoreError, StoreUnavailable

# Both count silence, not the length of a transfer: bodies go out block by block and
# objects are read in parts. Completing a large upload is the longest silence known.
TIMEOUT = urllib3.Timeout(connect=10, read=120)

# A megabyte per system call: 16 KiB, the default, costs a third of the upload's speed.
SEND_BLOCK = 1 << 20

# Pauses of 0, 1, 2, 4 and 8 s, each up to half a second longer so that workers do not
# come back together: a server that restarts is waited for, one that is gone is not.
RETRIES = 5

_PASSING = frozenset({429, 500, 502, 503, 504})

_OURS: dict[str, type[StoreError]] = {
    "NoSuchKey": ObjectNotFound,
    "NoSuchBucket": ObjectNotFound,
}
"""S3 error code → our error; any other code is a plain `StoreError`."""


class CreateOnlyPool(urllib3.PoolManager):
    """HTTP for a client that creates objects and never replaces one.

    `Minio.put_object` offers no conditional create, but the client takes its HTTP pool
    as an argument, and S3 wants no signature for headers that are not `x-amz-*`. So
    `If-None-Match: *` is added here to whatever makes an object appear: a whole PUT and
    the completion of a multipart upload. The server answers 412 when one is there.
    """

    def urlopen(  # type: ignore[override] # as urllib3's own
        self, method: str, url: str, redirect: bool = False, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request of the client, answered in full; redirects are errors."""
        headers, body = kw["headers"], kw.get("body")
        if _creates(method, url):
            headers["If-None-Match"] = "*"
        if method == "PUT" and body:
            # SeaweedFS 4.48 does not compare a body with its signed SHA-256 (the other
            # servers do); all compare it with an MD5 and answer 400 BadDigest.
            headers["Content-MD5"] = _md5(body)
            # Bytes would go out in one sendall(), all within the connect time-out.
            kw["body"] = io.BytesIO(body)
        # A body read here is inside urllib3's retries; a streamed one is not.
        kw["preload_content"] = True
        return super().urlopen(method, url, redirect=False, **kw)


def connect(
    options: Mapping[str, str],
    pool: Callable[..., urllib3.PoolManager] = CreateOnlyPool,
    retries: int = RETRIES,
) -> Minio:
    """A client of the store that the options name; nothing is sent yet.

    Args:
        options: `endpoint` (http(s)://host:port), `access_key`, `secret_key` (both
            empty: anonymous), `region` (default `us-east-1`; never looked up).
        pool: what carries its requests.
        retries: of a request that got no answer or a passing refusal.

    Raises:
        InvalidRequest: the endpoint is not an address.
    """
    address = urlsplit(options.get("endpoint", ""))
    if address.scheme not in ("http", "https") or address.path.strip("/"):
        # Not shown: an address may carry a password.
        raise InvalidRequest("object store", ["endpoint: expected http(s)://host:port"])
    return Minio(
        address.netloc,
        options.get("access_key") or None,
        options.get("secret_key") or None,
        secure=address.scheme == "https",
        region=options.get("region") or "us-east-1",
        http_client=pool(
            timeout=TIMEOUT, maxsize=32, blocksize=SEND_BLOCK, retries=_policy(retries)
        ),
    )


@contextmanager
def border(subject: str) -> Iterator[None]:
    """Errors of the client that leave the block, as ours, naming `subject`."""
    try:
        yield
    except S3Error as error:
        kind = _OURS.get(error.code or "", StoreError)
        raise kind(f"{subject}: {error.code}: {error.message}") from error
    except (HTTPError, MinioException) as error:
        raise StoreUnavailable(f"{subject}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    # An answer that is not S3's may be a page of HTML: its class says enough.
    return str(reason) if reason is not None else type(error).__name__


def _creates(method: str, url: str) -> bool:
    query = urlsplit(url).query
    return (method == "PUT" and not query) or (
        method == "POST" and query.startswith("uploadId=")
    )


def _md5(body: bytes) -> str:
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _policy(retries: int) -> urllib3.Retry:
    return urllib3.Retry(
        total=retries,
        allowed_methods=None,  # every request of ours may be sent twice
        status_forcelist=_PASSING,
        backoff_factor=0.5,
        backoff_max=10,
        backoff_jitter=0.5,
        retry_after_max=30,
    )
