# SPDX-License-Identifier: Apache-2.0
"""Fold a log again: up to any offset or instant; compare what came out."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from streams.dependencies import step
from streams.envelope import Envelope
from streams.events import Event
from streams.orders import Outgoing
from streams.table import Row, Table, encode_row


@dataclass(frozen=True, slots=True)
class Positioned:
    """A fact at its place in the log."""

    partition: int
    offset: int
    fact: Envelope[Event]


@dataclass(slots=True)
class Replayed:
    """A table folded from a log, and what the fold set free on the way."""

    table: dict[str, Row] = field(default_factory=dict)
    outgoing: list[Outgoing] = field(default_factory=list)
    unknown: list[tuple[Positioned, str]] = field(default_factory=list)
    """Facts about things that the log never created, and which."""
    facts: int = 0

    def fold(self, entry: Positioned) -> None:
        """Fold one more fact."""
        done = step(self.table, entry.fact, entry.offset)
        self.table.update(done.rows)
        self.outgoing.extend(done.outgoing)
        self.facts += 1
        if done.unknown:
            self.unknown.append((entry, done.unknown))


def replay(
    log: Iterable[Positioned],
    *,
    until_time: datetime | None = None,
    until_offset: int | None = None,
) -> Replayed:
    """The table that a log folds to.

    Args:
        log: facts, those of each partition in order of offset.
        until_time: leave out facts said later than this instant.
        until_offset: leave out facts beyond this offset of their partition.
    """
    replayed = Replayed()
    for entry in log:
        if until_time is not None and entry.fact.time > until_time:
            continue
        if until_offset is not None and entry.offset > until_offset:
            continue
        replayed.fold(entry)
    return replayed


def lines(table: Table) -> Iterator[bytes]:
    """The table as text: a line `key<TAB>row` for each row, sorted by key."""
    for key in sorted(table):
        yield key.encode() + b"\t" + encode_row(table[key]) + b"\n"


def digest(table: Table) -> str:
    """SHA-256 of the table's text: equal tables, equal digests."""
    whole = hashlib.sha256()
    for line in lines(table):
        whole.update(line)
    return whole.hexdigest()


def differences(left: Table, right: Table) -> list[str]:
    """Keys of the rows that are not the same in both tables, sorted."""
    keys = left.keys() | right.keys()
    return sorted(key for key in keys if left.get(key) != right.get(key))
