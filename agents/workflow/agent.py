# SPDX-License-Identifier: Apache-2.0
"""The faust agent: facts in, rows and orders out. The rules are `streams.dependencies`.

Events are gathered while the batch before them is written, so batches grow with the
load and a lone fact waits for nobody. A batch is written (journal, rows, orders, dead
letters) and acknowledged by Kafka, laid over the table, and only then acknowledged to
Kafka.
"""

import asyncio
import os
import threading
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import faust

from agents.health import Pulse, serve
from agents.logs import logger
from agents.settings import Settings
from agents.worker.deadletters import dead_letter
from agents.workflow import journal
from agents.workflow.app import build_app, dependency_table, task_log
from agents.workflow.batch import Batch, View, fold_batch, outgoing_record
from agents.workflow.latest import Latest, reach
from agents.workflow.leases import Leases, expiry_record
from agents.workflow.watch import Watch
from infra.kafka.connection import connection
from infra.kafka.lag import Lag, partition_of
from infra.kafka.reader import Span, TopicReader
from infra.kafka.writer import Writer
from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import BrokerError, ContractError
from streams.orders import Heartbeat
from streams.release import outstanding
from streams.table import Row, decode_row
from streams.topics import PROGRESS, TASKS

_LOG = logger("workflow")

Event = Any
"""A faust event: the library's types do not say what it has."""

# Told to the process manager: software failed, start me again.
_EXIT = 70

_WATCH_EVERY_S = 30.0

# Rows remembered decoded between batches: most facts are about tasks of recent ones.
_SEEN_AT_MOST = 100_000


