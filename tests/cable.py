# SPDX-License-Identifier: Apache-2.0
"""A cable between a client and a server, to be cut in the middle of a transfer."""

import socket
import threading
from contextlib import suppress
from types import TracebackType

_BLOCK = 1 << 16


class Cable:
    """Forwards connections from a free port to a server.

    Once `cut_after` was called and so many bytes went through, all connections end; new
    ones end at once, unless the cable heals.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._lock = threading.Lock()
        self._limits: dict[str, int] = {}
        self._heal = False
        self._is_cut = False
        self._ends: set[socket.socket] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.cuts = 0

    def cut_after(
        self,
        *,
        sent: int | None = None,
        received: int | None = None,
        heal: bool = False,
    ) -> None:
        """Cut when the client has sent or received so many more bytes."""
        limits = {"sent": sent, "received": received}
        with self._lock:
            self._limits = {
                n: count for n, count in limits.items() if count is not None
            }
            self._heal = heal
            self._is_cut = False

    def __enter__(self) -> "Cable":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            self._end_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                if self._is_cut:
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                with self._lock:
                    self._ends |= {client, server}
                for source, target, way in (
                    (client, server, "sent"),
                    (server, client, "received"),
                ):
                    threading.Thread(
                        target=self._carry, args=(source, target, way), daemon=True
                    ).start()

    def _carry(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := source.recv(_BLOCK):
                self._count(way, len(data))
                target.sendall(data)
        with self._lock:
            for end in (source, target):
                self._end(end)

    def _count(self, way: str, size: int) -> None:
        with self._lock:
            if way in self._limits:
                self._limits[way] -= size
                if self._limits[way] <= 0:
                    self._limits = {}
                    self._is_cut = not self._heal
                    self.cuts += 1
                    self._end_all()

    def _end_all(self) -> None:
        for end in list(self._ends):
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        """End both ways; a second time does nothing."""
        if end in self._ends:
            self._ends.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
