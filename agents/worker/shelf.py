# SPDX-License-Identifier: Apache-2.0
"""Folders that outlive an order: what one attempt received the next one finds."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

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
    lock = _taken(shelf)
    if lock is None:
        shelf.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=shelf.parent, prefix="passing-") as passing:
            yield Path(passing)
        return
    try:
        yield shelf
    finally:
        if all(entry.name == _LOCK for entry in shelf.iterdir()):
            shutil.rmtree(shelf)
        os.close(lock)
        _remove_empty(shelf.parent)


def sweep(node: Path, older_than_s: float) -> None:
    """Remove what nobody came back for."""
    for file in sorted((node / NAME).rglob(_LOCK)):
        shelf = file.parent
        newest = max(entry.stat().st_mtime for entry in (shelf, *shelf.rglob("*")))
        lock = _taken(shelf) if time.time() - newest > older_than_s else None
        if lock is not None:
            shutil.rmtree(shelf, ignore_errors=True)
            os.close(lock)
            _remove_empty(shelf.parent)


def _taken(shelf: Path) -> int | None:
    """The shelf's lock; None when somebody has it."""
    while True:
        shelf.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(shelf / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:  # its last holder removed it just now
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
