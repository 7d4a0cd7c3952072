# SPDX-License-Identifier: Apache-2.0
"""Manners towards hosts, for whoever speaks HTTP: pace, origins, proxies, patience."""

import random
import time
from threading import Lock
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import InvalidHeader

PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of answers that may be others the next time."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS: Final = 5

CONNECT_S: Final = 10.0
"""A host that cannot be connected to in this time is not there."""

AGENT: Final = "kafka-geocube-ingester"

# Longer nobody is left alone, whatever it asks: it may be asked again tomorrow.
_PATIENCE: Final = urllib3.Retry(retry_after_max=24 * 3600)

# The first pause after a failure; it doubles with each.
_PAUSE_S: Final = 0.5


class Pace:
    """When the next request to one host may begin."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = 0.0

    def turn(self, per_second: float) -> float:
        """Seconds to wait for one's turn, which is taken."""
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + 1 / per_second
            return begin - now

    def hold(self, seconds: float) -> None:
        """Nobody asks for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


# Hosts count the requests of a whole process, so its plug-ins share these.
_PACES: dict[str, Pace] = {}
_PACES_LOCK = Lock()


def pace_of(url: str) -> Pace:
    """The pace of a URL's host and port, shared by all plug-ins of this process."""
    with _PACES_LOCK:
        return _PACES.setdefault(urlsplit(url).netloc.rpartition("@")[2], Pace())


def pause(failures: int, longest_s: float, asked_s: float = 0.0) -> float:
    """Seconds to wait after so many failures (≥ 1), not less than was asked for.

    Jitter: workers that failed together shall not come back together.
    """
    backoff: float = min(_PAUSE_S * 2.0 ** (failures - 1), longest_s)
    return max(backoff * random.uniform(0.5, 1.0), asked_s)


def origin(url: str) -> str:
    """Scheme, host and port: to what credentials belong."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or default}"


def retry_after(value: str) -> float:
    """Seconds in a `Retry-After`, a number or a date: 0 without one, a day at most."""
    try:
        return float(_PATIENCE.parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


class Pools:
    """Pooled connections, through the proxies that the environment names, if any."""

    def __init__(self, at_once: int = 10) -> None:
        self._at_once = at_once
        self._proxies = getproxies()
        self._direct = urllib3.PoolManager(retries=False, maxsize=at_once)
        self._proxied: dict[str, urllib3.ProxyManager] = {}

    def of(self, url: str) -> urllib3.PoolManager:
        """What carries requests to a URL."""
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme)
        if not proxy or proxy_bypass(parts.hostname or ""):
            return self._direct
        if proxy not in self._proxied:
            self._proxied[proxy] = urllib3.ProxyManager(
                proxy, retries=False, maxsize=self._at_once
            )
        return self._proxied[proxy]
