# SPDX-License-Identifier: Apache-2.0
"""Orders that no worker began: late, or lost?

An order is lost when its workers have nothing left to read where it lies, and nobody
said that it was begun. That must not happen; the watch is there for when it does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from streams.release import is_outstanding
from streams.table import Row, TaskRow
from streams.topics import DOWNLOADS, PROCESSES, Topic

_GROUPS = {DOWNLOADS: "ingester-downloader", PROCESSES: "ingester-processor"}


class Backlog(Protocol):
    """What the workers have not read yet."""

    def of(self, group: str, topic: str) -> dict[int, int]:
        """Records not committed by the group, by partition of the topic."""
        ...


class Watch:
    """Remembers since when each order is outstanding."""

    def __init__(
        self,
        patience_s: float,
        backlog: Backlog,
        partition_of: Callable[[str, int], int],
        clock: Callable[[], float],
    ) -> None:
        self._patience_s = patience_s
        self._backlog = backlog
        self._partition_of = partition_of
        self._clock = clock
        self._since: dict[str, float] = {}

    def see(self, rows: Mapping[str, Row]) -> None:
        """Rows changed: which orders are outstanding now?"""
        now = self._clock()
        for key, row in rows.items():
            if isinstance(row, TaskRow):
                if is_outstanding(row):
                    self._since.setdefault(key, now)
                else:
                    self._since.pop(key, None)

    def forget(self) -> None:
        """The table is another one now."""
        self._since.clear()

    def overdue(self) -> list[str]:
        """Tasks whose orders are outstanding for too long."""
        latest = self._clock() - self._patience_s
        return [task for task, since in self._since.items() if since <= latest]

    def read_up(self, tasks: Sequence[str]) -> list[str]:
        """Those whose workers have read everything: their orders are lost.

        It asks Kafka, and changes nothing: another thread may call it.
        """
        return [
            task
            for topic in (DOWNLOADS, PROCESSES)
            for task in self._read_up(topic, [t for t in tasks if _is_of(t, topic)])
        ]

    def again(self, tasks: Sequence[str]) -> list[str]:
        """Those that are outstanding still, which are sent again: from now on."""
        now = self._clock()
        sent = [task for task in tasks if task in self._since]
        self._since.update(dict.fromkeys(sent, now))
        return sent

    def _read_up(self, topic: Topic, tasks: list[str]) -> list[str]:
        if not tasks:
            return []
        backlog = self._backlog.of(_GROUPS[topic], topic.name)
        return [t for t in tasks if not backlog[self._partition_of(t, len(backlog))]]


def _is_of(task: str, topic: Topic) -> bool:
    return (task.count("/") == 1) == (topic is DOWNLOADS)
