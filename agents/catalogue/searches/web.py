# SPDX-License-Identifier: Apache-2.0
"""HTTP as every search speaks it: in bounded time, patiently, and at its host's pace.

A request is tried again when its failure may pass: no answer, 408, 425, 429, 5xx, a
body that is cut off or is not JSON. Searches only read, so a POST may be repeated too.
"""

import json
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from agents.worker.authorization import headers_of
from agents.worker.hosts import (
    AGENT,
    CONNECT_S,
    MOST_REDIRECTS,
    PASSING,
    REDIRECTS,
    Pools,
    origin,
    pace_of,
    pause,
    retry_after,
)
from streams.errors import SearchError

# Of an error's body that is shown.
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Manners:
    """How a search treats the host it asks."""

    timeout_s: float = 60.0
    """Of one request, until the last byte of its answer."""
    tries: int = 5
    per_second: float = 5.0
    """Requests begun at one host, whichever search of the process makes them."""
    longest_pause_s: float = 120.0
    """Longest `Retry-After` that is waited for; more is an error."""
    body_bytes: int = 256 * 1024 * 1024
    """Largest answer; a page of a thousand STAC items has about 10 MB."""


def manners_of(options: Mapping[str, str]) -> Manners:
    """The manners in a search's options.

    Raises:
        ValueError: an option is no number above 0.
    """
    default = Manners()
    return Manners(
        timeout_s=_above_zero(options, "timeout_s", default.timeout_s),
        tries=int(_above_zero(options, "tries", default.tries)),
        per_second=_above_zero(options, "per_second", default.per_second),
        longest_pause_s=_above_zero(
            options, "longest_pause_s", default.longest_pause_s
        ),
        body_bytes=int(_above_zero(options, "body_bytes", default.body_bytes)),
    )


def _above_zero(options: Mapping[str, str], name: str, default: float) -> float:
    value = float(options.get(name, default))
    if not value > 0:
        raise ValueError(f"{name}: {value:g}, expected a number above 0")
    return value


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    url: str
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def with_query(url: str, parameters: Mapping[str, Any]) -> str:
    """A URL with these parameters behind those it has, in their order."""
    if not parameters:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(parameters)}"


def credentials_of(
    url: str, options: Mapping[str, str]
) -> dict[str, Mapping[str, str]]:
    """The credentials in a search's options, for the host of its URL alone.

    Options `token` (bearer), or `user` and `password`, or `api_key` with the name of
    its header in `api_key_header`.
    """
    headers = headers_of(options)
    return {url: headers} if headers else {}


def post_json(url: str, body: Any, headers: Mapping[str, str] | None = None) -> Ask:
    """A POST of a JSON body."""
    kind = {"Content-Type": "application/json"}
    text = json.dumps(body, sort_keys=True).encode()
    return Ask(url, "POST", text, {**(headers or {}), **kind})


