# SPDX-License-Identifier: Apache-2.0
"""The workflow: facts in, rows and orders out. The rules are `streams.dependencies`.

Facts are gathered while the batch before them is written, so batches grow with the load
and a lone fact waits for nobody. A batch is folded, laid over the table and written:
journal, rows, orders, dead letters. Once Kafka has acknowledged these, the facts are
acknowledged to Kafka. Meanwhile the next batch is folded, to be written after it.
"""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import faust

from agents.health import Pulse
from agents.logs import logger
from agents.settings import Settings
from agents.worker.deadletters import dead_letter
from agents.worker.recent import Recent
from agents.workflow import journal
from agents.workflow.app import build_app
from agents.workflow.batch import Batch, View, fold_batch, outgoing_record
from agents.workflow.leases import Leases, expiry_record
from agents.workflow.leftovers import Leftovers
from agents.workflow.table import DependencyTable, Part
from agents.workflow.transport import record_of
from agents.workflow.watch import Watch
from agents.workflow.wiring import start
from infra.kafka.connection import connection
from infra.kafka.lag import Lag, partition_of
from infra.kafka.reader import Span, TopicReader
from infra.kafka.writer import MAX_RECORD_BYTES, Writer
from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import ContractError
from streams.events import AttemptExpired, LayersExpired
from streams.orders import Heartbeat
from streams.release import outstanding
from streams.retention import released
from streams.table import Row
from streams.topics import PROGRESS, TABLE, TASKS

_LOG = logger("workflow")

Event = Any
"""A faust event: what one fetch brought of a partition. Its value is the records."""

# Rows remembered decoded between batches: most facts are about tasks of recent ones.
_REMEMBERED = 200_000

# All at once would hold up the loop for seconds, and take as much memory as the table.
_SEEN_AT_ONCE = 5000

# Larger ones are written in halves: rows of scenes may hold long footprints.
_JOURNAL_AT_MOST = MAX_RECORD_BYTES // 2


