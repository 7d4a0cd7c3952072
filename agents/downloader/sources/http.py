# SPDX-License-Identifier: Apache-2.0
"""Files of web servers: by ranges, with credentials for their own hosts alone."""

import base64
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from agents.downloader.transfer.credentials import (
    Credentials,
    Fixed,
    Hosts,
    credentials_of,
)
from agents.downloader.transfer.manners import Manners, manners_of
from agents.worker.hosts import (
    AGENT,
    CONNECT_S,
    MOST_REDIRECTS,
    PASSING,
    REDIRECTS,
    Pools,
    pace_of,
    retry_after,
)
from agents.worker.ranges import shown
from streams.errors import (
    AccessDenied,
    CredentialsRefused,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    ProviderRefused,
    QuotaExceeded,
    RateLimited,
)

# As much as one call of the system may give: a quarter of the processor's time less
# than with 256 KiB. With 2 MiB its memory is new each time, and takes twice as long.
_BLOCK: Final = 1 << 20

# Where a server that is bringing a product online does not say when to come back.
STAGING_S: Final = 600.0

# What a host is asked by one process that was told no other number.
_PER_SECOND: Final = 50.0

_QUOTA: Final = frozenset({402, 509})


@dataclass(frozen=True, slots=True)
class HttpOpened:
    """The `Opened` of an answer."""

    what: str
    answer: urllib3.BaseHTTPResponse
    size: int
    start: int
    end: int
    tag: str
    sums: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[bytes]:
        """See `Opened.blocks`."""
        try:
            while block := self.answer.read1(_BLOCK, decode_content=False):
                yield block
        except HTTPError as error:
            raise ProviderError(f"{self.what}: {type(error).__name__}") from error
        self.answer.release_conn()

    def close(self) -> None:
        """See `Opened.close`; a connection that was read to its end is kept."""
        if self.answer.connection is not None:
            self.answer.close()


