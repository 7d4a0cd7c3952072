# SPDX-License-Identifier: Apache-2.0
"""The worker loop against a source and a sink in memory."""

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from agents.worker.loop import Worker
from agents.worker.reply import reply
from agents.worker.starts import Starts
from streams.codec import pack, unpack
from streams.envelope import Envelope, Record
from streams.errors import BrokerError, NodeExhausted, ProductNotFound
from streams.events import DownloadDone, DownloadFailed, DownloadStarted
from streams.failures import Failure
from streams.model import Scene, Settings
from streams.orders import DeadLetter, DownloadOrder, Heartbeat
from streams.topics import DOWNLOADS

NOW = datetime(2024, 1, 1, tzinfo=UTC)


class MemorySource:
    """A topic in memory."""

    def __init__(self, records):
        self.records = deque(records)
        self.committed = {}
        self.paused = False
        self.pauses = 0
        self.closed = False
        self.polls = 0
        self.revoke = None
        self.left = 0
        self.member = True

    def poll(self, timeout_s):
        self.polls += 1
        if self.paused or not self.member or not self.records:
            time.sleep(min(timeout_s, 0.005))
            return None
        return self.records.popleft()

    def pause(self):
        self.paused = True
        self.pauses += 1

    def resume(self):
        self.paused = False

    def commit(self, positions):
        self.committed |= positions

    def on_revoke(self, call):
        self.revoke = call

    def leave(self):
        self.left += 1
        self.member = False
        self.revoke({(DOWNLOADS.name, 0)})

    def join(self):
        self.member = True

    def close(self):
        self.closed = True


class MemorySink:
    """What was written, and what of it is acknowledged."""

    def __init__(self):
        self.sent = []
        self.flushed = 0
        self.broken = False

    def send(self, record):
        self.sent.append(record)

    def flush(self):
        if self.broken:
            raise BrokerError("not acknowledged")
        self.flushed = len(self.sent)

    def messages(self, cls):
        found = [unpack(record).message for record in self.sent]
        return [message for message in found if isinstance(message, cls)]


class Downloading:
    """A trade whose work is what the test says."""

    def __init__(self, work=lambda order, desk: None):
        self.work = work
        self.done = []

    def begin(self, order):
        m = order.message
        fact = DownloadStarted(m.area, m.task, m.attempt, "w")
        return [reply(order, fact, "downloader", NOW)]

    def carry_out(self, order, desk):
        self.work(order, desk)
        self.done.append(order.id)
        m = order.message
        fact = DownloadDone(m.area, m.task, m.attempt, "w", "local", ())
        return [reply(order, fact, "downloader", NOW)]

    def fail(self, order, error, failure, desk):
        m = order.message
        fact = DownloadFailed(m.area, m.task, m.attempt, "w", failure, str(error))
        return [reply(order, fact, "downloader", NOW)]


def an_order(number, *, not_before=None, partition=0):
    order = DownloadOrder(
        "demo",
        f"demo/s{number}",
        1,
        "i1",
        Settings("CopyProductToStorage", "Pass"),
        Scene(f"s{number}", "landsat", NOW),
        not_before=not_before,
    )
    envelope = Envelope(order, f"demo/s{number}#1", NOW, "/agents/workflow")
    record = pack(DOWNLOADS.name, order.task, envelope)
    return replace(record, partition=partition, offset=number)


def garbage(number):
    return Record(DOWNLOADS.name, b"k", b"garbage", partition=0, offset=number)


@pytest.fixture
def start():
    """Starts workers in threads; stops them when the test ends."""
    started = []

    def begin(source, trade, sink=None, clock=lambda: datetime.now(UTC), **options):
        sink = sink or MemorySink()
        worker = Worker(
            "downloader",
            DownloadOrder,
            trade,
            source,
            sink,
            clock,
            worker="w",
            **options,
        )
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        started.append((worker, thread))
        return worker, sink

    yield begin
    for worker, thread in started:
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()