class Workflow:
    """The agent's state: its table, its positions, what it is waiting for."""

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._topic = settings.topic_prefix + TASKS.name
        self._table = dependency_table(app, settings, self._read_back)
        self._table.on_recover(lambda: _or_die(self._recover()))
        self._latest = Latest(lambda key: self._table.data.get(key))
        self._seen: dict[str, Row | None] = {}
        self._positions: dict[int, int] = {}
        self._kafka = connection(settings, "ingester-workflow")
        self._writer = Writer(self._kafka, linger_ms=2)
        self._watch = Watch(
            settings.workflow_resend_s, Lag(self._kafka), partition_of, time.monotonic
        )
        self._leases = Leases(settings.workflow_lease_s, time.monotonic)
        self._waiting: list[Event] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._writing = asyncio.Lock()
        self._is_assigned = False
        self._is_whole = False
        self.pulse = Pulse()

    async def gather(self, stream: Any) -> None:
        """Take events as they come; no more than two batches ahead."""
        async for event in stream.noack().events():
            self._waiting.append(event)
            self._arrived.set()
            if len(self._waiting) >= 2 * self._settings.workflow_batch:
                self._taken.clear()
                await self._taken.wait()

    async def fold_for_ever(self) -> None:
        """Fold what was gathered, batch after batch."""
        while not self._app.should_stop:
            await self._arrived.wait()
            events = self._waiting[: self._settings.workflow_batch]
            del self._waiting[: len(events)]
            self._taken.set()
            if not self._waiting:
                self._arrived.clear()
            await self._handle(events)
            self.pulse.beat()

    async def resend_overdue(self) -> None:
        """Look after orders that nobody began: send again those that were lost."""
        if not self._waiting:
            self.pulse.beat()
        overdue = await asyncio.to_thread(self._watch.lost)
        orders = [record for task in overdue for record in self._orders_again(task)]
        if orders:
            _LOG.warning("sending lost orders again", action="resent", n=len(orders))
            await self._write(orders)

    async def expire(self) -> None:
        """Look after attempts that began: give up those whose workers are lost."""
        if self._is_whole:
            lost = self._leases.expired()
            for expired in lost:
                _LOG.warning(
                    f"nothing heard of {expired.worker}",
                    action="attempt_expired",
                    task=expired.task,
                    attempt=expired.attempt,
                )
            if lost:
                now = datetime.now(UTC)
                await self._write([expiry_record(expired, now) for expired in lost])

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
        self._is_assigned = self._is_whole = False
        async with self._writing:
            self._waiting.clear()
            self._arrived.clear()
            self._taken.set()

    def take_over(self) -> None:
        """Partitions are assigned; their table comes back next."""
        self._is_assigned = True

    async def _handle(self, events: list[Event]) -> None:
        async with self._writing:
            if not self._is_whole:
                return  # they come again once the table is back
            await self._fold_parts(events)
            if self._is_whole:  # else the next assignment brings them again
                for event in events:
                    event.ack()

    async def _fold_parts(self, events: list[Event]) -> None:
        parts: dict[int, list[Event]] = defaultdict(list)
        for event in events:
            parts[event.message.partition].append(event)
        for partition, group in parts.items():
            fresh = await self._fresh(partition, group)
            if fresh:
                await self._fold(partition, fresh)

    async def _fresh(self, partition: int, group: list[Event]) -> list[Record]:
        """The records that follow the table's position, once it is where they begin."""
        if partition not in self._ours():
            return []  # gone to another agent, which folds them
        position = self._positions.get(partition, -1)
        records = [record(event) for event in group if event.message.offset > position]
        if records and records[0].offset > position + 1:
            await self._catch_up(Span(partition, position + 1, records[0].offset))
        return records if self._is_assigned else []

    async def _catch_up(self, span: Span) -> None:
        """Fold what the committed offset passes over and the table lacks.

        Read by ourselves: while records flow, faust's consumer forgets where it was
        told to seek to, and passes over what is older.
        """
        _LOG.warning(
            "the table is behind the committed offset: reading again",
            action="rewound",
            partition=span.partition,
            begin=span.begin,
            end=span.end,
        )
        with TopicReader(self._kafka) as reader:
            log = reader.read_span(TASKS.name, span)
            while self._is_assigned:
                records = await asyncio.to_thread(self._next_batch, log)
                if not records:
                    return
                await self._fold(span.partition, records)

    def _next_batch(self, log: Iterator[Record]) -> list[Record]:
        return list(islice(log, self._settings.workflow_batch))

    async def _fold(self, partition: int, records: list[Record]) -> None:
        if len(self._seen) > _SEEN_AT_MOST:
            self._seen.clear()
        batch = fold_batch(View(self._stored, self._seen), records)
        rows, entry = journal.encoded(batch)
        await self._write(
            [
                *journal.changelog(partition, rows, entry),
                *batch.outgoing,
                *self._dead_letters(batch),
            ]
        )
        self._lay(rows)
        self._positions[partition] = batch.position
        self._watch.see(batch.rows)
        self._leases.see(batch.rows)

    async def _write(self, records: Iterable[Record]) -> None:
        for out in records:
            self._writer.send(out)
        await asyncio.to_thread(self._writer.flush)

    def _dead_letters(self, batch: Batch) -> list[Record]:
        now = datetime.now(UTC)
        for rejected, error in batch.rejected:
            _LOG.error(str(error), action="dead_letter", record=str(rejected))
        return [dead_letter(r, e, "workflow", now) for r, e in batch.rejected]

    def _stored(self, key: str) -> bytes | None:
        value: bytes | None = self._table.data.get(key.encode())
        return value

    def _lay(self, rows: dict[str, bytes]) -> None:
        """Rows into the table, past faust's changelog: ours is written already."""
        for key, value in rows.items():
            self._table.data[key.encode()] = value

    def _ours(self) -> set[int]:
        assigned = self._app.consumer.assignment()
        return {tp.partition for tp in assigned if tp.topic == self._topic}

    def _lay_missing(self, rows: dict[str, bytes]) -> None:
        for key, value in rows.items():
            there = self._stored(key)
            if there is None or reach(there) < reach(value):
                self._lay({key: value})

    async def _recover(self) -> None:
        """The table came back from its changelog: make it whole by the journals."""
        async with self._writing:
            if self._is_assigned:  # else the next assignment has overtaken this one
                await self._make_whole()
                self._is_whole = self._is_assigned

    async def _read_back(self, event: Event) -> None:
        """A record of the changelog, while the table comes back."""
        if event.value is not None:
            self._latest.see(event.message.partition, event.key, event.value)

    async def _make_whole(self) -> None:
        self._positions.clear()
        self._seen.clear()
        self._watch.forget()
        self._leases.forget()
        furthest, again = self._latest.take()
        self._table.data.update(furthest)
        ours = self._ours()
        for key in [k for k in self._table.data if journal.is_journal(k.decode())]:
            partition = journal.partition_of(key.decode())
            if partition not in ours:
                continue  # of a time when it was
            position, rows = journal.read_journal(self._table.data[key])
            self._lay_missing(rows)
            self._positions[partition] = position
            again += journal.row_records(partition, rows)
            again += [r for task in rows for r in self._orders_again(task)]
        rows_of_ours = dict(self._rows_of(ours))
        self._watch.see(rows_of_ours)
        self._leases.see(rows_of_ours)
        await self._write(again)
        _LOG.info("table recovered", action="recovered", positions=self._positions)

    def _rows_of(self, partitions: set[int]) -> Iterator[tuple[str, Row]]:
        """Rows of these partitions; those that went to others are still about."""
        for key, value in self._table.data.items():
            name = key.decode()
            if not journal.is_journal(name):
                row = decode_row(name, value)
                where = partition_of(row.area, self._settings.topics_log_partitions)
                if where in partitions:
                    yield name, row

    def _orders_again(self, task: str) -> list[Record]:
        order = outstanding(View(self._stored), task)
        return [outgoing_record(order, datetime.now(UTC))] if order else []


