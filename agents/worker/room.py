# SPDX-License-Identifier: Apache-2.0
"""Room on the disk, promised before it is used: orders that run at once share it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from streams.errors import NodeExhausted

# Left to everybody else on the machine.
_MARGIN = 64 << 20


@dataclass(slots=True, eq=False)
class Promise:
    """Bytes kept free for one order, until it is closed."""

    _room: "Room"
    _folder: Path
    _received: Callable[[], int]
    _promised: int = 0
    _made: int = 0

    @property
    def open(self) -> int:
        """Bytes that the disk must still take."""
        return max(self._promised - self._received() - self._made, 0)

    def need(self, size: int, margin: int = _MARGIN) -> None:
        """Keep so many bytes more free.

        Raises:
            NodeExhausted: they are not there.
        """
        with self._room._lock:
            disk = os.statvfs(self._folder)
            free = disk.f_bavail * disk.f_frsize
            taken, before = self._room._taken(), self.open
            self._promised += size
            if free - taken - margin < self.open - before:
                self._promised -= size
                raise NodeExhausted(
                    f"{size} bytes needed, {free} free, {taken} of them promised"
                )

    def made(self, size: int) -> None:
        """So many bytes are on the disk that were made of what was received."""
        self._made += size

    def clear(self) -> None:
        """Nothing is needed any more: it is tried in another way."""
        self._promised = self._made = 0

    def close(self) -> None:
        """The order has ended."""
        with self._room._lock:
            self._room._promises.remove(self)


@dataclass(frozen=True, slots=True)
class Room:
    """The promises of one worker. Its own: workers that share a disk may collide."""

    _promises: list[Promise] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def promise(self, folder: Path, received: Callable[[], int]) -> Promise:
        """A promise of nothing yet; closed by the caller.

        Args:
            folder: on the disk.
            received: says how many of the promised bytes have come; they are on the
                disk, and not free any more.
        """
        promise = Promise(self, folder, received)
        with self._lock:
            self._promises.append(promise)
        return promise

    def _taken(self) -> int:
        return sum(promise.open for promise in self._promises)