class _Passing(Exception):
    """A failure that may pass."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Web:
    """Asks hosts, and tries again; may be used by several threads."""

    def __init__(
        self,
        manners: Manners = Manners(),
        credentials: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """A way to the network.

        Args:
            manners: towards all hosts.
            credentials: headers by URL; its scheme, host and port alone get them.
        """
        self._manners = manners
        self._credentials = {origin(url): h for url, h in (credentials or {}).items()}
        self._pools = Pools()

    def json(self, ask: Ask) -> Any:
        """The answer's body as JSON.

        Raises:
            SearchError: no good answer after all tries, or one that says it never will.
        """
        return self._patiently(ask, _json)

    def json_text(self, ask: Ask) -> str:
        """The answer's body as text, which is JSON; errors as `json`."""
        return str(self._patiently(ask, _json_text))

    def _patiently(self, ask: Ask, parse: Any) -> Any:
        pace = pace_of(ask.url)
        failures: list[str] = []
        for number in range(self._manners.tries):
            time.sleep(pace.turn(self._manners.per_second))
            try:
                return parse(self._try(ask))
            except _Passing as failure:
                failures.append(str(failure))
                if number + 1 < self._manners.tries:
                    pace.hold(self._pause(ask, failure, number))
        tries = f"{len(failures)} tries" if len(failures) > 1 else "one try"
        raise SearchError(f"{shown(ask.url)}: {failures[-1]} (after {tries})")

    def _pause(self, ask: Ask, failure: _Passing, number: int) -> float:
        longest = self._manners.longest_pause_s
        if failure.retry_after_s > longest:
            raise SearchError(
                f"{shown(ask.url)}: {failure}, asks to wait "
                f"{failure.retry_after_s:.0f} s, more than {longest:g} s"
            )
        return pause(number + 1, longest, failure.retry_after_s)

    def _try(self, ask: Ask) -> bytes:
        deadline = time.monotonic() + self._manners.timeout_s
        for _ in range(MOST_REDIRECTS):
            answer, body = self._once(ask, deadline)
            if answer.status not in REDIRECTS:
                return self._judged(ask, answer, body)
            ask = _followed(ask, answer)
        raise SearchError(f"{shown(ask.url)}: redirects without end")

    def _once(
        self, ask: Ask, deadline: float
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        left = max(deadline - time.monotonic(), 0.001)
        try:
            answer = self._pools.of(ask.url).request(
                ask.method,
                ask.url,
                body=ask.body,
                headers={
                    "Accept-Encoding": "gzip",
                    "User-Agent": AGENT,
                    **ask.headers,
                    **self._credentials.get(origin(ask.url), {}),
                },
                timeout=urllib3.Timeout(connect=min(CONNECT_S, left), read=left),
                redirect=False,
                preload_content=False,
            )
            try:
                return answer, self._body(ask.url, answer, deadline)
            except BaseException:
                answer.close()
                raise
        except HTTPError as error:
            raise _Passing(self._clean(f"{type(error).__name__}: {error}")) from error

    def _body(
        self, url: str, answer: urllib3.BaseHTTPResponse, deadline: float
    ) -> bytes:
        chunks: list[bytes] = []
        size = 0
        # A timeout of the socket alone would wait for ever on a byte now and then.
        while chunk := answer.read1(65536, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._manners.body_bytes:
                raise SearchError(f"{shown(url)}: an answer of more than {size} bytes")
            if time.monotonic() > deadline:
                raise _Passing(f"no complete answer in {self._manners.timeout_s:g} s")
        answer.release_conn()
        return b"".join(chunks)

    def _judged(self, ask: Ask, answer: urllib3.BaseHTTPResponse, body: bytes) -> bytes:
        if 200 <= answer.status < 300:
            return body
        text = " ".join(body.decode(errors="replace").split())[:_SHOWN]
        said = self._clean(f"status {answer.status}" + (f": {text}" if text else ""))
        if answer.status in PASSING:
            raise _Passing(said, retry_after(answer.headers.get("Retry-After", "")))
        raise SearchError(f"{shown(ask.url)}: {said}")

    def _clean(self, text: str) -> str:
        """A message without the credentials that a host may repeat in it."""
        for headers in self._credentials.values():
            for secret in headers.values():
                for part in _spellings(secret):
                    text = text.replace(part, "***") if part else text
        return text


def _spellings(secret: str) -> tuple[str, ...]:
    """A header's value, what follows its scheme, and the password in that."""
    scheme, _, token = secret.rpartition(" ")
    if scheme != "Basic":
        return secret, token
    return secret, token, b64decode(token).decode().partition(":")[2]


def shown(url: str) -> str:
    """A URL for people: its query and user may hold secrets."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _followed(ask: Ask, answer: urllib3.BaseHTTPResponse) -> Ask:
    url = urljoin(ask.url, answer.headers.get("Location", ""))
    if answer.status not in (307, 308) and ask.method != "GET":
        raise SearchError(f"{shown(ask.url)}: redirected a {ask.method}")
    if urlsplit(url).scheme not in ("http", "https"):
        raise SearchError(f"{shown(ask.url)}: redirected to no HTTP")
    return Ask(url, ask.method, ask.body, ask.headers)


def _json_text(body: bytes) -> str:
    _json(body)
    return body.decode(json.detect_encoding(body))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Passing(f"the answer is no JSON: {error}") from error
