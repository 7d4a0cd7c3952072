# SPDX-License-Identifier: Apache-2.0
"""How a batch reaches the table's changelog whole, or not at all.

Rows are separate records, and a crash can come between two of them. So a batch is first
written as one record, its journal: the rows it changes and the offset of the last fact
folded. A table that comes back from its changelog lays the journal's rows over itself,
and is then exactly the fold of the log up to that offset, whatever was lost. Before the
next journal takes its place, its rows are written again.
"""

from collections.abc import Iterator

import msgspec

from agents.workflow.batch import Batch
from streams.envelope import Record
from streams.table import encode_row
from streams.topics import TABLE

MARK = "~"
"""No area's name begins with it."""


class Journal(msgspec.Struct, frozen=True, gc=False):
    """The last batch of a partition."""

    position: int
    """Offset of its last fact in the task log. First: `position_of` reads it alone."""
    rows: dict[str, msgspec.Raw]


_HEAD = b'{"position":'

_DECODER = msgspec.json.Decoder(Journal)


def journal_key(partition: int) -> str:
    """Key of a partition's journal among the rows of the table."""
    return f"{MARK}{partition}"


def partition_of(key: str) -> int:
    """The partition whose journal has this key."""
    return int(key.removeprefix(MARK))


def is_journal(key: str) -> bool:
    """Is this the key of a journal?"""
    return key.startswith(MARK)


def position_of(journal: bytes) -> int:
    """How far a journal goes, without its rows: they may be megabytes."""
    return int(journal[len(_HEAD) : journal.index(b",")])


def encoded(batch: Batch) -> tuple[dict[str, bytes], bytes]:
    """The batch's rows and its journal, as bytes."""
    rows = {key: encode_row(row) for key, row in batch.rows.items()}
    raw = {key: msgspec.Raw(value) for key, value in rows.items()}
    return rows, msgspec.json.encode(Journal(batch.position, raw))


def changelog(
    partition: int, rows: dict[str, bytes], journal: bytes
) -> Iterator[Record]:
    """Records of the changelog, the journal first."""
    yield _record(partition, journal_key(partition), journal)
    yield from row_records(partition, rows)


def row_records(partition: int, rows: dict[str, bytes]) -> Iterator[Record]:
    """Records of rows alone: of a journal that is in the changelog already."""
    for key, value in rows.items():
        yield _record(partition, key, value)


def read_journal(value: bytes) -> tuple[int, dict[str, bytes]]:
    """Position and rows of a journal."""
    journal = _DECODER.decode(value)
    return journal.position, {key: bytes(raw) for key, raw in journal.rows.items()}


def _record(partition: int, key: str, value: bytes) -> Record:
    return Record(TABLE.name, key.encode(), value, partition=partition)
