# SPDX-License-Identifier: Apache-2.0
"""Who we are to a provider, told to its own hosts alone; tokens are renewed."""

import json
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from agents.worker.authorization import headers_of
from agents.worker.hosts import AGENT, CONNECT_S, Pools, origin, retry_after
from agents.worker.ranges import shown
from agents.worker.secrets import remember
from streams.errors import CredentialsRefused, ProviderError

# Clocks differ, and a request may wait before it is looked at.
_MARGIN_S: Final = 60.0

_ANSWER_S: Final = 60.0
_LARGEST: Final = 1 << 20

Form = Mapping[str, str]


class Credentials(Protocol):
    """What a request carries to say who asks. Safe to share between threads."""

    def headers(self, url: str) -> Mapping[str, str]:
        """For a request to a URL; none for hosts that they are not for.

        Raises:
            CredentialsRefused: nobody gives us any.
            ProviderError: who gives them does not answer.
        """
        ...

    def renew(self) -> bool:
        """They were refused: will others be given when asked again?"""
        ...


class Hosts:
    """Which hosts credentials are for."""

    def __init__(self, urls: tuple[str, ...], patterns: tuple[str, ...]) -> None:
        """Hosts of a provider.

        Args:
            urls: scheme, host and port of each are ours; may be plain HTTP.
            patterns: of host names, as `*.example.org`, by TLS alone.
        """
        self._origins = {origin(url) for url in urls}
        self._patterns = patterns

    def has(self, url: str) -> bool:
        """May they be told who we are?"""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        named = any(fnmatchcase(host, pattern) for pattern in self._patterns)
        return origin(url) in self._origins or (named and parts.scheme == "https")


class Fixed:
    """Credentials that do not change: password, key, long-lived token; or none."""

    def __init__(self, hosts: Hosts, headers: Mapping[str, str]) -> None:
        self._hosts = hosts
        self._headers = dict(headers)

    def headers(self, url: str) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        return self._headers if self._hosts.has(url) else {}

    def renew(self) -> bool:
        """Never."""
        return False


class Token:
    """A bearer token of an OAuth 2 server, asked for when it is needed, and renewed.

    With a refresh token of the server before the password, where it gave one.
    """

    def __init__(self, hosts: Hosts, url: str, form: Form, pools: Pools) -> None:
        """Credentials from a server.

        Args:
            hosts: that they are for.
            url: of the server's tokens.
            form: what it is asked: `grant_type`, `client_id` and what these need.
            pools: carry the requests.
        """
        self._hosts = hosts
        self._url = url
        self._form = dict(form)
        self._pools = pools
        self._lock = Lock()
        self._token = ""
        self._until = 0.0
        self._refresh = ""

    def headers(self, url: str) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        if not self._hosts.has(url):
            return {}
        with self._lock:
            if time.monotonic() >= self._until:
                self._ask()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Another token will be asked for."""
        with self._lock:
            self._until = 0.0
        return True

    def _ask(self) -> None:
        if self._refresh:
            kept = {k: v for k, v in self._form.items() if k.startswith("client_")}
            form = {
                **kept,
                "grant_type": "refresh_token",
                "refresh_token": self._refresh,
            }
            self._refresh = ""
            try:
                self._keep(self._post(form))
            except CredentialsRefused:
                pass  # it has expired too
            else:
                return
        self._keep(self._post(self._form))

    def _keep(self, answer: Mapping[str, Any]) -> None:
        self._token = str(answer["access_token"])
        self._refresh = str(answer.get("refresh_token") or "")
        remember(self._token, self._refresh)
        lives_s = float(answer.get("expires_in") or 300)
        # Of a short life a tenth is margin enough.
        self._until = time.monotonic() + lives_s - min(_MARGIN_S, lives_s / 10)

    def _post(self, form: Form) -> Mapping[str, Any]:
        try:
            answer = self._pools.of(self._url).request(
                "POST",
                self._url,
                body=urlencode(form).encode(),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Accept": "application/json",
                    "User-Agent": AGENT,
                },
                timeout=urllib3.Timeout(connect=CONNECT_S, read=_ANSWER_S),
                redirect=False,
                preload_content=False,
            )
            body = answer.read(_LARGEST)
            answer.release_conn()
        except HTTPError as error:
            said = f"{shown(self._url)}: {type(error).__name__}"
            raise ProviderError(said) from error
        # What it says is not shown: it may repeat what it was asked.
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(f"{shown(self._url)}: status {answer.status}")
        if answer.status != 200:
            asked_s = retry_after(answer.headers.get("Retry-After", ""))
            raise ProviderError(f"{shown(self._url)}: status {answer.status}", asked_s)
        try:
            said = json.loads(body)
            said["access_token"]
        except (ValueError, KeyError, TypeError) as error:
            raise ProviderError(
                f"{shown(self._url)}: no token in its answer"
            ) from error
        return said if isinstance(said, dict) else {}


_GRANTS: Final = {
    "password": ("username", "password"),
    "client_credentials": ("client_secret",),
    "refresh_token": ("refresh_token",),
    "api_key": ("apikey",),
}
"""Grant → what its form has beside `client_id`."""


def credentials_of(
    options: Mapping[str, str], urls: tuple[str, ...], pools: Pools
) -> Credentials:
    """The credentials in a provider's options.

    `token_url` with `grant` (`password`, `client_credentials`, `refresh_token` or
    `api_key`), `client_id`, and `user`, `password`, `client_secret`, `refresh_token` or
    `apikey`; or `token` (Bearer); or `user` and `password` (Basic); or `api_key` with
    the name of its header in `api_key_header`. `hosts` are further hosts that they are
    for, as `*.example.org`, comma-separated.

    Args:
        options: of the provider.
        urls: whose hosts get them.
        pools: carry requests for tokens.

    Raises:
        ValueError: they cannot be understood.
    """
    patterns = tuple(h.strip().lower() for h in options.get("hosts", "").split(","))
    hosts = Hosts(urls, tuple(pattern for pattern in patterns if pattern))
    if url := options.get("token_url"):
        return Token(hosts, url, _form(options), pools)
    return Fixed(hosts, headers_of(options))


def _form(options: Mapping[str, str]) -> dict[str, str]:
    grant = options.get("grant", "password")
    if grant not in _GRANTS:
        raise ValueError(f"grant: '{grant}', expected one of {', '.join(_GRANTS)}")
    form = {"grant_type": grant, "client_id": options.get("client_id", "")}
    named = {**options, "username": options.get("user", "")}
    for name in _GRANTS[grant]:
        if not named.get(name):
            option = "user" if name == "username" else name
            raise ValueError(f"{option}: missing, the grant '{grant}' needs it")
        form[name] = named[name]
    if secret := options.get("client_secret"):
        form["client_secret"] = secret
    return form
