# SPDX-License-Identifier: Apache-2.0
"""A web server of files that answers to `Range`, counts, and fails when told to."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

Fault = Callable[["_Handler"], bool]
"""Answers in its own way and says yes, or says no."""


@dataclass
class Ranged:
    """What a server was asked, and what it sent."""

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and `Range` of each request."""
    sent: int = 0
    """Bytes of bodies."""
    faults: list[Fault] = field(default_factory=list)
    """Each is for one request, in order."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    log: Ranged
    whole: bool

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.log.asked.append((self.path, wanted))
        if self.log.faults and self.log.faults.pop(0)(self):
            return
        file = self.folder / self.path.partition("?")[0].lstrip("/")
        if not file.is_file():
            self.answer(404, b"not here")
            return
        content = file.read_bytes()
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
        if found is None or self.whole:
            self.answer(200, content)
            return
        first, last = found.groups()
        start = int(first) if first else max(len(content) - int(last), 0)
        end = min(int(last) + 1 if first and last else len(content), len(content))
        if start >= len(content):
            self.answer(416, b"")
            return
        place = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self.answer(206, content[start:end], place)

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:  # a client that does not want the rest
            self.close_connection = True
            return
        self.log.sent += len(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests look at `asked`."""


@contextmanager
def ranged(folder: Path, *, whole: bool = False) -> Iterator[Ranged]:
    """A server of the files in a folder.

    Args:
        folder: what it serves.
        whole: it does not know `Range`.
    """
    log = Ranged("")
    kind = type("Handler", (_Handler,), {"folder": folder, "log": log, "whole": whole})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    log.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield log
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused(status: int, **headers: str) -> Fault:
    """Another answer than asked for."""

    def fault(handler: _Handler) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.answer(status, b"no", named)
        return True

    return fault


def cut_off(handler: _Handler) -> bool:
    """A body that ends before its time."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-99/100")
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"x" * 50)
    handler.close_connection = True
    return True


def fine(handler: _Handler) -> bool:
    """No fault."""
    return False
