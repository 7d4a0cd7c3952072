# SPDX-License-Identifier: Apache-2.0
"""What the steps of a graph said, kept as an object beside the layers."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from agents.worker.store import ObjectStore
from streams.model import STEP_LOG, Action, Layer

NAME, EXTENSION = STEP_LOG

_AT_MOST_BYTES = 10_000_000
_CUT = b"... (the rest was not kept)\n"


class StepLog:
    """Collects lines in a file, without times: the same run gives the same bytes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._size = 0
        self._lock = threading.Lock()

    def take(self, level: str, line: str) -> None:
        """Add a line; beyond 10 MB only say that there was more."""
        text = f"{level}: {line}\n".encode()
        with self._lock:
            if self._size > _AT_MOST_BYTES:
                return
            self._size += len(text)
            with self._file.open("ab") as opened:
                opened.write(text if self._size <= _AT_MOST_BYTES else _CUT)

    def save(self, uri_of: Callable[[str], str], store: ObjectStore) -> Layer | None:
        """Store what was said, if anything was; what a fact will say of it.

        Its name holds its digest: an attempt that is carried out twice may say
        something else, and objects are never replaced.
        """
        with self._lock:
            if not self._size:
                return None
        digest = hashlib.sha256(self._file.read_bytes()).hexdigest()
        uri = uri_of(f"{NAME}-{digest[:12]}.{EXTENSION}")
        size, digest = store.put(uri, self._file)
        return Layer(NAME, EXTENSION, uri, size, digest, Action.CREATE)
