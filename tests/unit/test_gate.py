# SPDX-License-Identifier: Apache-2.0
"""Providers that fail are left alone; connections and disks are shared."""

import os
import subprocess
import sys
import threading
import time

import pytest

from agents.downloader.sources.files import FileSource
from agents.downloader.transfer.gate import Breaker, Gate
from agents.downloader.transfer.manners import Manners
from agents.downloader.transfer.receive import Receiver
from agents.downloader.transfer.sums import Expected
from agents.worker.desk import Desk
from agents.worker.hosts import Pace
from agents.worker.room import Room
from agents.worker.shelf import held, shelf_of, sweep
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
    with room.promise(tmp_path, 1, margin=0) as promise:
        promise.promised = 1 << 60
        with pytest.raises(NodeExhausted), room.promise(tmp_path, half):
            pass
        promise.used = 1 << 60
        with room.promise(tmp_path, 1, margin=0):
            pass
    with room.promise(tmp_path, 1, margin=0):
        pass


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


def test_promise_that_grows_keeps_what_it_was_promised(tmp_path):
    room, half = Room(), 1 << 30
    with room.promise(tmp_path, 1, margin=0) as promise:
        room.extend(promise, tmp_path, half, margin=0)
        assert promise.open == half + 1
        with pytest.raises(NodeExhausted):
            room.extend(promise, tmp_path, 1 << 60)
        assert promise.open == half + 1
