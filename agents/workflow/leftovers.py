# SPDX-License-Identifier: Apache-2.0
"""Tiles that failed, and whose intermediate layers are kept: not for ever."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from streams.events import LayersExpired
from streams.model import Status
from streams.table import ProcessRow, Row


class Leftovers:
    """Remembers when each of them failed.

    Args:
        keep: how long they are kept; zero: until their area is cancelled.
    """

    def __init__(self, keep: timedelta) -> None:
        self._keep = keep
        self._failed: dict[str, tuple[datetime, LayersExpired]] = {}

    def see(self, rows: Mapping[str, Row]) -> None:
        """Rows changed: which failed tiles have something left?"""
        if not self._keep:
            return
        for key, row in rows.items():
            if isinstance(row, ProcessRow):
                course = row.course
                ended = course.status is Status.FAILED and course.ended_at
                if ended and not (row.gone or row.built):
                    expired = LayersExpired(row.area, row.task, course.attempt)
                    self._failed[key] = (ended, expired)
                else:
                    self._failed.pop(key, None)

    def forget(self) -> None:
        """The table is another one now."""
        self._failed.clear()

    def expired(self, now: datetime) -> list[LayersExpired]:
        """Those whose time is over; each is told once."""
        over = {
            task: expired
            for task, (ended, expired) in self._failed.items()
            if ended + self._keep <= now
        }
        for task in over:
            del self._failed[task]
        return list(over.values())