def record(event: Event) -> Record:
    """The Kafka record of a faust event."""
    message = event.message
    pairs = dict(message.headers or {}).items()
    return Record(
        topic=TASKS.name,
        key=message.key,
        value=message.value,
        headers=tuple((name, value or b"") for name, value in pairs),
        partition=message.partition,
        offset=message.offset,
    )


def run(settings: Settings) -> None:
    """Fold the log until told to stop."""
    app = build_app(settings)
    workflow = Workflow(app, settings)

    async def fold(stream: Any) -> None:
        await _or_die(workflow.gather(stream))

    async def fold_batches() -> None:
        await _or_die(workflow.fold_for_ever())

    async def watch() -> None:
        await _or_die(workflow.resend_overdue())

    async def expire() -> None:
        await _or_die(workflow.expire())

    def follow_progress() -> None:
        try:
            workflow.follow_progress()
        except BrokerError:
            # Without heartbeats every attempt would soon be taken for lost.
            _LOG.exception("cannot follow the progress", action="workflow_failed")
            os._exit(_EXIT)

    async def hand_over(*_: Any, **__: Any) -> None:
        await _or_die(workflow.hand_over())

    async def take_over(*_: Any, **__: Any) -> None:
        workflow.take_over()

    app.on_partitions_assigned.connect(take_over)
    app.on_partitions_revoked.connect(hand_over)
    app.on_before_shutdown.connect(hand_over)
    app.agent(task_log(app, settings), name="workflow", concurrency=1)(fold)
    app.task(fold_batches)
    app.timer(_WATCH_EVERY_S)(watch)
    app.timer(min(_WATCH_EVERY_S, settings.workflow_lease_s / 4))(expire)
    threading.Thread(target=follow_progress, name="progress", daemon=True).start()
    serve(settings.health_listen, workflow.pulse)
    worker = faust.Worker(app, loglevel="WARN", redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it draws on what may be a log file
    worker.execute_from_commandline()


async def _or_die(work: Coroutine[Any, Any, None]) -> None:
    """An agent that cannot go on stops its process, so that nothing is acknowledged.

    Faust would log the error, acknowledge the event and go on with the next.
    """
    try:
        await work
    except Exception:  # noqa: BLE001  (logged, and the process ends)
        _LOG.exception("the workflow cannot go on", action="workflow_failed")
        os._exit(_EXIT)