class Workflow:
    """The agent's state: its table, its positions, what it is waiting for."""

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._kafka = connection(settings, "ingester-workflow")
        self._writer = Writer(self._kafka, linger_ms=2)
        self._table = DependencyTable()
        self._recent = Recent(_REMEMBERED)
        self._watch = Watch(
            settings.workflow_resend_s, Lag(self._kafka), partition_of, time.monotonic
        )
        self._leases = Leases(settings.workflow_lease_s, time.monotonic)
        self._leftovers = Leftovers(timedelta(days=settings.workflow_keep_failed_days))
        self._waiting: list[Event] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._writing = asyncio.Lock()
        self._flush: asyncio.Task[None] | None = None
        self._folded: list[Event] = []
        self._ours: frozenset[int] = frozenset()
        self._term = 0
        self._whole = asyncio.Event()
        self.pulse = Pulse()

    async def gather(self, stream: Any) -> None:
        """Take events as they come; no more than two batches ahead."""
        async for event in stream.noack().events():
            self._waiting.append(event)
            self._arrived.set()
            if _count(self._waiting) >= 2 * self._settings.workflow_batch:
                self._taken.clear()
                await self._taken.wait()

    async def fold_for_ever(self) -> None:
        """Fold what was gathered, batch after batch."""
        while not self._app.should_stop:
            if not self._waiting:
                async with self._writing:
                    await self._written()
            await self._arrived.wait()
            await self._whole.wait()
            await self._handle(self._take())
            self.pulse.beat()

    async def resend_overdue(self) -> None:
        """Look after orders that nobody began: send again those that were lost."""
        if not self._waiting:
            self.pulse.beat()
        overdue = self._watch.overdue()
        lost = self._watch.again(await asyncio.to_thread(self._watch.read_up, overdue))
        orders = [record for task in lost for record in self._orders_again(task)]
        if orders:
            _LOG.warning("sending lost orders again", action="resent", n=len(orders))
            await self._write(orders)

    async def expire(self) -> None:
        """Give up attempts whose workers are lost, and what failed tiles kept."""
        if self._whole.is_set():
            now = datetime.now(UTC)
            lost = self._leases.expired()
            for attempt in lost:
                _LOG.warning(
                    f"nothing heard of {attempt.worker}",
                    action="attempt_expired",
                    task=attempt.task,
                    attempt=attempt.attempt,
                )
            expired: list[AttemptExpired | LayersExpired]
            expired = [*lost, *self._leftovers.expired(now)]
            if expired:
                await self._write([expiry_record(one, now) for one in expired])

    def follow_progress(self) -> None:
        """In a thread: hear the heartbeats of all workers, for ever."""
        with TopicReader(connection(self._settings, "ingester-workflow")) as reader:
            ends = {span.partition: span.end for span in reader.spans(PROGRESS.name)}
            for pulse in reader.read(PROGRESS.name, follow=True, begin=ends):
                try:
                    heartbeat = unpack_as(Heartbeat, pulse).message
                except ContractError as error:
                    _LOG.error(str(error), action="heartbeat_unread")
                else:
                    self._leases.hear(heartbeat.task, heartbeat.attempt)

    async def hand_over(self) -> None:
        """Partitions may go to another agent: end the batch in hand, begin no other.

        Their next owner reads the table from its changelog. What we wrote after that
        would be missing there, and lie over what the next owner writes.
        """
        self._term += 1
        self._whole.clear()
        async with self._writing:
            await self._written()
            self._waiting.clear()
            self._arrived.clear()
            self._taken.set()

    async def take_over(self, partitions: frozenset[int]) -> None:
        """Partitions are assigned: bring back their table, and fold what it lacks."""
        self._term += 1
        term = self._term

        def is_current() -> bool:
            return term == self._term

        async with self._writing:
            self._ours = partitions
            await self._bring_back(is_current)
            with TopicReader(self._kafka) as reader:
                for span in await asyncio.to_thread(reader.spans, TASKS.name):
                    if span.partition in partitions:
                        await self._catch_up(reader, span, is_current)
            if is_current():
                self._whole.set()

    async def _bring_back(self, is_current: Callable[[], bool]) -> None:
        """The table as its changelog has it; what a crash may have lost, once more."""
        begin = time.monotonic()
        again, unsure = await asyncio.to_thread(self._read_back, is_current)
        if not is_current():
            return
        await asyncio.to_thread(self._write_again, again, unsure)
        self._table.mended(self._ours)
        self._recent.forget()
        self._watch.forget()
        self._leases.forget()
        self._leftovers.forget()
        gc.collect()  # before there is much to look at
        watched = self._table.watched(self._is_ours)
        while rows := await asyncio.to_thread(self._next_watched, watched):
            if not is_current():
                return
            self._see(rows)
        gc.freeze()  # the table stays: no collection need look at it
        _LOG.info(
            "table recovered",
            action="recovered",
            rows=len(self._table),
            seconds=round(time.monotonic() - begin, 3),
            positions=self._table.positions,
        )

    def _read_back(
        self, is_current: Callable[[], bool]
    ) -> tuple[list[Record], list[str]]:
        with TopicReader(self._kafka) as reader:
            spans = {span.partition: span for span in reader.spans(TABLE.name)}

            def goes_on(_: object) -> bool:
                self.pulse.beat()  # a large table takes longer than a pulse may rest
                return is_current()

            def changelog(partition: int, begin: int) -> Iterator[Part]:
                span = spans[partition]
                rest = Span(partition, max(begin, span.begin), span.end)
                return takewhile(goes_on, reader.read_pairs(TABLE.name, rest))

            return self._table.read_back(changelog, self._ours)

    def _next_watched(self, watched: Iterator[tuple[str, Row]]) -> dict[str, Row]:
        self.pulse.beat()
        return dict(islice(watched, _SEEN_AT_ONCE))

    def _write_again(self, rows: list[Record], unsure: list[str]) -> None:
        orders = [order for task in unsure for order in self._orders_again(task)]
        self._writer.write([*rows, *orders])

    async def _catch_up(
        self, reader: TopicReader, span: Span, is_current: Callable[[], bool]
    ) -> None:
        """Fold what a span of the log holds and the table lacks.

        Read by ourselves: while records flow, faust's consumer forgets where it was
        told to seek to, and passes over what is older.
        """
        begin = max(span.begin, self._position(span.partition) + 1)
        if begin >= span.end:
            return
        _LOG.info(
            "reading the log from where the table is",
            action="rewound",
            partition=span.partition,
            begin=begin,
            end=span.end,
        )
        log = reader.read_span(TASKS.name, Span(span.partition, begin, span.end))
        while is_current():
            records = await asyncio.to_thread(self._next_batch, log)
            if not records:
                return
            await self._fold(span.partition, records)
            self.pulse.beat()

    def _next_batch(self, log: Iterator[Record]) -> list[Record]:
        return list(islice(log, self._settings.workflow_batch))

    def _take(self) -> list[Event]:
        """Events for one batch, the oldest."""
        taken: list[Event] = []
        while self._waiting and _count(taken) < self._settings.workflow_batch:
            taken.append(self._waiting.pop(0))
        self._taken.set()
        if not self._waiting:
            self._arrived.clear()
        return taken

    async def _handle(self, events: list[Event]) -> None:
        term = self._term
        async with self._writing:
            parts: dict[int, list[Any]] = defaultdict(list)
            for event in events:
                parts[event.message.partition] += event.value
            for partition, found in parts.items():
                await self._fold_fresh(partition, found, lambda: term == self._term)
            if term == self._term:  # else the next owner folds them
                self._folded += events

    async def _fold_fresh(
        self, partition: int, found: list[Any], is_current: Callable[[], bool]
    ) -> None:
        """Fold what the table does not have yet, if the partition is ours."""
        if partition not in self._ours:
            return
        begin = self._position(partition) + 1
        fresh = iter([record_of(one) for one in found if one.offset >= begin])
        while is_current() and (records := self._next_batch(fresh)):
            if records[0].offset > self._position(partition) + 1:
                with TopicReader(self._kafka) as reader:
                    span = Span(partition, 0, records[0].offset)
                    await self._catch_up(reader, span, is_current)
            await self._fold(partition, records)

    async def _fold(self, partition: int, records: list[Record]) -> None:
        batch = fold_batch(View(self._table.stored, self._recent), records)
        rows, entry = journal.encoded(batch)
        if len(entry) > _JOURNAL_AT_MOST and len(records) > 1:
            self._recent.forget()  # it has the rows of a batch that never was
            half = len(records) // 2
            await self._fold(partition, records[:half])
            await self._fold(partition, records[half:])
            return
        out = [
            *journal.changelog(partition, rows, entry),
            *batch.outgoing,
            *self._dead_letters(batch),
        ]
        # A journal says that all before it is written: so it must be.
        await self._written()
        for record in out:
            self._writer.send(record)
        self._flush = asyncio.create_task(asyncio.to_thread(self._writer.flush))
        self._table.lay(rows)
        self._table.positions[partition] = batch.position
        self._see(batch.rows)

    def _see(self, rows: dict[str, Row]) -> None:
        self._watch.see(rows)
        self._leases.see(rows)
        self._leftovers.see(rows)

    async def _written(self) -> None:
        """Wait for the last batch to be written; what led to it is acknowledged."""
        if self._flush is not None:
            await self._flush
            self._flush = None
        for event in self._folded:
            event.ack()
        self._folded.clear()

    async def _write(self, records: Iterable[Record]) -> None:
        for record in records:
            self._writer.send(record)
        await asyncio.to_thread(self._writer.flush)

    def _dead_letters(self, batch: Batch) -> list[Record]:
        now = datetime.now(UTC)
        for rejected, error in batch.rejected:
            _LOG.error(str(error), action="dead_letter", record=str(rejected))
        return [dead_letter(r, e, "workflow", now) for r, e in batch.rejected]

    def _position(self, partition: int) -> int:
        return self._table.positions.get(partition, -1)

    def _is_ours(self, area: str) -> bool:
        return partition_of(area, self._settings.topics_log_partitions) in self._ours

    def _orders_again(self, task: str) -> list[Record]:
        """What a crash may have kept from going out about a task."""
        view, now = View(self._table.stored), datetime.now(UTC)
        order = outstanding(view, task)
        again = [order] if order else released(view, task)
        return [outgoing_record(one, now) for one in again]


def _count(events: list[Event]) -> int:
    return sum(len(event.value) for event in events)


def run(settings: Settings) -> None:
    """Fold the log until told to stop."""
    app = build_app(settings)
    start(app, Workflow(app, settings), settings)
