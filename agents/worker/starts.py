# SPDX-License-Identifier: Apache-2.0
"""Orders that were begun on this machine and did not end: one of them may kill its
worker each time, and would do so for ever.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

NAME: Final = ".begun"
"""Of the folder. Hidden from who sweeps the folders of dead workers."""

# Of orders that another machine ended.
_KEPT_S: Final = 3 * 24 * 3600.0


class Starts:
    """A file for each order that runs, shared by the workers of a machine.

    It is written before the work begins and removed when it ends, however it ends; only
    a worker that dies leaves it. Losing the folder loses the count, and nothing else.
    """

    def __init__(self, node: Path) -> None:
        self._folder = node / NAME
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another worker does the same
                if time.time() - file.stat().st_mtime > _KEPT_S:
                    file.unlink()

    def before(self, order: str) -> int:
        """How often the order was begun without an end."""
        try:
            return self._file(order).stat().st_size
        except FileNotFoundError:
            return 0

    def begin(self, order: str) -> None:
        """It is about to be begun once more."""
        descriptor = os.open(
            self._file(order), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600
        )
        try:
            os.write(descriptor, b".")
        finally:
            os.close(descriptor)

    def end(self, order: str) -> None:
        """It ended, well or not."""
        self._file(order).unlink(missing_ok=True)

    def _file(self, order: str) -> Path:
        return self._folder / hashlib.sha256(order.encode()).hexdigest()[:24]
