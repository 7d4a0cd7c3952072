# SPDX-License-Identifier: Apache-2.0
"""What the steps of a graph said, kept as an object beside the layers."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.worker.desk import Desk
from agents.worker.store import ObjectStore
from streams.errors import IngesterError
from streams.model import STEP_LOG

NAME, EXTENSION = STEP_LOG

_AT_MOST_BYTES = 10_000_000
_CUT = b"... (the rest was not kept)\n"


class StepLog:
    """Collects lines, without times: the same run gives the same bytes.

    In memory: a step that fails because the disk is full must be able to say so.
    """

    def __init__(self) -> None:
        self._said = bytearray()
        self._is_cut = False
        self._lock = threading.Lock()

    def take(self, level: str, line: str) -> None:
        """Add a line; beyond 10 MB only say that there was more."""
        text = f"{level}: {line}\n".encode()
        with self._lock:
            if self._is_cut:
                return
            self._is_cut = len(self._said) + len(text) > _AT_MOST_BYTES
            self._said += _CUT if self._is_cut else text

    def save(
        self, folder: Path, uri_of: Callable[[str], str], store: ObjectStore
    ) -> str:
        """Store what was said; its URI, empty when nothing was.

        Its name holds its digest: an attempt that is carried out twice may say
        something else, and objects are never replaced.
        """
        with self._lock:
            said = bytes(self._said)
        if not said:
            return ""
        uri = uri_of(f"{NAME}-{hashlib.sha256(said).hexdigest()[:12]}.{EXTENSION}")
        file = folder / f"{NAME}.{EXTENSION}"
        file.write_bytes(said)
        store.put(uri, file)
        return uri


@contextmanager
def kept_log(
    folder: Path, uri_of: Callable[[str], str], store: ObjectStore, desk: Desk
) -> Iterator[StepLog]:
    """A log that is stored when the block ends, well or not; the desk says where.

    After a failure the folder is emptied first, so that a full disk has room for it.
    What prevents it does not hide the failure.
    """
    said = StepLog()
    try:
        yield said
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        try:
            desk.log = said.save(folder, uri_of, store)
        except (IngesterError, OSError) as later:
            error.add_note(f"log not kept: {later}")
        raise
    desk.log = said.save(folder, uri_of, store)
