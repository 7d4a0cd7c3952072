# SPDX-License-Identifier: Apache-2.0
"""The life of a worker: take orders, stay in the group while working, report, commit.

An order's offset is committed only after its fact is acknowledged, so a worker that
dies leaves its orders to another. What cannot be read goes to the dead letters; the
next record is handled.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from agents.logs import logger
from agents.worker.deadletters import dead_letter
from agents.worker.desk import Desk, sign_of_life
from agents.worker.offsets import Offsets
from agents.worker.ports import Sink, Source
from agents.worker.rest import REST, Rest
from agents.worker.starts import Starts
from streams.codec import Message, pack, unpack_as
from streams.envelope import Envelope, Record
from streams.errors import (
    ContractError,
    IngesterError,
    OrderCancelled,
    OrderKillsWorker,
)
from streams.failures import Failure
from streams.orders import (
    DownloadOrder,
    IngestionRequest,
    InventoryRequest,
    ProcessOrder,
)
from streams.topics import key_of, topic_of

M = TypeVar(
    "M", bound=DownloadOrder | ProcessOrder | IngestionRequest | InventoryRequest
)

Facts = Iterable[Envelope[Any]]

# Orders taken and ready for the next free hand. Beyond the first number the partitions
# are paused until the second: pausing throws away what the client has fetched, so it
# must not be done per order.
_READY_AT_MOST = 100
_READY_AGAIN = 50

# Orders taken that wait for the end of a pause, of hours where a provider asks for it:
# they must not keep others from being read. Some kilobytes each.
_WAITING_AT_MOST = 10_000

# A worker may be killed for reasons of its own, also twice; so often, and each time
# while the same order runs, it is the order.
_STARTS_AT_MOST = 5

# From then on an order runs alone: those beside it must not be taken for the killer.
_SUSPECT = 2

_POLL_S = 0.1
_COMMIT_EVERY = timedelta(seconds=0.5)


class Trade(Protocol[M]):
    """What a worker does with its orders. Called in threads, several at a time."""

    def begin(self, order: Envelope[M]) -> Facts:
        """Facts that say the order was begun."""
        ...

    def carry_out(self, order: Envelope[M], desk: Desk) -> Facts:
        """Do the work; facts that say so. Doing it again must be harmless."""
        ...

    def fail(
        self, order: Envelope[M], error: Exception, failure: Failure, desk: Desk
    ) -> Facts:
        """Facts that say the order failed, and in which class."""
        ...


@dataclass(slots=True)
class _Job(Generic[M]):
    record: Record
    order: Envelope[M]
    desk: Desk
    facts: "Future[_Ended]"


@dataclass(frozen=True, slots=True)
class _Ended:
    """What came out of an order."""

    facts: list[Envelope[Any]]
    failure: Failure | None = None


class Worker(Generic[M]):
    """Carries out the orders of one topic."""

    def __init__(
        self,
        name: str,
        message: type[M],
        trade: Trade[M],
        source: Source,
        sink: Sink,
        clock: Callable[[], datetime],
        *,
        worker: str,
        parallel: int = 1,
        drain_s: float = 60.0,
        hand_over_s: float = 60.0,
        last_words_s: float = 10.0,
        heartbeat_s: float = 5.0,
        turned: Callable[[], None] = lambda: None,
        is_cancelled: Callable[[str], bool] = lambda area: False,
        starts: Starts | None = None,
        rest: timedelta = REST,
    ) -> None:
        self._name = name
        self._message = message
        self._trade = trade
        self._source = source
        self._sink = sink
        self._clock = clock
        self._worker = worker
        self._parallel = parallel
        self._drain_s = drain_s
        self._hand_over_s = hand_over_s
        self._last_words_s = last_words_s
        self._heartbeat = timedelta(seconds=heartbeat_s)
        self._turned = turned
        self._is_cancelled = is_cancelled
        self._starts = starts
        self._rest = Rest(name, source, clock, rest)
        self._log = logger(name)
        self._offsets = Offsets()
        self._running: list[_Job[M]] = []
        self._parked: list[tuple[datetime, int, Record, Envelope[M]]] = []
        self._sequence = itertools.count()
        self._stopping = threading.Event()
        self._paused = False
        self._last_heartbeat = clock()
        self._last_commit = clock()
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix=name)
        source.on_revoke(self._hand_over)

    def stop(self) -> None:
        """Take no further order, end the running ones, return from `run`."""
        self._stopping.set()

    def run(self) -> bool:
        """Work until `stop`.

        Returns:
            Did every order end? One that does not, although it was told to, is left to
            another worker; its thread still runs.

        Raises:
            BrokerError: Kafka does not take our facts. The process must end: what was
                not acknowledged is not committed, another worker will do it again.
        """
        self._log.info(f"{self._name} ready", action="worker_ready")
        while not self._stopping.is_set():
            self._turn()
        self._log.info(f"{self._name} stopping", action="worker_stopping")
        left = self._drain()
        self._source.close()
        self._log.info(
            f"{self._name} stopped", action="worker_stopped", left=[*left] or None
        )
        return not left

    def _turn(self) -> None:
        self._turned()
        self._stop_cancelled()
        self._rest.turn(idle=not self._running)
        self._start_due()
        self._pause_or_resume()
        record = self._source.poll(0 if self._running else _POLL_S)
        if record is not None:
            self._take(record)
        elif self._running:
            futures = [job.facts for job in self._running]
            wait(futures, timeout=_POLL_S / 2, return_when=FIRST_COMPLETED)
        self._report()
        if self._clock() - self._last_commit >= _COMMIT_EVERY:
            self._commit()
        self._show_life()

    def _take(self, record: Record) -> None:
        self._offsets.begin(record)
        try:
            order = unpack_as(self._message, record)
        except ContractError as error:
            self._bury(record, error)
            return
        due = getattr(order.message, "not_before", None) or self._clock()
        heapq.heappush(self._parked, (due, next(self._sequence), record, order))
        self._start_due()

    def _start_due(self) -> None:
        now = self._clock()
        while self._parked and len(self._running) < self._parallel:
            if self._parked[0][0] > now or self._stopping.is_set() or self._rest.is_due:
                return
            if self._must_be_alone(self._parked[0][3]):
                return
            _, _, record, order = heapq.heappop(self._parked)
            if self._is_unwanted(order):
                self._turn_down(record, order, _cancelled(order))
            elif self._begun(order) >= _STARTS_AT_MOST:
                self._turn_down(record, order, _killer(order))
            else:
                self._start(record, order)

    def _begun(self, order: Envelope[M]) -> int:
        """How often the order was begun here without an end."""
        return self._starts.before(order.id) if self._starts else 0

    def _must_be_alone(self, order: Envelope[M]) -> bool:
        """Is something running, and it or the order suspected of killing its worker?"""
        # What runs was counted once more when it was begun.
        return bool(self._running) and (
            self._begun(order) >= _SUSPECT
            or any(self._begun(job.order) > _SUSPECT for job in self._running)
        )

    def _stop_cancelled(self) -> None:
        """Stop what runs for cancelled areas; turn down what was not begun."""
        for job in self._running:
            if self._is_unwanted(job.order):
                job.desk.cancelled.set()
        unwanted = [p for p in self._parked if self._is_unwanted(p[3])]
        if unwanted:
            self._parked = [p for p in self._parked if p not in unwanted]
            heapq.heapify(self._parked)
            for _, _, record, order in unwanted:
                self._turn_down(record, order, _cancelled(order))

    def _is_unwanted(self, order: Envelope[M]) -> bool:
        message = order.message
        tasks = DownloadOrder | ProcessOrder
        return isinstance(message, tasks) and self._is_cancelled(message.area)

    def _turn_down(
        self, record: Record, order: Envelope[M], error: IngesterError
    ) -> None:
        self._send(self._trade.fail(order, error, error.failure, Desk()))
        self._sink.flush()
        self._offsets.end(record)
        if self._starts:
            self._starts.end(order.id)

    def _start(self, record: Record, order: Envelope[M]) -> None:
        if self._starts:
            self._starts.begin(order.id)
        self._send(self._trade.begin(order))
        desk = Desk()
        facts = self._pool.submit(self._work, order, desk)
        self._running.append(_Job(record, order, desk, facts))

    def _work(self, order: Envelope[M], desk: Desk) -> _Ended:
        """In a thread: the facts that the order led to, good or bad."""
        try:
            return _Ended(list(self._trade.carry_out(order, desk)))
        except IngesterError as error:
            cause: Exception = error
            failure = error.failure
        # The one broad handler: a bug must end as a fact, not as a silent worker.
        except Exception as error:  # noqa: BLE001
            self._log.exception("unexpected error", action="bug", order=order.id)
            cause, failure = error, Failure.BUG
        if desk.cancelled.is_set():
            failure = Failure.CANCELLED
        return _Ended(list(self._trade.fail(order, cause, failure, desk)), failure)

    def _report(self) -> None:
        """Write the facts of ended orders, then commit their offsets."""
        ended = [job for job in self._running if job.facts.done()]
        for job in ended:
            result = job.facts.result()
            self._send(result.facts)
            self._rest.is_due |= result.failure is Failure.NODE_RESOURCE
        if ended:
            self._sink.flush()
            for job in ended:
                self._running.remove(job)
                self._offsets.end(job.record)
                if self._starts:
                    self._starts.end(job.order.id)

    def _commit(self) -> None:
        self._last_commit = self._clock()
        self._source.commit(self._offsets.committable())

    def _bury(self, record: Record, error: ContractError) -> None:
        self._log.error(str(error), action="dead_letter", record=str(record))
        self._sink.send(dead_letter(record, error, self._name, self._clock()))
        self._sink.flush()
        self._offsets.end(record)

    def _send(self, facts: Facts) -> None:
        for fact in facts:
            message: Message = fact.message
            self._sink.send(pack(topic_of(message).name, key_of(message), fact))

    def _pause_or_resume(self) -> None:
        """A busy worker takes no order, but keeps polling: it stays in the group."""
        now = self._clock()
        ready = sum(due <= now for due, *_ in self._parked)
        waiting = len(self._parked) - ready
        if ready >= _READY_AT_MOST or waiting >= _WAITING_AT_MOST:
            # Also when paused already: partitions may have come since.
            self._source.pause()
            self._paused = True
        elif self._paused and ready < _READY_AGAIN:
            self._source.resume()
            self._paused = False

    def _show_life(self) -> None:
        now = self._clock()
        if now - self._last_heartbeat < self._heartbeat:
            return
        self._last_heartbeat = now
        for job in self._running:
            sign = sign_of_life(job.order, job.desk, self._worker, self._name, now)
            if sign is not None:
                self._send([sign])

    def _hand_over(self, partitions: set[tuple[str, int]]) -> None:
        """Partitions go to another worker: end their orders here if time allows.

        An order that takes longer is done twice: both runs report the same attempt, and
        the second report changes nothing.
        """
        self._parked = [p for p in self._parked if _place(p[2]) not in partitions]
        heapq.heapify(self._parked)
        theirs = [job for job in self._running if _place(job.record) in partitions]
        self._wait(theirs, self._hand_over_s)
        self._report()
        self._commit()
        self._offsets.forget(partitions)

    def _drain(self) -> list[str]:
        """End the running orders; ids of those that do not."""
        self._parked.clear()
        left = self._wait(self._running, self._drain_s)
        for job in left:
            job.desk.cancelled.set()
        self._wait(left, self._last_words_s)
        self._report()
        self._commit()
        self._pool.shutdown(wait=False, cancel_futures=True)
        ids = [job.order.id for job in self._running]
        if self._starts:
            for order in ids:
                self._starts.end(order)  # it is left, and killed nobody
        self._running.clear()
        return ids

    def _wait(self, jobs: Sequence[_Job[M]], at_most_s: float) -> list[_Job[M]]:
        """Wait for jobs, showing life; those that did not end in time."""
        end = self._clock() + timedelta(seconds=at_most_s)
        left = list(jobs)
        while left and self._clock() < end:
            wait([job.facts for job in left], timeout=_POLL_S)
            left = [job for job in left if not job.facts.done()]
            self._show_life()
            self._turned()
        return left


def _cancelled(order: Envelope[Any]) -> IngesterError:
    return OrderCancelled(f"order '{order.id}': its area is cancelled")


def _killer(order: Envelope[Any]) -> IngesterError:
    return OrderKillsWorker(
        f"order '{order.id}': its worker died {_STARTS_AT_MOST} times while it ran"
    )


def _place(record: Record) -> tuple[str, int]:
    return record.topic, record.partition