def until(condition, at_most_s=5.0):
    end = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < end, "the condition never came"
        time.sleep(0.005)


def position(source):
    return source.committed.get((DOWNLOADS.name, 0))


def test_order_is_begun_done_reported_and_committed(start):
    source = MemorySource([an_order(0)])
    _, sink = start(source, Downloading())
    until(lambda: position(source) == 1)
    assert len(sink.messages(DownloadStarted)) == 1
    assert len(sink.messages(DownloadDone)) == 1


def test_failure_has_the_class_of_its_error(start):
    def work(order, desk):
        raise ProductNotFound("not here")

    source = MemorySource([an_order(0)])
    _, sink = start(source, Downloading(work))
    until(lambda: position(source) == 1)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.NOT_FOUND
    assert failed.message == "not here"


def test_unexpected_error_is_a_bug_not_a_silent_worker(start):
    def work(order, desk):
        raise ZeroDivisionError("oops")

    source = MemorySource([an_order(0), an_order(1)])
    _, sink = start(source, Downloading(work))
    until(lambda: position(source) == 2)
    assert {f.failure for f in sink.messages(DownloadFailed)} == {Failure.BUG}


def test_garbage_goes_to_the_dead_letters_and_the_next_order_is_done(start):
    source = MemorySource([garbage(0), an_order(1)])
    trade = Downloading()
    _, sink = start(source, trade)
    until(lambda: position(source) == 2)
    (letter,) = sink.messages(DeadLetter)
    assert letter.value == b"garbage"
    assert letter.cause == "UndecodableRecord"
    assert trade.done == ["demo/s1#1"]


def test_several_orders_run_at_a_time_and_commit_waits_for_the_first(start):
    gate = threading.Event()

    def work(order, desk):
        if order.message.task == "demo/s0":
            assert gate.wait(10)

    source = MemorySource([an_order(n) for n in range(4)])
    trade = Downloading(work)
    start(source, trade, parallel=2)
    until(lambda: len(trade.done) == 3)
    assert position(source) is None
    gate.set()
    until(lambda: position(source) == 4)


def test_busy_worker_keeps_polling(start):
    gate = threading.Event()
    source = MemorySource([an_order(0)])
    start(source, Downloading(lambda o, d: gate.wait(10)))
    until(lambda: source.polls > 3)
    before = source.polls
    time.sleep(0.3)
    assert source.polls > before
    gate.set()


def test_flood_is_paused_and_taken_up_again(start):
    gate = threading.Event()
    source = MemorySource([an_order(n) for n in range(300)])
    trade = Downloading(lambda o, d: gate.wait(10))
    start(source, trade)
    until(lambda: source.pauses > 0)
    assert len(source.records) > 150
    gate.set()
    until(lambda: position(source) == 300, 20)


def test_order_waits_until_its_pause_is_over_and_lets_others_pass(start):
    later = datetime.now(UTC) + timedelta(seconds=0.5)
    source = MemorySource([an_order(0, not_before=later), an_order(1)])
    trade = Downloading()
    start(source, trade)
    until(lambda: trade.done == ["demo/s1#1"])
    assert position(source) is None
    until(lambda: position(source) == 2)
    assert trade.done == ["demo/s1#1", "demo/s0#1"]


def test_many_orders_in_their_pause_let_others_pass(start):
    late = datetime.now(UTC) + timedelta(hours=1)
    waiting = [an_order(n, not_before=late) for n in range(300)]
    source = MemorySource([*waiting, an_order(300)])
    trade = Downloading()
    start(source, trade)
    until(lambda: trade.done == ["demo/s300#1"])
    assert source.pauses == 0


def test_running_order_shows_life(start):
    gate = threading.Event()

    def work(order, desk):
        desk.step, desk.done_bytes, desk.total_bytes = "fetch", 5, 10
        gate.wait(10)

    source = MemorySource([an_order(0)])
    _, sink = start(source, Downloading(work), heartbeat_s=0.05)
    until(lambda: len(sink.messages(Heartbeat)) >= 2)
    beat = sink.messages(Heartbeat)[-1]
    assert (beat.step, beat.done_bytes, beat.total_bytes) == ("fetch", 5, 10)
    assert beat.worker == sink.messages(DownloadStarted)[0].worker
    gate.set()


