# SPDX-License-Identifier: Apache-2.0
"""Room on the disk, promised before it is used: orders that run at once share it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from streams.errors import NodeExhausted

# Left to everybody else on the machine.
_MARGIN = 64 << 20


@dataclass(slots=True)
class Promise:
    """Bytes promised to one order, and how many of them are on the disk already."""

    promised: int
    used: int = 0

    @property
    def open(self) -> int:
        """Bytes that the disk must still take."""
        return max(self.promised - self.used, 0)


@dataclass(frozen=True, slots=True)
class Room:
    """The promises of one worker. Its own: workers that share a disk may collide."""

    _promises: list[Promise] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def promise(
        self, folder: Path, size: int, margin: int = _MARGIN
    ) -> Iterator[Promise]:
        """Keep so many bytes free below a folder until the block ends.

        Raises:
            NodeExhausted: they are not there.
        """
        made = Promise(0)
        with self._lock:
            self._promises.append(made)
        try:
            self.extend(made, folder, size, margin)
            yield made
        finally:
            with self._lock:
                # By identity: equal promises are of different orders.
                self._promises[:] = [p for p in self._promises if p is not made]

    def extend(
        self, promise: Promise, folder: Path, size: int, margin: int = _MARGIN
    ) -> None:
        """Keep so many bytes more free, as long as a promise lasts.

        Raises:
            NodeExhausted: they are not there.
        """
        with self._lock:
            disk = os.statvfs(folder)
            free = disk.f_bavail * disk.f_frsize
            taken = sum(promise.open for promise in self._promises)
            if free - taken - margin < size:
                raise NodeExhausted(
                    f"{size} bytes needed, {free} free, {taken} of them promised"
                )
            promise.promised += size
