# SPDX-License-Identifier: Apache-2.0
"""Folders that outlive an order: what one attempt received the next one finds."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

_LOCK: Final = ".lock"

NAME: Final = ".kept"
"""Of the folder of shelves. Hidden from who sweeps the folders of dead workers."""


def shelf_of(node: Path, task: str) -> Path:
    """The folder of a task, made by who needs it."""
    return node / NAME / hashlib.sha256(task.encode()).hexdigest()[:24]


@contextmanager
def held(shelf: Path) -> Iterator[Path]:
    """The shelf for oneself; a passing folder when somebody else has it.

    Made if it is not there; removed in the end if nothing was left on it.
    """
    passing = (lock := _taken(shelf)) is None
    if lock is None:
        shelf = shelf.with_name(f"passing-{uuid4().hex}")
        lock = _taken(shelf)
    assert lock is not None  # nobody else knows the name
    try:
        yield shelf
    finally:
        if passing or all(entry.name == _LOCK for entry in shelf.iterdir()):
            shutil.rmtree(shelf)
        os.close(lock)
        _remove_empty(shelf.parent)


def clear(shelves: Path) -> None:
    """Remove what is on a task's shelves, but for those that somebody has."""
    for shelf in _folders(shelves):
        _remove(shelf)


def sweep(node: Path, older_than_s: float) -> None:
    """Remove what nobody came back for."""
    oldest = time.time() - older_than_s
    for task in _folders(node / NAME):
        for shelf in _folders(task):
            if 0 < _changed(shelf) < oldest:
                _remove(shelf)


class Sweeper:
    """Sweeps the shelves of a node: at once, and from then on once an hour."""

    _EVERY_S: Final = 3600.0

    def __init__(
        self,
        node: Path,
        older_than_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._older_than_s = older_than_s
        self._clock = clock
        self._next = clock()

    def turn(self) -> None:
        """Sweep if it is time."""
        if self._clock() >= self._next:
            self._next = self._clock() + self._EVERY_S
            sweep(self._node, self._older_than_s)


def _changed(shelf: Path) -> float:
    """When something last changed on a shelf; 0: it has gone."""
    newest = 0.0
    for folder, _, files in os.walk(shelf):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            with suppress(FileNotFoundError):  # whoever has it renames and removes
                newest = max(newest, os.stat(path).st_mtime)
    return newest


def _folders(folder: Path) -> list[Path]:
    """What is in a folder that may not be there."""
    try:
        return [entry for entry in folder.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []


def _remove(shelf: Path) -> None:
    """Remove a shelf that nobody has."""
    # A full disk may have no room for a lock: there will be a next time.
    with suppress(OSError):
        lock = _taken(shelf)
        if lock is not None:
            shutil.rmtree(shelf, ignore_errors=True)
            os.close(lock)
            _remove_empty(shelf.parent)


def _taken(shelf: Path) -> int | None:
    """The shelf's lock; None when somebody has it."""
    while True:
        try:
            shelf.mkdir(parents=True, exist_ok=True)
            lock = os.open(shelf / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except (FileNotFoundError, FileExistsError):
            # Its last holder removed it just now; `mkdir` may say that it is there.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        with suppress(FileNotFoundError):
            if os.stat(shelf / _LOCK).st_ino == os.fstat(lock).st_ino:
                return lock
        os.close(lock)  # it was removed before it was ours


def _remove_empty(folder: Path) -> None:
    """Remove a folder of shelves, and the one above, if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()
        if folder.name != NAME:
            folder.parent.rmdir()