def test_stop_ends_running_orders_and_takes_no_other(start):
    gate = threading.Event()
    source = MemorySource([an_order(n) for n in range(3)])
    trade = Downloading(lambda o, d: gate.wait(10))
    worker, _ = start(source, trade)
    until(lambda: source.polls > 3)
    worker.stop()
    gate.set()
    until(lambda: source.closed)
    assert trade.done == ["demo/s0#1"]
    assert position(source) == 1


def test_order_that_does_not_end_in_time_is_cancelled(start):
    """F29."""

    def work(order, desk):
        assert desk.cancelled.wait(10)
        raise InterruptedError("stopped")

    source = MemorySource([an_order(0)])
    worker, sink = start(source, Downloading(work), drain_s=0.1)
    until(lambda: sink.messages(DownloadStarted))
    worker.stop()
    until(lambda: source.closed)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.CANCELLED


def test_revoked_partition_is_finished_before_it_is_handed_over(start):
    source = MemorySource([an_order(0)])
    trade = Downloading(lambda o, d: time.sleep(0.2))
    worker, sink = start(source, trade)
    until(lambda: sink.messages(DownloadStarted))
    handed = threading.Event()
    poll = source.poll

    def poll_and_revoke(timeout_s):
        if not handed.is_set():
            source.revoke({(DOWNLOADS.name, 0)})
            handed.set()
        return poll(timeout_s)

    source.poll = poll_and_revoke
    assert handed.wait(5)
    assert trade.done == ["demo/s0#1"]
    assert position(source) == 1
    worker.stop()


def test_worker_that_cannot_write_its_facts_ends_without_committing():
    """F22: so the order comes again."""
    source, sink = MemorySource([an_order(0)]), MemorySink()
    sink.broken = True
    worker = Worker(
        "downloader",
        DownloadOrder,
        Downloading(),
        source,
        sink,
        lambda: datetime.now(UTC),
        worker="w",
    )
    with pytest.raises(BrokerError):
        worker.run()
    assert source.committed == {}


def test_order_that_never_ends_is_left_to_another_worker(start):
    gate = threading.Event()
    source = MemorySource([an_order(0)])
    close = source.close

    def close_and_revoke():
        source.revoke({(DOWNLOADS.name, 0)})
        close()

    source.close = close_and_revoke
    worker, _ = start(
        source,
        Downloading(lambda o, d: gate.wait(30)),
        drain_s=0.05,
        last_words_s=0.05,
    )
    until(lambda: source.polls > 3)
    worker.stop()
    until(lambda: source.closed)
    assert position(source) is None
    gate.set()


def test_revoked_order_that_takes_too_long_is_not_waited_for(start):
    gate = threading.Event()
    source = MemorySource([an_order(0), an_order(0, partition=1)])
    trade = Downloading(lambda o, d: gate.wait(10))
    start(source, trade, parallel=2, hand_over_s=0.05)
    poll = source.poll
    revoked = threading.Event()

    def poll_and_revoke(timeout_s):
        if source.polls > 5 and not revoked.is_set():
            source.revoke({(DOWNLOADS.name, 0)})
            revoked.set()
        return poll(timeout_s)

    source.poll = poll_and_revoke
    until(revoked.is_set)
    gate.set()
    until(lambda: source.committed.get((DOWNLOADS.name, 1)) == 1)
    assert position(source) is None


# -- areas that are cancelled


def test_order_of_a_cancelled_area_is_turned_down_and_not_begun(start):
    source = MemorySource([an_order(0)])
    trade = Downloading()
    _, sink = start(source, trade, is_cancelled=lambda area: area == "demo")
    until(lambda: position(source) == 1)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.CANCELLED
    assert sink.messages(DownloadStarted) == []
    assert trade.done == []


