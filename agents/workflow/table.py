# SPDX-License-Identifier: Apache-2.0
"""The dependency table in memory, as bytes, and how it comes back from its changelog.

Faust would bring it back event by event, many times slower than a plain reader.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agents.workflow import journal
from agents.workflow.latest import Latest, reach
from streams.envelope import Record
from streams.model import Status
from streams.table import Row, decode_row
from streams.topics import TABLE

Part = tuple[int, Sequence[tuple[bytes | None, bytes | None]]]
"""Where the next part of a changelog begins; keys and values of this one."""

Changelog = Callable[[int, int], Iterable[Part]]
"""One of its partitions, from an offset to the end."""

_PENDING = f'"status":"{Status.PENDING}"'.encode()
_FAILED = f'"status":"{Status.FAILED}"'.encode()


@dataclass(slots=True)
class DependencyTable:
    """Rows of the partitions that are ours, and of some that were."""

    positions: dict[int, int] = field(default_factory=dict)
    """Offset of the last fact folded, by partition."""
    _rows: dict[bytes, bytes] = field(default_factory=dict)
    _read_to: dict[int, int] = field(default_factory=dict)
    """Where the changelog goes on, by partition."""
    _overtaken: dict[bytes, int] = field(default_factory=dict)
    """Partition of the rows whose last value in the changelog is not the right one."""

    def __len__(self) -> int:
        return len(self._rows)

    def stored(self, key: str) -> bytes | None:
        """The bytes of a row, None if there is none."""
        return self._rows.get(key.encode())

    def lay(self, rows: dict[str, bytes]) -> None:
        """Lay rows over the table; the changelog is written before."""
        for key, value in rows.items():
            self._rows[key.encode()] = value

    def read_back(
        self, changelog: Changelog, partitions: Collection[int]
    ) -> tuple[list[Record], list[str]]:
        """Bring these partitions back, to the last fact that was folded.

        Returns:
            Records to be written again, which is to be said by `mended`; and tasks
            whose orders may not be out: what a crash can have lost of the last batch of
            each partition.
        """
        self.positions.clear()
        latest = Latest(self._rows.get)
        for partition in partitions:
            for end, pairs in changelog(partition, self._read_to.get(partition, 0)):
                for key, value in pairs:
                    if key is not None and value is not None:
                        latest.see(partition, key, value)
                self._read_to[partition] = end
        furthest, overtaken = latest.take()
        self._rows.update(furthest)
        self._overtaken.update(overtaken)
        again: list[Record] = []
        unsure: list[str] = []
        for partition in partitions:
            rows = self._lay_journal(partition)
            again += journal.row_records(partition, rows)
            unsure += rows
        again += [
            Record(TABLE.name, key, self._rows[key], partition=partition)
            for key, partition in self._overtaken.items()
            if partition in partitions
        ]
        return again, unsure

    def mended(self, partitions: Collection[int]) -> None:
        """What was to be written again of these partitions is written.

        Until then it is told each time: a reading that was cut short is not repeated,
        and once the changelog is compacted nobody else has those rows.
        """
        self._overtaken = {
            key: partition
            for key, partition in self._overtaken.items()
            if partition not in partitions
        }

    def watched(self, is_ours: Callable[[str], bool]) -> Iterator[tuple[str, Row]]:
        """Rows of tasks that run, are ordered or failed, of the areas that are ours."""
        for key, value in self._rows.items():
            # Most rows are not: to look for the words is faster than to decode them.
            if _PENDING in value or _FAILED in value:
                name = key.decode()
                if journal.is_journal(name):
                    continue
                row = decode_row(name, value)
                if is_ours(row.area):
                    yield name, row

    def _lay_journal(self, partition: int) -> dict[str, bytes]:
        """Lay a partition's journal over its rows, where they are behind; its rows."""
        entry = self.stored(journal.journal_key(partition))
        if entry is None:
            return {}
        position, rows = journal.read_journal(entry)
        for key, value in rows.items():
            there = self.stored(key)
            if there is None or reach(there) < reach(value):
                self.lay({key: value})
        self.positions[partition] = position
        return rows
