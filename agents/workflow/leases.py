# SPDX-License-Identifier: Apache-2.0
"""Attempts that began and fell silent: their workers are lost.

A worker sends heartbeats while it works. One that sends none for the length of a lease
is given up by a fact, `attempt-expired`, and the fold orders the next attempt. It may
yet come back: what it says of the old attempt is void.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from streams.codec import message_type, pack
from streams.envelope import Envelope, Record
from streams.events import AttemptExpired, LayersExpired
from streams.model import Status, order_id
from streams.table import Row, TaskRow
from streams.topics import TASKS


@dataclass(slots=True)
class _Lease:
    area: str
    attempt: int
    worker: str
    begun: datetime
    heard: float
    """When its worker was last heard of, by our clock."""


class Leases:
    """Remembers when each running attempt was last heard of. For several threads."""

    def __init__(self, lease_s: float, clock: Callable[[], float]) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._lock = threading.Lock()

    def see(self, rows: Mapping[str, Row]) -> None:
        """Rows changed: which attempts run now?"""
        with self._lock:
            for key, row in rows.items():
                if isinstance(row, TaskRow):
                    self._see(key, row)

    def hear(self, task: str, attempt: int) -> None:
        """A heartbeat."""
        with self._lock:
            lease = self._leases.get(task)
            if lease is not None and lease.attempt == attempt:
                lease.heard = self._clock()

    def forget(self) -> None:
        """The table is another one now."""
        with self._lock:
            self._leases.clear()

    def expired(self) -> list[AttemptExpired]:
        """Attempts unheard of for the length of a lease; each again after the next."""
        now = self._clock()
        with self._lock:
            silent = {
                task: lease
                for task, lease in self._leases.items()
                if now - lease.heard >= self._lease_s
            }
            for lease in silent.values():
                lease.heard = now
        return [
            AttemptExpired(lease.area, task, lease.attempt, lease.worker)
            for task, lease in silent.items()
        ]

    def _see(self, task: str, row: TaskRow) -> None:
        course = row.course
        if course.status is not Status.PENDING or course.started_at is None:
            self._leases.pop(task, None)
            return
        known = self._leases.get(task)
        if known is None or (known.attempt, known.begun) != (
            course.attempt,
            course.started_at,
        ):
            self._leases[task] = _Lease(
                row.area,
                course.attempt,
                course.worker,
                course.started_at,
                self._clock(),
            )


def expiry_record(expired: AttemptExpired | LayersExpired, now: datetime) -> Record:
    """The fact for the log: of one attempt, with one id, however often told."""
    order = order_id(expired.task, expired.attempt)
    fact = Envelope(
        expired,
        id=f"{order}/{message_type(expired)}",
        time=now,
        source="/agents/workflow",
        subject=expired.task,
        cause=order,
    )
    return pack(TASKS.name, expired.area, fact)
