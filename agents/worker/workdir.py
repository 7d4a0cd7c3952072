# SPDX-License-Identifier: Apache-2.0
"""Work folders: one for each running order, none left behind."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from streams.errors import NodeExhausted

_LOCK = ".lock"

# With less room than this, what failed in a work folder failed for want of room.
_LEAST_FREE_BYTES = 1 << 20


class Workshop:
    """A worker's own folder below the node's; a dead worker's is swept by the next.

    A worker holds a lock on its folder as long as it lives, however it ends.
    """

    def __init__(self, node: Path, name: str) -> None:
        node.mkdir(parents=True, exist_ok=True)
        self.node = node
        """Shared by all workers of this machine."""
        _sweep(node)
        # Hidden until it is locked: another worker may be sweeping.
        hidden = Path(mkdtemp(prefix=f".{name}-", dir=node))
        self._lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._folder = hidden.rename(node / hidden.name[1:])

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, removed with all it holds when the block ends.

        Raises:
            NodeExhausted: the disk is full, or it is as the block writes into it.
        """
        with _room():
            path = Path(mkdtemp(dir=self._folder))
            try:
                yield path
            finally:
                shutil.rmtree(path)

    def close(self) -> None:
        """Remove the worker's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def disk_is_full(folder: Path) -> bool:
    """Is there no room to write in?"""
    return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NodeExhausted.ERRNOS:
            raise NodeExhausted(f"work folder: {error.strerror}") from error
        raise


def _sweep(node: Path) -> None:
    """Remove the folders of workers that are no more."""
    for lock in node.glob(f"[!.]*/{_LOCK}"):
        with suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(descriptor)
