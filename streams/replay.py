# SPDX-License-Identifier: Apache-2.0
"""Fold a log again: up to any offset or instant; compare what came out."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from streams.dependencies import step
from streams.draft import Draft
from streams.envelope import Envelope
from streams.events import Event
from streams.model import Status
from streams.orders import Outgoing
from streams.pages import whole
from streams.release import wanted_links
from streams.table import (
    AreaRow,
    CellRow,
    DownloadRow,
    IngestionRow,
    PageRow,
    ProcessRow,
    Row,
    Table,
    encode_row,
)


@dataclass(frozen=True, slots=True)
class Positioned:
    """A fact at its place in the log."""

    partition: int
    offset: int
    fact: Envelope[Event]


@dataclass(frozen=True, slots=True)
class Until:
    """The last fact to fold; what is None does not limit."""

    time: datetime | None = None
    """The first fact of an area that was said later is left out, with all behind it.

    Clocks differ: what stands behind it may have been said earlier.
    """
    offset: int | None = None
    """Facts beyond this offset of their partition are left out."""

    def holds(self) -> Callable[[Positioned], bool]:
        """Is this fact no later? To be asked of every fact, in order."""
        ended: set[str] = set()

        def held(entry: Positioned) -> bool:
            area = entry.fact.message.area
            if self.time is not None and entry.fact.time > self.time:
                ended.add(area)
            beyond = self.offset is not None and entry.offset > self.offset
            return area not in ended and not beyond

        return held


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


def replay(log: Iterable[Positioned], until: Until | None = None) -> Replayed:
    """The table that a log folds to.

    Args:
        log: facts, those of each partition in order of offset.
        until: the last fact to fold; None: all.
    """
    holds = (until or Until()).holds()
    replayed = Replayed()
    for entry in log:
        if holds(entry):
            replayed.fold(entry)
    return replayed


def replay_twice(
    log: Iterable[Positioned], since: Until, until: Until
) -> tuple[Replayed, Replayed]:
    """What a log folds to up to two instants, read once."""
    early, late = Replayed(), Replayed()
    before, within = since.holds(), until.holds()
    for entry in log:
        if before(entry):
            early.fold(entry)
        if within(entry):
            late.fold(entry)
    return early, late


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


class What(StrEnum):
    """What became of a row between two instants."""

    ADDED = "added"
    STATUS = "status"
    LINKS = "links"
    GONE = "gone"
    """Only in the earlier table: the instants are the wrong way round."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of interest that is not the same in two tables."""

    key: str
    what: What
    before: str
    """Its status or links; empty when it was not there."""
    after: str


def changes(before: Table, after: Table) -> Iterator[Change]:
    """Rows added, statuses that moved, tiles linked otherwise; in order of key."""
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old or new, PageRow):
            continue  # told with the row of its cell
        was, now = _standing(before, old), _standing(after, new)
        if old is None or new is None:
            yield Change(key, What.ADDED if old is None else What.GONE, was, now)
            continue
        if was != now:
            yield Change(key, What.STATUS, was, now)
        if _links(before, old) != _links(after, new):
            yield Change(key, What.LINKS, _links(before, old), _links(after, new))


def _standing(table: Table, row: Row | None) -> str:
    match row:
        case DownloadRow() | ProcessRow():
            attempt = f" #{row.course.attempt}" if row.course.attempt else ""
            return f"{row.course.status}{attempt}"
        case AreaRow():
            return row.state
        case IngestionRow():
            return "listed" if row.listed else "open"
        case CellRow():
            return f"{len(whole(row, table).members)} tiles"
        case PageRow() | None:
            return ""


def _links(table: Table, row: Row) -> str:
    """The neighbours that a tile was ordered with, or would be now."""
    if not isinstance(row, ProcessRow):
        return ""
    previous, reference = row.previous, row.reference
    if row.course.status is Status.NEW:
        links = wanted_links(Draft(table), row)
        previous, reference = links.previous, links.reference
    return f"previous {previous or 'none'}, reference {reference or 'none'}"
