# SPDX-License-Identifier: Apache-2.0
"""Facts of one partition folded together: fewer writes for the same result. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from agents.worker.recent import UNKNOWN, Recent
from streams.codec import message_type, pack, unpack
from streams.dependencies import step
from streams.draft import UnknownSubject
from streams.envelope import Envelope, Record
from streams.errors import ContractError, IngesterError, UndecodableRecord
from streams.events import Event
from streams.model import order_id
from streams.orders import DownloadOrder, LayerReleased, Outgoing, ProcessOrder
from streams.table import Row, decode_row
from streams.topics import TASKS, key_of, topic_of

_SOURCE = "/agents/workflow"

_FEW = 1000
"""Rows to remember where no memory is given: more than one task needs."""


class View:
    """A table kept as bytes, with the rows of a batch laid over it.

    Args:
        stored: the bytes of a row, None when there is none.
        recent: rows that are decoded already; those of this batch are added.
    """

    def __init__(
        self,
        stored: Callable[[str], bytes | None],
        recent: Recent | None = None,
    ) -> None:
        self._stored = stored
        self._recent = Recent(_FEW) if recent is None else recent
        self.changed: dict[str, Row] = {}

    def get(self, key: str) -> Row | None:
        """The row under this key."""
        row = self._recent.look(key)
        if row is UNKNOWN:
            row = self.changed.get(key) or self._read(key)
            self._recent.remember({key: row})
        return row

    def _read(self, key: str) -> Row | None:
        value = self._stored(key)
        return None if value is None else decode_row(key, value)

    def update(self, rows: Mapping[str, Row]) -> None:
        """Lay rows over the table."""
        self._recent.remember(rows)
        self.changed.update(rows)


@dataclass(slots=True)
class Batch:
    """What some facts of one partition lead to."""

    rows: dict[str, Row]
    """Last value of each changed row."""
    outgoing: list[Record] = field(default_factory=list)
    """Orders and notices, as records."""
    rejected: list[tuple[Record, IngesterError]] = field(default_factory=list)
    """Records for the dead letters."""
    position: int = -1
    """Offset of the last record folded."""


def fold_batch(view: View, records: Sequence[Record]) -> Batch:
    """Fold records of one partition, in order, over a view of the table."""
    batch = Batch(view.changed)
    for record in records:
        try:
            _fold(view, record, batch)
        except (ContractError, UnknownSubject) as error:
            batch.rejected.append((record, error))
        batch.position = record.offset
    return batch


def outgoing_record(message: Outgoing, time: datetime, cause: str = "") -> Record:
    """The record of an order or a notice.

    Args:
        message: what goes out.
        time: when it was so: of the fact that caused it.
        cause: id of that fact. The same fact gives the same record every time.
    """
    envelope = Envelope(
        message,
        id=_id(message, cause),
        time=time,
        source=_SOURCE,
        subject=getattr(message, "task", "") or message.area,
        cause=cause,
        correlation=getattr(message, "ingestion", ""),
    )
    return pack(topic_of(message).name, key_of(message), envelope)


def _fold(view: View, record: Record, batch: Batch) -> None:
    fact = unpack(record)
    kind = message_type(fact.message)
    if kind not in TASKS.messages:
        raise UndecodableRecord(f"value: a {kind}, expected a fact")
    done = step(view, cast("Envelope[Event]", fact), record.offset)
    if done.unknown:
        raise UnknownSubject(done.unknown)
    view.update(done.rows)
    batch.outgoing += [
        outgoing_record(message, fact.time, fact.id) for message in done.outgoing
    ]


def _id(message: Outgoing, cause: str) -> str:
    if isinstance(message, DownloadOrder | ProcessOrder):
        return order_id(message.task, message.attempt)
    if isinstance(message, LayerReleased):
        return f"{message.uri}/{message_type(message)}"
    return f"{cause}/{message_type(message)}"
