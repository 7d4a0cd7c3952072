# SPDX-License-Identifier: Apache-2.0
"""Providers that fail are left alone; connections and disks are shared."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from agents.downloader.sources.files import FileSource
from agents.downloader.transfer.gate import Breaker, Gate
from agents.downloader.transfer.manners import Manners
from agents.downloader.transfer.receive import Receiver
from agents.downloader.transfer.sums import Expected
from agents.worker.desk import Desk
from agents.worker.hosts import Pace
from agents.worker.room import Room
from agents.worker.shelf import Sweeper, clear, held, shelf_of, sweep
from streams.errors import (
    CredentialsRefused,
    NodeExhausted,
    NotOurTurn,
    OrderCancelled,
    ProductNotFound,
    ProviderError,
    ProviderPaused,
)
from streams.failures import Failure

HOLDER = """
import sys, threading, pathlib
from agents.downloader.transfer.gate import Gate
with Gate(pathlib.Path(sys.argv[1]), "p", 1).connection(threading.Event(), 1):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_five_failures_in_a_row_open_the_breaker():
    breaker = Breaker("p", first_s=0.05)
    opened = [breaker.told(ProviderError("down")) for _ in range(5)]
    assert opened == [False, False, False, False, True]
    with pytest.raises(ProviderPaused) as caught:
        breaker.check()
    assert caught.value.failure is Failure.TRANSIENT_NET
    assert caught.value.retry_after_s > 0


def test_one_tries_after_the_pause_and_success_ends_it():
    breaker = Breaker("p", after=1, first_s=0.05)
    breaker.told(ProviderError("down"))
    while breaker.is_open:
        time.sleep(0.01)
    breaker.check()
    with pytest.raises(ProviderPaused):
        breaker.check()  # somebody tries already
    breaker.told(None)
    breaker.check()


def test_wrong_credentials_open_it_at_once_and_are_told_once():
    breaker = Breaker("p")
    error = CredentialsRefused("no")
    assert [breaker.told(error), breaker.told(error)] == [True, False]
    with pytest.raises(ProviderPaused) as caught:
        breaker.check()
    assert caught.value.failure is Failure.AUTH


def test_product_that_is_not_there_is_an_answer():
    breaker = Breaker("p", after=2)
    for error in (ProviderError("down"), ProductNotFound("no"), ProviderError("down")):
        breaker.told(error)
    breaker.check()


def test_connection_of_a_process_that_died_is_free_again(tmp_path):
    argv = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        gate = Gate(tmp_path, "p", 1)
        with gate.another() as may:
            assert not may
        other.kill()
        other.wait()
        with gate.connection(threading.Event(), 1):
            pass


def test_held_provider_is_asked_by_nobody_of_the_machine(tmp_path):
    Gate(tmp_path, "p", 1).hold(100)
    with (
        pytest.raises(NotOurTurn) as caught,
        Gate(tmp_path, "p", 1).connection(threading.Event(), 1),
    ):
        pass
    assert 90 < caught.value.retry_after_s <= 100
    with Gate(tmp_path, "q", 1).connection(threading.Event(), 1):
        pass