def test_order_in_its_pause_is_turned_down_when_its_area_is_cancelled(start):
    cancelled = set()
    late = datetime.now(UTC) + timedelta(hours=1)
    source = MemorySource([an_order(0, not_before=late)])
    _, sink = start(source, Downloading(), is_cancelled=cancelled.__contains__)
    until(lambda: not source.records)
    cancelled.add("demo")
    until(lambda: position(source) == 1)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.CANCELLED


def test_running_order_is_stopped_when_its_area_is_cancelled(start):
    cancelled = set()

    def work(order, desk):
        cancelled.add("demo")
        assert desk.cancelled.wait(5)
        raise ProductNotFound("stopped half-way")

    source = MemorySource([an_order(0)])
    _, sink = start(source, Downloading(work), is_cancelled=cancelled.__contains__)
    until(lambda: position(source) == 1)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.CANCELLED


# -- machines that are full, orders that kill


def test_worker_without_room_leaves_its_orders_to_others_for_a_while(start):
    """F10: the next attempt lies in the partition of this one."""

    def work(order, desk):
        raise NodeExhausted("no room")

    source = MemorySource([an_order(0)])
    _, sink = start(source, Downloading(work), rest=timedelta(seconds=0.3))
    until(lambda: source.left)
    assert position(source) == 1
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.NODE_RESOURCE
    source.records.append(an_order(1))
    until(lambda: source.member)
    until(lambda: position(source) == 2)


def test_worker_without_room_ends_what_it_has_begun_before_it_leaves(start):
    begun, gate = threading.Event(), threading.Event()

    def work(order, desk):
        if order.id == "demo/s0#1":
            assert begun.wait(5)
            raise NodeExhausted("no room")
        begun.set()
        assert gate.wait(5)

    source = MemorySource([an_order(0), an_order(1), an_order(2)])
    trade = Downloading(work)
    _, sink = start(source, trade, parallel=2, rest=timedelta(hours=1))
    until(lambda: sink.messages(DownloadFailed))
    assert source.left == 0
    gate.set()
    until(lambda: source.left)
    assert position(source) == 2
    assert trade.done == ["demo/s1#1"]


def died(starts, order, times):
    """Workers died so often while the order ran."""
    for _ in range(times):
        starts.begin(f"demo/s{order}#1")


def test_order_that_kills_its_worker_is_put_aside(start, tmp_path):
    """F24: counted before it is begun, so no crash loses the count."""
    starts = Starts(tmp_path)
    died(starts, 0, 5)
    source, trade = MemorySource([an_order(0), an_order(1)]), Downloading()
    _, sink = start(source, trade, starts=starts)
    until(lambda: position(source) == 2)
    (failed,) = sink.messages(DownloadFailed)
    assert failed.failure is Failure.BUG
    assert "its worker died 5 times" in failed.message
    assert trade.done == ["demo/s1#1"]
    assert starts.before("demo/s0#1") == 0


def test_order_that_ended_is_not_counted(start, tmp_path):
    def work(order, desk):
        assert starts.before(order.id) == 1
        raise ProductNotFound("not here")

    starts, source = Starts(tmp_path), MemorySource([an_order(0)])
    start(source, Downloading(work), starts=starts)
    until(lambda: position(source) == 1)
    assert starts.before("demo/s0#1") == 0


@pytest.mark.parametrize("suspect", [0, 1])
def test_suspect_runs_alone(start, tmp_path, suspect):
    """Else the orders beside it would be counted with it."""
    starts, at_once = Starts(tmp_path), []
    died(starts, suspect, 2)
    running = set()

    def work(order, desk):
        running.add(order.id)
        at_once.append(len(running))
        time.sleep(0.05)
        running.remove(order.id)

    source = MemorySource([an_order(0), an_order(1)])
    start(source, Downloading(work), starts=starts, parallel=2)
    until(lambda: position(source) == 2)
    assert at_once == [1, 1]
