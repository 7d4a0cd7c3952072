# SPDX-License-Identifier: Apache-2.0
"""Files of FTP servers, plain and over TLS with their certificates verified."""

import ftplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from agents.downloader.transfer.manners import Manners, manners_of
from agents.worker.hosts import CONNECT_S
from agents.worker.ranges import shown
from streams.errors import (
    CredentialsRefused,
    IngesterError,
    ProductNotFound,
    ProviderError,
    ProviderRefused,
    RateLimited,
)

_BLOCK: Final = 256 << 10

_IMPLICIT_PORT: Final = 990

# How deep a folder of products is walked: a SAFE folder has four levels.
_DEPTH: Final = 8


class _Tls(ftplib.FTP_TLS):
    """TLS from the first byte when told to, and one TLS session for all connections."""

    implicit = False

    def connect(self, *arguments: Any, **named: Any) -> str:
        if not self.implicit:
            return super().connect(*arguments, **named)
        host, port = arguments
        self.host, self.port, self.timeout = host, port, named["timeout"]
        plain = socket.create_connection((host, port), named["timeout"])
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: Any = None) -> tuple[Any, int | None]:
        # Many servers take data connections only of the session that logged in.
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = getattr(self.sock, "session", None)
        wrapped = self.context.wrap_socket(
            connection, server_hostname=self.host, session=session
        )
        return wrapped, size


@dataclass(frozen=True, slots=True)
class FtpOpened:
    """The `Opened` of a file that an FTP server sends."""

    ftp: ftplib.FTP
    data: socket.socket
    what: str
    size: int
    start: int
    end: int
    tag: str
    sums: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[bytes]:
        """See `Opened.blocks`."""
        left = self.end - self.start if self.end >= 0 else -1
        with _border(self.what):
            while left and (block := self.data.recv(_BLOCK)):
                block = block if left < 0 else block[:left]
                left -= len(block) if left > 0 else 0
                yield block
            if self.size < 0:
                # The server's last word alone tells a whole file from one cut off.
                self.data.close()
                self.ftp.voidresp()

    def close(self) -> None:
        """See `Opened.close`."""
        self.data.close()
        # Sent and not waited for: a server may be busy with what nobody wants now.
        with suppress(OSError, EOFError, ftplib.Error):
            self.ftp.putcmd("QUIT")
        self.ftp.close()


class FtpSource:
    """The `Source` of `ftp://` and `ftps://` URLs; a login for each file."""

    def __init__(
        self, user: str, password: str, hosts: frozenset[str], manners: Manners, ca: str
    ) -> None:
        self._user = user
        self._password = password
        self._hosts = hosts
        self._manners = manners
        self._ca = ca

    def open(self, uri: str, start: int, end: int | None, tag: str) -> FtpOpened:
        """See `Source.open`."""
        what, path = shown(uri), unquote(urlsplit(uri).path)
        ftp = self._login(uri)
        try:
            with _border(what):
                ftp.voidcmd("TYPE I")
                size, now = _size(ftp, path), _changed(ftp, path)
                if tag not in ("", now):
                    start, end = 0, None
                data = ftp.transfercmd(f"RETR {path}", start or None)
                data.settimeout(self._manners.stall_s)
        except BaseException:
            ftp.close()
            raise
        stop = size if end is None or size < 0 else min(end, size)
        return FtpOpened(ftp, data, what, size, start, stop, now)

    def list(self, uri: str) -> Iterator[tuple[str, int, str]]:
        """See `Source.list`; of servers that know MLSD."""
        parts = urlsplit(uri)
        path = unquote(parts.path)
        folder = path if path.endswith("/") else str(PurePosixPath(path).parent)
        ftp = self._login(uri)
        try:
            with _border(shown(uri)):
                root = f"{parts.scheme}://{parts.netloc}"
                for name, size, tag in _walk(ftp, folder.rstrip("/"), _DEPTH):
                    if name.startswith(path):
                        yield f"{root}{name}", size, tag
        finally:
            ftp.close()

    def _login(self, uri: str) -> ftplib.FTP:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port or 21
        ftp = self._client(parts.scheme, port)
        try:
            with _border(shown(uri)):
                self._greet(ftp, host, port)
        except BaseException:
            ftp.close()
            raise
        return ftp

    def _greet(self, ftp: ftplib.FTP, host: str, port: int) -> None:
        ftp.connect(host, port, timeout=min(CONNECT_S, self._manners.stall_s))
        assert ftp.sock is not None
        ftp.sock.settimeout(self._manners.stall_s)
        ftp.timeout = self._manners.stall_s
        # Anonymous towards hosts that the settings do not name.
        if host in self._hosts and self._user:
            ftp.login(self._user, self._password)
        else:
            ftp.login()
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()

    def _client(self, scheme: str, port: int) -> ftplib.FTP:
        if scheme == "ftp":
            return ftplib.FTP(encoding="utf-8")
        tls = _Tls(context=ssl.create_default_context(cafile=self._ca or None))
        tls.implicit = port == _IMPLICIT_PORT
        return tls


def _walk(ftp: ftplib.FTP, folder: str, depth: int) -> Iterator[tuple[str, int, str]]:
    for name, facts in sorted(ftp.mlsd(folder or "/"), key=lambda entry: entry[0]):
        path = f"{folder}/{name}"
        if facts.get("type") == "file":
            yield path, int(facts.get("size", -1)), _tagged(facts.get("modify", ""))
        elif facts.get("type") == "dir" and depth:
            yield from _walk(ftp, path, depth - 1)


def _size(ftp: ftplib.FTP, path: str) -> int:
    try:
        size = ftp.size(path)
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            raise
        return -1  # a server that does not know the command
    return -1 if size is None else size


def _changed(ftp: ftplib.FTP, path: str) -> str:
    with suppress(ftplib.error_perm):
        return _tagged(ftp.sendcmd(f"MDTM {path}").partition(" ")[2].strip())
    return ""


def _tagged(time: str) -> str:
    return f"mdtm-{time}" if time else ""


# Reply code → our error; other codes that begin with 4 may pass, with 5 they do not.
_OURS: Final[dict[str, type[IngesterError]]] = {
    "421": RateLimited,
    "430": CredentialsRefused,
    "530": CredentialsRefused,
    "550": ProductNotFound,
}


@contextmanager
def _border(what: str) -> Iterator[None]:
    try:
        yield
    except ftplib.Error as error:
        code = str(error)[:3]
        passing = ProviderError if code.startswith("4") else ProviderRefused
        raise _OURS.get(code, passing)(f"{what}: reply {code}") from error
    except ssl.SSLCertVerificationError as error:
        why = f"{error.verify_message}; is 'ca_file' its authority?"
        raise ProviderError(f"{what}: the certificate is refused: {why}") from error
    except (OSError, EOFError) as error:
        raise ProviderError(f"{what}: {type(error).__name__}") from error


def open_source(options: Mapping[str, str]) -> FtpSource:
    """FTP servers; options of `Manners`, `user`, `password`, `ca_file`.

    User and password are for the hosts of the option `urls` alone.
    """
    hosts = (urlsplit(url).hostname for url in options.get("urls", "").split())
    return FtpSource(
        options.get("user", ""),
        options.get("password", ""),
        frozenset(host for host in hosts if host),
        manners_of(options),
        options.get("ca_file", ""),
    )