class HttpSource:
    """The `Source` of `http://` and `https://` URLs."""

    def __init__(
        self, credentials: Credentials, manners: Manners, pools: Pools | None = None
    ) -> None:
        self._credentials = credentials
        self._manners = manners
        self._pools = pools or Pools(32)

    def open(self, uri: str, start: int, end: int | None, tag: str) -> HttpOpened:
        """See `Source.open`."""
        headers = {"Accept-Encoding": "identity", "User-Agent": AGENT}
        if start or end is not None:
            last = "" if end is None else end - 1
            headers["Range"] = f"bytes={start}-{last}"
            if tag:
                headers["If-Range"] = tag
        answer = self._asked(uri, headers)
        if answer.status == 416 and "Range" in headers:
            answer.close()  # it is shorter than it was, or empty
            return self.open(uri, 0, None, "")
        try:
            judge(answer, uri)
            return _opened(answer, uri, tag)
        except BaseException:
            answer.close()
            raise

    def list(self, uri: str) -> Iterator[tuple[str, int, str]]:
        """A web server has no list of its files.

        Raises:
            ProviderRefused: always.
        """
        raise ProviderRefused(f"{shown(uri)}: a URL of one file is needed, or a bucket")

    def ask(
        self, method: str, uri: str, body: bytes | None = None, kind: str = ""
    ) -> urllib3.BaseHTTPResponse:
        """An answer that may be anything, not read yet; for services of a provider."""
        headers = {"Accept": "application/json", "User-Agent": AGENT}
        if kind:
            headers["Content-Type"] = kind
        return self._asked(uri, headers, method, body)

    def _asked(
        self,
        uri: str,
        headers: Mapping[str, str],
        method: str = "GET",
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The answer after redirects; a second one if our credentials were too old."""
        answer = self._followed(uri, headers, method, body)
        if answer.status == 401 and self._credentials.renew():
            answer.close()
            answer = self._followed(uri, headers, method, body)
        return answer

    def _followed(
        self, uri: str, headers: Mapping[str, str], method: str, body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        url = uri
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._once(url, headers, method, body)
            if answer.status not in REDIRECTS:
                return answer
            if method != "GET":
                answer.close()
                raise ProviderRefused(f"{shown(uri)}: redirected a {method}")
            target = urljoin(url, answer.headers.get("Location", ""))
            answer.drain_conn()
            answer.release_conn()
            secure = urlsplit(url).scheme == "https"
            schemes = ("https",) if secure else ("http", "https")
            if urlsplit(target).scheme not in schemes:
                raise ProviderRefused(f"{shown(uri)}: redirected to no {schemes[0]}")
            url = target
        raise ProviderRefused(f"{shown(uri)}: redirects without end")

    def _once(
        self, url: str, headers: Mapping[str, str], method: str, body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        if wait_s := pace_of(url).turn(self._manners.per_second or _PER_SECOND):
            time.sleep(wait_s)
        try:
            return self._pools.of(url).request(
                method,
                url,
                body=body,
                headers={**headers, **self._credentials.headers(url)},
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_S, self._manners.stall_s),
                    read=self._manners.stall_s,
                ),
                redirect=False,
                preload_content=False,
            )
        except HTTPError as error:
            raise ProviderError(f"{shown(url)}: {type(error).__name__}") from error


def judge(answer: urllib3.BaseHTTPResponse, uri: str) -> None:
    """What a status means; nothing for a file on its way.

    Raises:
        ProviderError: of the class that the status says.
    """
    status, what = answer.status, f"{shown(uri)}: status {answer.status}"
    asked_s = retry_after(answer.headers.get("Retry-After", ""))
    if status in (200, 206):
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        page = kind in ("text/html", "application/xhtml+xml")
        if page and not shown(uri).lower().endswith((".html", ".htm")):
            raise CredentialsRefused(
                f"{shown(uri)}: a page for people, not a file; is a login needed?"
            )
        return
    match status:
        case 202:
            raise ProductStaging(what, asked_s or STAGING_S)
        case 401 | 407:
            raise CredentialsRefused(what)
        case 403:
            raise AccessDenied(what)
        case 404 | 410:
            raise ProductNotFound(what)
        case 429:
            raise RateLimited(what, asked_s)
    if status in _QUOTA:
        raise QuotaExceeded(what, asked_s)
    if status in PASSING or status >= 500:
        raise ProviderError(what, asked_s)
    raise ProviderRefused(what)


def _opened(answer: urllib3.BaseHTTPResponse, uri: str, tag: str) -> HttpOpened:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise ProviderRefused(f"{shown(uri)}: compressed although it must not be")
    known = _tag(answer.headers)
    if answer.status == 200:
        length = answer.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else -1
        return HttpOpened(
            shown(uri), answer, size, 0, size, known, _sums(answer.headers)
        )
    place, _, total = answer.headers.get("Content-Range", "").partition("/")
    first, _, last = place.removeprefix("bytes").strip().partition("-")
    if not (first.isdecimal() and last.isdecimal() and total.isdecimal()):
        raise ProviderError(f"{shown(uri)}: a part, but it does not say which")
    # A server need not repeat what it was asked to compare with.
    return HttpOpened(
        shown(uri),
        answer,
        int(total),
        int(first),
        int(last) + 1,
        known or tag,
        _sums(answer.headers),
    )


def _tag(headers: Mapping[str, str]) -> str:
    """What `If-Range` may be asked with: a strong tag, else the time of its change."""
    tag = headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified", "")


def _sums(headers: Mapping[str, str]) -> dict[str, str]:
    """Checksums of the whole file; `Content-MD5` would be that of the part."""
    found: dict[str, str] = {}
    said = f"{headers.get('x-goog-hash', '')},{headers.get('Repr-Digest', '')}"
    names = {"md5": "md5", "sha-256": "sha256", "sha-512": "sha512"}
    for entry in said.split(","):
        name, _, value = entry.strip().partition("=")
        if algorithm := names.get(name):
            try:
                found[algorithm] = base64.b64decode(value.strip(":")).hex()
            except ValueError:
                continue  # not one that can be checked
    return found


def open_source(options: Mapping[str, str]) -> HttpSource:
    """Web servers; options of `Manners`, and credentials for the hosts of `urls`."""
    pools = Pools(32)
    urls = tuple(url for url in options.get("urls", "").split() if "://" in url)
    return HttpSource(credentials_of(options, urls, pools), manners_of(options), pools)


NOBODY: Final = Fixed(Hosts((), ()), {})
"""Credentials of who has none."""
