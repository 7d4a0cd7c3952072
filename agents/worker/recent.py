# SPDX-License-Identifier: Apache-2.0
"""Rows that were decoded of late, as many as fit: most facts are about these."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from streams.table import Row


class Unknown(Enum):
    """Nothing is remembered of a key: not even that it has no row."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class Recent:
    """Remembers the rows used last, in two generations.

    When the younger one is full the older one is forgotten. What is still in use was
    found in the older one meanwhile, and moved: so a full memory costs nothing at once.

    Args:
        at_most: rows to remember; half of them for certain.
    """

    def __init__(self, at_most: int) -> None:
        self._half = at_most // 2
        self._younger: dict[str, Row | None] = {}
        self._older: dict[str, Row | None] = {}

    def look(self, key: str) -> Row | Unknown | None:
        """The row under a key, None where it is known that there is none."""
        row = self._younger.get(key, UNKNOWN)
        if row is UNKNOWN:
            row = self._older.get(key, UNKNOWN)
            if row is not UNKNOWN:
                self.remember({key: row})
        return row

    def remember(self, rows: Mapping[str, Row | None]) -> None:
        """Rows as they are now."""
        if len(self._younger) + len(rows) > self._half:
            self._older, self._younger = self._younger, {}
        self._younger.update(rows)

    def forget(self) -> None:
        """All may be otherwise now."""
        self._younger, self._older = {}, {}
