# SPDX-License-Identifier: Apache-2.0
"""Liveness and metrics of an agent that has no HTTP of its own."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app

_STALE_S = 60.0


class Pulse:
    """The last sign that an agent's loop turns."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """The loop has turned once more."""
        self._last = self._clock()

    @property
    def alive(self) -> bool:
        """Has the loop turned within the last minute?"""
        return self._clock() - self._last < _STALE_S


def serve(listen: str, pulse: Pulse) -> None:
    """Answer `/healthz` and `/metrics` on `host:port` in a thread; nothing if empty."""
    if not listen:
        return
    host, _, port = listen.rpartition(":")
    server = make_server(host, int(port), _app(pulse), handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every second: not worth a line."""


def _app(pulse: Pulse) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        if environ["PATH_INFO"] == "/healthz":
            status = "200 OK" if pulse.alive else "503 Service Unavailable"
            text = b"alive\n" if pulse.alive else b"the loop stands still\n"
        else:
            status, text = "404 Not Found", b"ask for /healthz or /metrics\n"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text]

    return app
