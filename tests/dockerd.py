# SPDX-License-Identifier: Apache-2.0
"""A little of the Docker Engine API on loopback, written from its documentation.

Containers are processes of this machine: what a container runs is really run, with the
variables, the folder and the arguments that were asked for. What a kernel would keep it
from (network, users, other folders) is only recorded.

Source: https://docs.docker.com/reference/api/engine/, version 1.43: ImageInspect,
ImageCreate, ContainerCreate, ContainerStart, ContainerInspect, ContainerLogs,
ContainerStop, ContainerDelete, SystemVersion.
"""

import json
import os
import re
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import psutil

DIGEST = "0123456789abcdef" * 4


@dataclass
class Container:
    """One container, as it was asked for and as it stands."""

    asked: dict[str, Any]
    argv: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    frames: list[bytes] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    readers: int = 2
    oom: bool = False

    def start(self) -> None:
        environment = dict(pair.split("=", 1) for pair in self.asked.get("Env") or ())
        self.process = subprocess.Popen(
            self.argv,
            cwd=self.asked["WorkingDir"],
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        streams = ((1, self.process.stdout), (2, self.process.stderr))
        for number, output in streams:
            threading.Thread(target=self._read, args=(number, output)).start()
        limit = self.asked["HostConfig"].get("Memory")
        if limit:
            threading.Thread(target=self._watch, args=(limit,)).start()

    def _read(self, number: int, output: IO[bytes]) -> None:
        with output:
            while data := os.read(output.fileno(), 1 << 16):
                # Stream, three empty bytes, length: big-endian.
                self._add(struct.pack(">BxxxL", number, len(data)) + data)
        assert self.process is not None
        self.process.wait()
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def _add(self, frame: bytes) -> None:
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()

    def _watch(self, limit: int) -> None:
        """Kill it when it uses more memory than it may, as the kernel would."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            seen = psutil.Process(self.process.pid)
            while self.process.poll() is None:
                if seen.memory_info().rss > limit:
                    self.oom = True
                    self.kill(signal.SIGKILL)
                    return
                threading.Event().wait(0.01)

    def kill(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def stop(self, grace_s: float) -> None:
        self.kill(signal.SIGTERM)
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace_s)
        self.kill(signal.SIGKILL)
        self.process.wait()

    def log(self) -> Iterator[bytes]:
        """Frames, to the end of the container."""
        sent = 0
        while True:
            with self.changed:
                while len(self.frames) == sent and self.readers:
                    self.changed.wait()
                new = self.frames[sent:]
            if not new:
                return
            yield from new
            sent += len(new)

    def state(self) -> dict[str, Any]:
        status = None if self.process is None else self.process.poll()
        code = 0 if status is None else status if status >= 0 else 128 - status
        running = self.process is not None and status is None
        return {"Running": running, "ExitCode": code, "OOMKilled": self.oom}


@dataclass
class Engine:
    """What the server has and was asked."""

    images: dict[str, list[str]]
    """Reference → its entry point."""
    remote: dict[str, list[str]] = field(default_factory=dict)
    """Those that can be pulled."""
    containers: dict[str, Container] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pulling: list[bytes] = field(default_factory=list)
    """What a pull says instead of bringing the image."""
    stalled: threading.Event | None = None
    """Pulls end when it is set."""
    fail_create: tuple[int, str] | None = None
    """Status and message of the answer to every creation."""
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    def _route(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path = re.sub(r"^/v\d\.\d+", "", unquote(parts.path))
        for verb, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                answer(self, *found.groups(), query=query, body=body)
                return
        self._answer(404, {"message": f"page not found: {method} {path}"})

    def _answer(self, status: int, content: Any = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, blocks: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.multiplexed-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def version(self, *, query: Any, body: Any) -> None:
        self._answer(200, {"Version": "24.0.0", "ApiVersion": "1.43"})

    def image(self, name: str, *, query: Any, body: Any) -> None:
        if name not in self.engine.images:
            self._answer(404, {"message": f"No such image: {name}"})
            return
        short = name.partition("@")[0].partition(":")[0]
        digests = [f"{short}@sha256:{DIGEST}"]
        self._answer(200, {"Id": f"sha256:{DIGEST}", "RepoDigests": digests})

    def pull(self, *, query: Any, body: Any) -> None:
        name, tag = query["fromImage"], query.get("tag", "latest")
        reference = f"{name}{'@' if tag.startswith('sha256:') else ':'}{tag}"
        if reference not in self.engine.remote:
            said = f"pull access denied for {name}, repository does not exist"
            self._answer(404, {"message": said})
            return
        if not self.engine.pulling:
            self.engine.images[reference] = self.engine.remote[reference]
        self._stream(self._pulling())

    def _pulling(self) -> Iterator[bytes]:
        yield from self.engine.pulling or [b'{"status":"Pulling from library"}\r\n']
        if self.engine.stalled:
            self.engine.stalled.wait()

    def create(self, *, query: Any, body: Any) -> None:
        if self.engine.fail_create:
            status, message = self.engine.fail_create
            self._answer(status, {"message": message})
            return
        entry = self.engine.images[body["Image"]]
        made = Container(body, [*entry, *(body.get("Cmd") or ())])
        name = uuid4().hex * 2
        self.engine.containers[name] = made
        self.engine.created.append(body)
        self._answer(201, {"Id": name, "Warnings": []})

    def start(self, name: str, *, query: Any, body: Any) -> None:
        self.engine.containers[name].start()
        self._answer(204)

    def inspect(self, name: str, *, query: Any, body: Any) -> None:
        state = self.engine.containers[name].state()
        self._answer(200, {"Id": name, "Config": {"Tty": False}, "State": state})

    def logs(self, name: str, *, query: Any, body: Any) -> None:
        self._stream(self.engine.containers[name].log())

    def stop(self, name: str, *, query: Any, body: Any) -> None:
        self.engine.containers[name].stop(float(query.get("t", 10)))
        self._answer(204)

    def remove(self, name: str, *, query: Any, body: Any) -> None:
        self.engine.containers.pop(name).kill(signal.SIGKILL)
        self.engine.removed.append(name)
        self._answer(204)


_ROUTES = (
    ("GET", "/version", _Handler.version),
    ("GET", "/images/(.+)/json", _Handler.image),
    ("POST", "/images/create", _Handler.pull),
    ("POST", "/containers/create", _Handler.create),
    ("POST", "/containers/([0-9a-f]+)/start", _Handler.start),
    ("GET", "/containers/([0-9a-f]+)/json", _Handler.inspect),
    ("GET", "/containers/([0-9a-f]+)/logs", _Handler.logs),
    ("POST", "/containers/([0-9a-f]+)/stop", _Handler.stop),
    ("DELETE", "/containers/([0-9a-f]+)", _Handler.remove),
)


@contextmanager
def serve(images: Mapping[str, Sequence[str]]) -> Iterator[Engine]:
    """An engine with these images, by their entry points."""
    engine = Engine({name: [*entry] for name, entry in images.items()})
    handler = type("Handler", (_Handler,), {"engine": engine})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        engine.url = f"tcp://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            for container in engine.containers.values():
                container.kill(signal.SIGKILL)
            server.shutdown()
            thread.join()
