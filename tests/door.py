# SPDX-License-Identifier: Apache-2.0
"""A door in front of an object store, shut when a worker is to be held on its way."""

import http.client
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_OF_CONNECTION = ("connection", "transfer-encoding")


@dataclass(slots=True)
class _Shut:
    """What is held until the door opens: it is never let through."""

    holds: Callable[[str], bool]
    behind: bool
    opened: threading.Event = field(default_factory=threading.Event)
    paths: list[str] = field(default_factory=list)


class Door:
    """Lets every request through while it is open."""

    def __init__(self, server: str) -> None:
        self.server = urlsplit(server).netloc
        self.url = ""
        self._shut: _Shut | None = None
        self._lock = threading.Lock()

    def shut(self, holds: Callable[[str], bool], *, behind: bool = False) -> None:
        """Hold requests that write certain objects.

        Args:
            holds: is a path held? Asked once for each request, in turn.
            behind: the request is let through; its answer is held.
        """
        self._shut = _Shut(holds, behind)

    def open(self) -> None:
        """What was held is dropped; everything is let through."""
        shut, self._shut = self._shut, None
        if shut is not None:
            shut.opened.set()

    @property
    def held(self) -> tuple[str, ...]:
        """Paths that wait."""
        return () if self._shut is None else tuple(self._shut.paths)

    def stopping(self, path: str) -> _Shut | None:
        """What holds a request to write this path, if anything does."""
        with self._lock:
            shut = self._shut
            return shut if shut is not None and shut.holds(path) else None


@contextmanager
def door(server: str) -> Iterator[Door]:
    """A door in front of a server."""
    made = Door(server)
    handler = type("Handler", (_Handler,), {"door": made})
    with _Porter(("127.0.0.1", 0), handler) as porter:
        made.url = f"http://127.0.0.1:{porter.server_address[1]}"
        threading.Thread(target=porter.serve_forever, daemon=True).start()
        yield made
        made.open()
        porter.shutdown()


class _Porter(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *of: Any) -> None:
        """A client that was killed meanwhile is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*of)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer go out together
    door: Door

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """Any request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        shut = self.door.stopping(path) if self.command == "PUT" else None
        if shut is not None and not shut.behind:
            self._wait(shut, path)
            return
        status, headers, content = self._asked(body)
        if shut is not None:
            self._wait(shut, path)
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _OF_CONNECTION:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _wait(self, shut: _Shut, path: str) -> None:
        shut.paths.append(path)
        shut.opened.wait()
        self.close_connection = True

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The server's answer; the request as it came: its headers are signed."""
        behind = http.client.HTTPConnection(self.door.server)
        try:
            behind.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                behind.putheader(name, value)
            behind.endheaders(body or None)
            answer = behind.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            behind.close()