def test_waiting_for_a_connection_of_ours_makes_nobody_else_wait(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    gate = Gate(tmp_path, "p", 1, wait_s=0.01)
    receiver = Receiver(gate, Manners(tries=1), Desk(), lambda size: None, Pace())

    def receive():
        uri = (tmp_path / "file").as_uri()
        source = FileSource([tmp_path])
        return receiver.receive(source, uri, Expected(), tmp_path / "place")

    with gate.connection(threading.Event(), 1):
        with pytest.raises(NotOurTurn, match="all 1 connections are in use"):
            receive()
    assert receive().read_bytes() == b"1"


def test_who_waits_for_a_connection_can_be_told_to_stop(tmp_path):
    gate, cancelled = Gate(tmp_path, "p", 1), threading.Event()
    cancelled.set()
    with gate.connection(cancelled, 1):
        with pytest.raises(OrderCancelled), gate.connection(cancelled, 1):
            pass
    gate.hold(1)
    with pytest.raises(OrderCancelled), gate.connection(cancelled, 100):
        pass


def test_requests_of_a_machine_take_turns(tmp_path):
    first, second = (Gate(tmp_path, "p", 9, per_second=20) for _ in range(2))
    begin, go_on = time.monotonic(), threading.Event()
    for _ in range(3):
        first.turn(go_on)
        second.turn(go_on)
    assert time.monotonic() - begin > 0.2  # the sixth waits for five twentieths
    Gate(tmp_path, "q", 9, per_second=0.001).turn(go_on)


def test_clock_that_was_put_back_makes_nobody_wait_for_it(tmp_path):
    gate, stop = Gate(tmp_path, "p", 2, per_second=100), threading.Event()
    gate.turn(stop)
    (file,) = tmp_path.rglob("turn")
    tomorrow = time.time() + 86_400
    os.utime(file, (tomorrow, tomorrow))
    gate.turn(stop)
    assert file.stat().st_mtime < tomorrow - 3600


def test_who_waits_for_a_turn_can_be_told_to_stop(tmp_path):
    gate, stop = Gate(tmp_path, "p", 1, per_second=0.001), threading.Event()
    gate.turn(stop)
    stop.set()
    with pytest.raises(OrderCancelled):
        gate.turn(stop)


@pytest.mark.parametrize("ours", [NotOurTurn, OrderCancelled, NodeExhausted])
def test_what_happens_here_is_no_word_of_the_provider(ours):
    breaker = Breaker("p", after=2)
    for error in (ours("x"), ProviderError("down"), ours("x"), ours("x")):
        assert not breaker.told(error)
    breaker.check()
    assert breaker.told(ProviderError("down"))


def test_room_is_promised_to_one_order_only(tmp_path):
    room, half = Room(), 1 << 30
    with closing(room.promise(tmp_path, lambda: 0)) as first:
        with closing(room.promise(tmp_path, lambda: 0)) as second:
            first.need(half, margin=0)
            with pytest.raises(NodeExhausted, match=f"{half} of them promised"):
                second.need(1 << 60)
            assert (first.open, second.open) == (half, 0)
    with closing(room.promise(tmp_path, lambda: 0)) as third:
        with pytest.raises(NodeExhausted, match="0 of them promised"):
            third.need(1 << 60)


def test_bytes_that_are_on_the_disk_are_promised_no_more(tmp_path):
    received = [0]
    with closing(Room().promise(tmp_path, lambda: received[0])) as promise:
        promise.need(300, margin=0)
        received[0] = 100
        assert promise.open == 200
        promise.made(100)
        assert promise.open == 100
        promise.need(50, margin=0)
        assert promise.open == 150
        promise.clear()
        assert promise.open == 0


def test_shelf_is_for_one_at_a_time_and_leaves_nothing_when_empty(tmp_path):
    shelf = shelf_of(tmp_path, "a/b") / "p"
    with held(shelf) as first, held(shelf) as second:
        assert first == shelf
        assert second != shelf
        (second / "x").write_bytes(b"1")
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_came_back_for_is_swept(tmp_path):
    shelf = shelf_of(tmp_path, "a/b") / "p"
    with held(shelf):
        (shelf / "x").write_bytes(b"1")
    sweep(tmp_path, older_than_s=1000)
    assert (shelf / "x").exists()
    sweep(tmp_path, older_than_s=-1)
    assert list(tmp_path.iterdir()) == []


HOLDING = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from agents.worker.shelf import held
with ExitStack() as stack:
    for _ in range(2):
        folder = stack.enter_context(held(Path(sys.argv[1])))
        (folder / "x").write_bytes(b"1")
    print("held", flush=True)
    time.sleep(600)
"""


def test_folders_of_a_killed_worker_are_swept_and_those_of_a_live_one_are_not(tmp_path):
    """F19: also the passing one, of an order that ran twice."""
    shelf = shelf_of(tmp_path, "a/b") / "p"
    argv = [sys.executable, "-c", HOLDING, str(shelf)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as worker:
        worker.stdout.readline()
        sweep(tmp_path, older_than_s=-1)
        assert len(list(tmp_path.rglob("x"))) == 2
        worker.kill()
    sweep(tmp_path, older_than_s=-1)
    assert list(tmp_path.iterdir()) == []


def test_sweeping_is_not_hindered_by_workers_that_rename_and_remove(tmp_path):
    stop = threading.Event()

    def work(number):
        shelf = shelf_of(tmp_path, f"a/{number}") / "p"
        while not stop.is_set():
            with held(shelf) as folder:
                (folder / "new").write_bytes(b"1")
                (folder / "new").rename(folder / "old")
                (folder / "old").unlink()

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(4)]
        try:
            for _ in range(300):
                sweep(tmp_path, older_than_s=1000)
        finally:
            stop.set()
    assert [job.exception() for job in working] == [None] * 4


def test_sweeper_sweeps_at_once_and_every_hour(tmp_path):
    now, shelf = [0.0], shelf_of(tmp_path, "a/b") / "p"
    sweeper, left = Sweeper(tmp_path, -1, lambda: now[0]), []
    for seconds in (0, 3599, 3600):
        shelf.mkdir(parents=True, exist_ok=True)
        now[0] = seconds
        sweeper.turn()
        left.append(shelf.exists())
    assert left == [False, True, False]


def test_shelves_of_a_task_are_cleared_but_for_those_that_somebody_has(tmp_path):
    shelves = shelf_of(tmp_path, "a/b")
    for name in ("p", "q"):
        with held(shelves / name) as shelf:
            (shelf / "x").write_bytes(b"1")
    with held(shelves / "p"):
        clear(shelves)
        assert (shelves / "p/x").exists()
        assert not (shelves / "q").exists()
    clear(shelves)
    assert list(tmp_path.iterdir()) == []
