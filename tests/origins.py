# SPDX-License-Identifier: Apache-2.0
"""Servers of products on the loopback that count, and do wrong what they are told to.

A fault is a word and a number, for one answer: `cut 0.3`, `reset 0.5`, `flip`, `drip`,
`stall 0.5`, `delay 0.1`, `html`, `page`, `changed`, or a status with a `Retry-After`
(`429 1`). Of an FTP server: `cut`, `reset`, `flip`, `stall`, and a reply code.
"""

import hashlib
import ipaddress
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Files = dict[str, bytes]


@dataclass
class Asked:
    """One request."""

    path: str
    range: str
    authorization: str
    host: str
    form: dict[str, str] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


@dataclass
class Origin:
    """What a server holds, what it was asked, what it does wrong next."""

    url: str = ""
    files: Files = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    staged: set[str] = field(default_factory=set)
    """Files that must be brought online first, and are soon."""
    sent: int = 0
    """Bytes of bodies of files."""
    active: int = 0
    peak: int = 0
    """Most answers at a time."""
    tokens: set[str] = field(default_factory=set)
    """Those that are good now; empty: nobody has to say who asks."""
    given: int = 0
    lifetime_s: float = 600
    """Of the tokens that are given."""
    redirects: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Callable[[Asked], object]] = field(default_factory=dict)
    """Path → JSON of its answer."""
    upstream: str = ""
    """A server whose answers these are."""
    told: list[dict[str, str]] = field(default_factory=list)
    """Further headers of the next answers with files."""
    ranged: bool = True
    tagged: bool = True
    pace_s: float = 0.0
    """Pause in the middle of each body."""
    version: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self) -> tuple[str, str]:
        """What to do wrong now."""
        with self.lock:
            name, _, value = (self.faults.pop(0) if self.faults else "").partition(" ")
        return name, value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        try:
            self._serve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _serve(self) -> None:
        origin = self.origin
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        form = {k: v[-1] for k, v in parse_qs(body.decode(errors="replace")).items()}
        asked = Asked(
            unquote(self.path),
            self.headers.get("Range", ""),
            self.headers.get("Authorization", ""),
            self.headers.get("Host", ""),
            form,
        )
        with origin.lock:
            origin.asked.append(asked)
        path = asked.path.partition("?")[0]
        if path == "/token":
            self._token(form)
        elif path in origin.redirects:
            self._answer(302, b"", {"Location": origin.redirects[path]})
        elif path in origin.answers:
            self._json(origin.answers[path](asked))
        else:
            with origin.lock:
                origin.active += 1
                origin.peak = max(origin.peak, origin.active)
            try:
                self._file(path)
            finally:
                with origin.lock:
                    origin.active -= 1

    def _token(self, form: Mapping[str, str]) -> None:
        origin = self.origin
        if form.get("password") == "wrong":
            self._answer(401, b'{"error": "invalid_grant wrong"}')
            return
        origin.given += 1
        token = f"secret-token-{origin.given}"
        origin.tokens = {token}
        self._json({"access_token": token, "expires_in": origin.lifetime_s})

    def _json(self, document: object) -> None:
        status = 200
        if isinstance(document, tuple):
            status, document = document
        kind = {"Content-Type": "application/json"}
        self._answer(status, json.dumps(document).encode(), kind)

    def _file(self, path: str) -> None:
        origin = self.origin
        listing = "list-type" in self.path
        name, value = ("", "") if listing else origin.fault()
        if path.lstrip("/") in origin.staged:
            name, value = "202", "1"
        if name.isdigit():
            self._answer(int(name), b"no", {"Retry-After": value} if value else {})
            return
        if name == "html":
            kind = {"Content-Type": "text/html"}
            self._answer(200, b"<html>Please log in</html>", kind)
            return
        if name == "page":
            kind = {"Content-Type": "application/octet-stream"}
            self._answer(200, b"<!DOCTYPE html><title>Log in</title>", kind)
            return
        if name == "delay":
            time.sleep(float(value))
        if name == "changed":
            origin.version += 1
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if origin.tokens and bearer not in origin.tokens:
            self._answer(401, b"who are you?")
            return
        status, headers, body = self._found(path)
        self.send_response(status)
        for key, text in headers.items():
            self.send_header(key, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self._body(body, name, value, status in (200, 206) and not listing)

    def _found(self, path: str) -> tuple[int, dict[str, str], bytes]:
        origin = self.origin
        if origin.upstream:
            return self._of_upstream()
        content = origin.files.get(path.lstrip("/"))
        if content is None:
            return 404, {}, b"not here"
        tag = f'"{hashlib.md5(content).hexdigest()}-{origin.version}"'
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        if origin.tagged:
            headers["ETag"] = tag
        if origin.told:
            headers |= origin.told.pop(0)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None or not origin.ranged:
            return 200, headers, content
        if self.headers.get("If-Range", tag) != tag:
            return 200, headers, content
        start = int(wanted[1])
        end = min(int(wanted[2]) + 1 if wanted[2] else len(content), len(content))
        if start >= len(content):
            return 416, {}, b""
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        return 206, headers, content[start:end]

    def _of_upstream(self) -> tuple[int, dict[str, str], bytes]:
        answer = urllib3.request(
            self.command,
            self.origin.upstream + self.path,
            headers=dict(self.headers.items()),
            retries=False,
        )
        dropped = ("content-length", "transfer-encoding", "connection")
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in dropped}
        return answer.status, kept, answer.data

    def _body(self, body: bytes, name: str, value: str, counted: bool) -> None:
        part = len(body)
        if name in ("cut", "reset", "stall"):
            part = int(part * float(value or 0.5))
        if name == "flip" and body:
            middle = len(body) // 2
            changed = bytes([body[middle] ^ 1])
            body = body[:middle] + changed + body[middle + 1 :]
        if name == "drip":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.origin.sent += 1
                time.sleep(0.02)
            return
        if counted:  # before it is written: who has received it may look at once
            with self.origin.lock:
                self.origin.sent += part
        if self.origin.pace_s:
            self.wfile.write(body[: part // 2])
            time.sleep(self.origin.pace_s)
            self.wfile.write(body[part // 2 : part])
        else:
            self.wfile.write(body[:part])
        if name == "reset":
            self.wfile.flush()
            _reset(self.connection)
        if name == "stall":
            with suppress(OSError):
                self.connection.recv(1)  # until the client goes
        if part < len(body):
            self.close_connection = True

    def _answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for key, text in {"Content-Type": "text/plain", **(headers or {})}.items():
            self.send_header(key, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go when they like."""


@contextmanager
def web(files: Files | None = None, upstream: str = "") -> Iterator[Origin]:
    """A web server of files by path; or a proxy of another server, with faults."""
    origin = Origin(files=dict(files or {}), upstream=upstream)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"origin": origin}))
    origin.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield origin
    finally:
        server.shutdown()
        server.server_close()


def certificate(folder: Path) -> Path:
    """A key and a certificate of 127.0.0.1, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    plain = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    file.write_bytes(plain + made.public_bytes(Encoding.PEM))
    return file


@contextmanager
def ftp(files: Files | None = None, pem: Path | None = None) -> Iterator[Origin]:
    """An FTP server of files by path; user `me` has the password `planted-password`.

    Args:
        files: what it has.
        pem: key and certificate; with these it talks over TLS only.
    """
    origin = Origin(files=dict(files or {}))
    listening = socket.create_server(("127.0.0.1", 0))
    tls = None
    if pem is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pem)
    origin.url = f"ftp{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                talk = _Talk(origin, client, tls)
                threading.Thread(target=talk.run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield origin
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


class _Talk:
    """One client of the FTP server."""

    def __init__(
        self, origin: Origin, client: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        self.origin = origin
        self.client = client
        self.lines = client.makefile("rb")
        self.tls = tls
        self.data: socket.socket | None = None
        self.start = 0
        self.user = ""

    def run(self) -> None:
        """Until it quits."""
        with suppress(OSError):
            self.say("220 ready")
            while line := self.lines.readline():
                command, _, rest = line.decode().strip().partition(" ")
                if not self.do(command.upper(), rest):
                    break
        self.lines.close()
        self.client.close()

    def say(self, text: str) -> None:
        """A reply."""
        self.client.sendall(f"{text}\r\n".encode())

    def do(self, command: str, rest: str) -> bool:
        """Answer one command; False to hang up."""
        content = self.origin.files.get(rest.lstrip("/"))
        match command:
            case "AUTH" if self.tls is not None:
                self.say("234 go on")
                self.lines.close()
                self.client = self.tls.wrap_socket(self.client, server_side=True)
                self.lines = self.client.makefile("rb")
            case "USER" if self.tls and not isinstance(self.client, ssl.SSLSocket):
                self.say("530 not without TLS")
            case "PBSZ" | "PROT":
                self.say("200 ok")
            case "USER":
                self.user = rest
                self.say("331 password?")
            case "PASS":
                wrong = self.user == "me" and rest != "planted-password"
                self.say("530 no" if wrong else "230 welcome")
            case "TYPE" | "NOOP":
                self.say("200 ok")
            case "SIZE":
                self.say(
                    "550 no such file" if content is None else f"213 {len(content)}"
                )
            case "MDTM":
                self.say("550 no" if content is None else "213 20240101000000")
            case "EPSV" | "PASV":
                self.listen(command)
            case "REST":
                self.start = int(rest)
                self.say("350 from there")
            case "RETR":
                return self.retrieve(rest, content)
            case "MLSD":
                self.listing(rest.strip("/"))
            case "QUIT":
                self.say("221 bye")
                return False
            case _:
                self.say("502 unknown")
        return True

    def listen(self, command: str) -> None:
        self.waiting = socket.create_server(("127.0.0.1", 0))
        port = self.waiting.getsockname()[1]
        if command == "EPSV":
            self.say(f"229 entering (|||{port}|)")
        else:
            self.say(f"227 entering (127,0,0,1,{port // 256},{port % 256})")

    def retrieve(self, path: str, content: bytes | None) -> bool:
        name, value = self.origin.fault()
        start, self.start = self.start, 0
        self.origin.asked.append(Asked(path, str(start), self.user, ""))
        if content is None or name.isdigit():
            self.waiting.close()
            self.say("550 no such file" if content is None else f"{name} no")
            return True
        body = content[start:]
        part = int(len(body) * float(value or 0.5)) if name else len(body)
        if name == "flip":
            body, part = bytes([body[0] ^ 1]) + body[1:], len(body)
        self.say("150 here it comes")
        data = self.accept()
        with suppress(OSError):
            self.origin.sent += part
            data.sendall(body[:part])
            if name == "stall":
                data.recv(1)
        if name == "reset":
            _reset(data)
            return False
        self.end(data)
        # A server that does not notice says that all is well.
        self.say("226 done")
        return True

    def listing(self, folder: str) -> None:
        prefix = f"{folder}/" if folder else ""
        names = {
            p.removeprefix(prefix) for p in self.origin.files if p.startswith(prefix)
        }
        self.say("150 here it comes")
        data = self.accept()
        for name in sorted({name.partition("/")[0] for name in names}):
            content = self.origin.files.get(prefix + name)
            kind = "dir" if content is None else f"file;size={len(content)}"
            data.sendall(f"type={kind};modify=20240101000000; {name}\r\n".encode())
        self.end(data)
        self.say("226 done")

    def accept(self) -> socket.socket:
        data, _ = self.waiting.accept()
        self.waiting.close()
        return self.tls.wrap_socket(data, server_side=True) if self.tls else data

    def end(self, data: socket.socket) -> None:
        with suppress(OSError):
            if isinstance(data, ssl.SSLSocket):
                data.unwrap()
        data.close()
