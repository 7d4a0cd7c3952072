# SPDX-License-Identifier: Apache-2.0
"""What an attempt at a task left, as one object: written last, read first.

An order that comes twice is answered from it, and of two workers that carry out one
order at once the one whose manifest is there first speaks for both.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from agents.worker.store import ObjectStore
from streams.errors import ObjectConflict, ObjectNotFound
from streams.events import DownloadDone, ProcessDone

F = TypeVar("F", DownloadDone, ProcessDone)

NAME = "manifest.json"


def recall(store: ObjectStore, uri: str, cls: type[F]) -> F | None:
    """The fact that a manifest holds; None when there is no manifest."""
    with TemporaryDirectory() as folder:
        file = Path(folder, NAME)
        try:
            store.get(uri, file)
        except ObjectNotFound:
            return None
        return msgspec.json.decode(file.read_bytes(), type=cls)


def record(store: ObjectStore, uri: str, fact: F) -> F:
    """Write the manifest of a fact; the fact to tell: of the manifest that is there."""
    with TemporaryDirectory() as folder:
        file = Path(folder, NAME)
        file.write_bytes(msgspec.json.encode(fact))
        try:
            store.put(uri, file)
        except ObjectConflict:
            there = recall(store, uri, type(fact))
            if there is None:
                raise
            return there
    return fact
