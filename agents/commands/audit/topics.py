# SPDX-License-Identifier: Apache-2.0
"""What an audit reads in Kafka about one area."""

from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import Any, Self

from rich.progress import Progress

from agents.workflow import journal
from agents.workflow.latest import Latest, reach
from infra.kafka.connection import Connection
from infra.kafka.lag import partition_of
from infra.kafka.reader import TopicReader
from streams.codec import unpack
from streams.envelope import Envelope, Record
from streams.errors import ContractError
from streams.replay import Positioned
from streams.table import decode_row
from streams.topics import DOWNLOADS, PROCESSES, TABLE, TASKS


class Topics:
    """The topics as they are; to be read in the order table, orders, log."""

    def __init__(self, connection: Connection, area: str) -> None:
        self._reader = TopicReader(connection)
        self._area = area
        self.partition = partition_of(area, len(self._reader.spans(TASKS.name)))
        """Of the area, in the log and in the table's changelog."""
        self.unreadable: list[str] = []
        """Records of the area that hold no message of this version, and why."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def table(self, progress: Progress) -> tuple[dict[str, str], int]:
        """Rows of the area as the workflow reads them back; what it folds next."""
        records = progress.track(self._partition(TABLE.name), description="table")
        rows, folded = _read_back(records)
        ours = {
            key: value.decode()
            for key, value in rows.items()
            if decode_row(key, value).area == self._area
        }
        return ours, folded

    def orders(self, progress: Progress) -> list[Any]:
        """Orders for tasks of the area."""
        reader = self._reader
        records = chain(reader.read(DOWNLOADS.name), reader.read(PROCESSES.name))
        ours = f"{self._area}/".encode()
        tracked = progress.track(records, description="orders")
        found = (r for r in tracked if r.key is not None and r.key.startswith(ours))
        return [fact.message for _, fact in self._decoded(found)]

    def log(self, progress: Progress) -> list[Positioned]:
        """The facts of the area."""
        records = progress.track(self._partition(TASKS.name), description="log")
        ours = self._area.encode()
        return [
            Positioned(record.partition, record.offset, fact)
            for record, fact in self._decoded(r for r in records if r.key == ours)
        ]

    def _decoded(
        self, records: Iterable[Record]
    ) -> Iterator[tuple[Record, Envelope[Any]]]:
        for record in records:
            try:
                yield record, unpack(record)
            except ContractError as error:
                self.unreadable.append(f"{record}: {error}")

    def _partition(self, topic: str) -> Iterator[Record]:
        """The area's partition, up to its end at the call."""
        others = {
            span.partition: span.end
            for span in self._reader.spans(topic)
            if span.partition != self.partition
        }
        return self._reader.read(topic, begin=others)


def _read_back(records: Iterable[Record]) -> tuple[dict[str, bytes], int]:
    """What a changelog comes to, its journal laid over it, and the position of that."""
    latest = Latest(lambda key: None)
    for record in records:
        if record.key is not None and record.value is not None:
            latest.see(record.partition, record.key, record.value)
    found = {key.decode(): value for key, value in latest.take()[0].items()}
    folded = 0
    for key in [key for key in found if journal.is_journal(key)]:
        position, rows = journal.read_journal(found.pop(key))
        folded = position + 1
        for name, value in rows.items():
            if name not in found or reach(found[name]) < reach(value):
                found[name] = value
    return found, folded
