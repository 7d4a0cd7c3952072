# SPDX-License-Identifier: Apache-2.0
"""What a worker needs of Kafka: a source of records and a sink for its own."""

from collections.abc import Callable
from typing import Protocol

from streams.envelope import Record


class Source(Protocol):
    """One member of a consumer group."""

    def poll(self, timeout_s: float) -> Record | None:
        """The next record, None when there is none in time."""
        ...

    def pause(self) -> None:
        """Give no record until `resume`, for every partition that is ours now."""
        ...

    def resume(self) -> None:
        """Give records again."""
        ...

    def commit(self, positions: dict[tuple[str, int], int]) -> None:
        """Everything before these offsets, by topic and partition, is dealt with."""
        ...

    def on_revoke(self, call: Callable[[set[tuple[str, int]]], None]) -> None:
        """Have `call` called, inside a poll, before partitions go to another member."""
        ...

    def leave(self) -> None:
        """Have the partitions go to the other members: in the polls that follow."""
        ...

    def join(self) -> None:
        """Be a member again, after `leave`."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Sink(Protocol):
    """A writer of records."""

    def send(self, record: Record) -> None:
        """Queue a record; records of one key are written in the order of the calls."""
        ...

    def flush(self) -> None:
        """Return when every queued record is acknowledged.

        Raises:
            BrokerError: one is not.
        """
        ...
