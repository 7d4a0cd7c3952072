# SPDX-License-Identifier: Apache-2.0
"""Batches of facts into the read model, with their position, all or nothing."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

from agents.projector.lives import Parameters
from agents.projector.rows import statements, told
from agents.worker.recent import UNKNOWN, Recent
from streams.codec import message_type, unpack
from streams.dependencies import step
from streams.envelope import Envelope, Record
from streams.errors import ContractError
from streams.model import Tile
from streams.table import Row, cell_key, ingestion_key
from streams.topics import TASKS

# Rows remembered between batches: most facts are about tasks of recent ones.
_REMEMBERED = 200_000


class ReadModel(Protocol):
    """The database, inside one transaction."""

    def lock(self, partitions: Sequence[int]) -> dict[int, int]:
        """Next offset of each partition; nobody else projects them meanwhile."""
        ...

    def generation(self) -> int:
        """Another number once the tables were replaced by a rebuild."""
        ...

    def find(self, keys: Collection[str]) -> dict[str, Row]:
        """Rows of the dependency table, those that are there, by key."""
        ...

    def save(self, statements: Iterable[tuple[str, Parameters]]) -> None:
        """Run named statements."""
        ...

    def move(self, positions: dict[int, int]) -> None:
        """The next offset of partitions."""
        ...


class Projection:
    """Keeps the read model abreast of the log."""

    def __init__(self) -> None:
        self._recent = Recent(_REMEMBERED)
        self._next: dict[int, int] = {}
        self._generation = 0

    def forget(self) -> None:
        """Remember nothing: the database may have moved on without us."""
        self._recent.forget()
        self._next.clear()

    def project(self, model: ReadModel, records: Sequence[Record]) -> dict[int, int]:
        """Project records, those of each partition in order, in one transaction.

        Returns:
            Partitions to be read again, from the offset given: the log has records
            before ours that the read model lacks. Nothing of them was projected.
        """
        positions = model.lock(sorted({record.partition for record in records}))
        generation = model.generation()
        known = generation == self._generation
        if not known or any(self._next.get(p, n) != n for p, n in positions.items()):
            self.forget()
        self._generation = generation
        behind: dict[int, int] = {}
        facts = list(_unseen(records, positions, behind))
        view = _View(model, self._recent)
        view.fetch({key for fact, _ in facts for key in _about(fact.message)})
        for fact, offset in facts:
            view.fold(fact, offset)
        model.save(view.statements())
        model.move(positions)
        self._next |= positions
        self._recent.remember(view.rows)
        return behind


class _View:
    """The dependency table of the read model, with a batch laid over it."""

    def __init__(self, model: ReadModel, recent: Recent) -> None:
        self._model = model
        self._recent = recent
        self.rows: dict[str, Row | None] = {}
        self._changed: dict[str, Row] = {}
        self._told: list[tuple[str, Parameters]] = []

    def fetch(self, keys: Iterable[str]) -> None:
        """Ask for rows that will be looked up, all at once."""
        unknown: list[str] = []
        for key in keys:
            if key not in self.rows:
                row = self._recent.look(key)
                if row is UNKNOWN:
                    unknown.append(key)
                else:
                    self.rows[key] = row
        if unknown:
            found = self._model.find(unknown)
            self.rows.update({key: found.get(key) for key in unknown})

    def fold(self, fact: Envelope[Any], offset: int) -> None:
        """Fold one fact over it."""
        done = step(self, fact, offset)
        # Each was looked up by the step: no row is asked of the database twice.
        before = {key: row for key in done.rows if (row := self.get(key)) is not None}
        self.rows.update(done.rows)
        self._changed.update(done.rows)
        self._told.extend(told(fact, before, done))

    def statements(self) -> Iterator[tuple[str, Parameters]]:
        """What to run for everything folded."""
        yield from statements(self._changed)
        yield from self._told

    def get(self, key: str) -> Row | None:
        """The row under this key."""
        if key not in self.rows:
            self.fetch((key,))
        return self.rows[key]


def _unseen(
    records: Sequence[Record], positions: dict[int, int], behind: dict[int, int]
) -> Iterator[tuple[Envelope[Any], int]]:
    """Facts that the read model has not, with their offsets.

    Args:
        records: those of each partition in order.
        positions: next offset of each partition, moved past what is given.
        behind: gets the partitions whose records come too early, and where they go on.
    """
    for record in records:
        expected = positions[record.partition]
        if record.offset < expected or record.partition in behind:
            continue
        if record.offset > expected:
            behind[record.partition] = expected
            continue
        positions[record.partition] = record.offset + 1
        fact = _fact(record)
        if fact is not None:
            yield fact, record.offset


def _about(event: Any) -> Iterator[str]:
    """Keys of rows that the fold of an event looks up, whatever they hold."""
    yield event.area
    if task := getattr(event, "task", ""):
        yield task
        yield "/".join(task.split("/")[:2])
    if ingestion := getattr(event, "ingestion", ""):
        yield ingestion_key(event.area, ingestion)
    tile = getattr(event, "tile", None)
    if isinstance(tile, Tile) and tile.cell:
        yield cell_key(event.area, tile.cell)


def _fact(record: Record) -> Envelope[Any] | None:
    """The fact in a record; None for poison, which the workflow's dead letters hold."""
    try:
        envelope = unpack(record)
    except ContractError:
        return None
    return envelope if message_type(envelope.message) in TASKS.messages else None
