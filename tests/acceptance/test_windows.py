# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a worker in each window between taking an order and committing it.

A door in front of the object store holds the request with which a window ends, or the
answer to the one with which it begins, until the worker is dead: it is always caught.
"""

import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum

import pytest

from agents.worker import manifest
from agents.worker.equipment import open_stores
from agents.worker.stock import stock_of
from infra.kafka.arealog import read_area_log
from infra.kafka.lag import Lag
from streams.events import (
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
)
from streams.holdings import Keeping
from streams.topics import DOWNLOADS, PROCESSES
from tests import netherlands
from tests.chaos import (
    check,
    check_store,
    equip,
    kill,
    outcome,
    revive,
)
from tests.door import door
from tests.harvest import a_harvest
from tests.system import wait_for


class Window(StrEnum):
    """How far a worker was with an order when it was killed, as seen from outside."""

    WORK = "begun, nothing stored"
    UPLOAD = "something stored, no document, no manifest"
    INDEX = "a document for an index stored, no manifest"
    MANIFEST = "manifest stored, no fact"
    FACT = "fact told, not committed"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the orders of a kind of worker look like from outside."""

    topic: str
    mark: str
    """Of the first attempt, in the URIs of its objects."""
    started: type
    done: type
    windows: tuple[Window, ...]


KINDS = {
    "downloader": Kind(
        DOWNLOADS.name,
        "d1",
        DownloadStarted,
        DownloadDone,
        tuple(window for window in Window if window is not Window.INDEX),
    ),
    "processor": Kind(PROCESSES.name, "p1", ProcessStarted, ProcessDone, tuple(Window)),
}


@pytest.fixture(scope="module")
def stac_url(tmp_path_factory):
    with netherlands.stac_api(tmp_path_factory.mktemp("stac")) as url:
        yield url


@pytest.fixture(scope="module")
def front(shared_system):
    """A door in front of the store."""
    with door(shared_system.environment["INGESTER_S3_ENDPOINT"]) as made:
        yield made


@pytest.fixture(scope="module")
def ingester(shared_system, stac_url, front):
    """All agents, behind the door; each topic of orders has one partition.

    Offsets are committed in order: as long as the first order of the only partition is
    held, none of those that ended after it can be committed.
    """
    equip(shared_system, stac_url)
    prefix = shared_system.environment["INGESTER_TOPIC_PREFIX"]
    shared_system.environment |= {
        "INGESTER_TOPIC_PREFIX": f"{prefix}windows.",
        "INGESTER_TOPICS_ORDERS_PARTITIONS": "1",
        "INGESTER_S3_ENDPOINT": front.url,
    }
    shared_system.provision()
    revive(shared_system)
    return shared_system


@pytest.fixture(scope="module")
def undisturbed(ingester):
    """What comes out when nobody is killed."""
    ingester.send(a_harvest("harvest"))
    ingester.wait_until_ended("harvest")
    return outcome(ingester.table(), "harvest")


class Watched:
    """What a worker does for an area, looked at from outside."""

    def __init__(self, system, victim, area):
        self.system, self.victim, self.area = system, victim, area
        self.kind = KINDS[victim]
        self.root = f"{system.settings.storage_uri}/{area}/"
        self.store = open_stores(system.settings)

    def place(self, uri):
        """Task and name of an object of an order's first attempt; else None."""
        if not uri.startswith(self.root):
            return None
        scene, _, tile, attempt, name = uri.removeprefix(self.root).split("/")
        if attempt != self.kind.mark:
            return None
        task = f"{self.area}/{scene}"
        return (task if self.victim == "downloader" else f"{task}/{tile}"), name

    def folders(self):
        """Task → names of the objects of its first attempt."""
        found = defaultdict(set)
        for uri, _, _ in self.store.list(self.root):
            if place := self.place(uri):
                found[place[0]].add(place[1])
        return found

    def told(self, kind):
        """Tasks of which this fact was told."""
        log = read_area_log(self.system.kafka, self.area)
        facts = (entry.fact.message for entry in log)
        return {fact.task for fact in facts if isinstance(fact, kind)}

    def orders(self):
        """Offset and task of every order, first to last."""
        records = self.system.records(self.kind.topic)
        return [(record.offset, record.key.decode()) for record in records]

    def uncommitted(self):
        """Tasks whose orders would come again."""
        lag = Lag(self.system.kafka).of(f"ingester-{self.victim}", self.kind.topic)
        orders = self.orders()
        return {task for offset, task in orders if offset >= len(orders) - lag[0]}

    def windows(self):
        """How far every order is that was begun and would come again."""
        begun, done = self.told(self.kind.started), self.told(self.kind.done)
        folders = self.folders()
        return Counter(
            window_of(folders.get(task, set()), task in done)
            for task in begun & self.uncommitted()
        )

    # -- at the door

    def shut(self, front, window):
        """Hold what lies behind a window, or the answer that would end it."""
        writing = defaultdict(set)

        def holds(path):
            place = self.place(f"s3:/{path}")
            if place is None:
                return False
            task, name = place
            writing[task].add(name)
            match window:
                case Window.WORK:
                    return True
                case Window.UPLOAD:
                    return len(writing[task]) > 1
                case Window.INDEX | Window.MANIFEST:
                    return name == manifest.NAME
                case Window.FACT:
                    return task == self.first()

        front.shut(holds, behind=window is Window.MANIFEST)

    def first(self):
        """The task of the area that was ordered first."""
        return next(task for _, task in self.orders() if self.is_ours(task))

    def is_ours(self, task):
        return task.startswith(f"{self.area}/")

    def is_in(self, front, window):
        """Is an order held there, as far as the log knows?"""
        held = {self.place(f"s3:/{path}")[0] for path in front.held}
        if window is Window.FACT:
            return held and self.told(self.kind.done)
        return held & self.told(self.kind.started)


def window_of(names, is_done):
    """Where an order is that has these objects."""
    if is_done:
        return Window.FACT
    if manifest.NAME in names:
        return Window.MANIFEST
    if any(name.endswith(".json") for name in names):
        return Window.INDEX
    return Window.UPLOAD if names else Window.WORK


def cases():
    """A number that counts up from 0, a kind of worker, and a window of its orders."""
    repeats = int(os.environ.get("INGESTER_TEST_REPEATS") or 1)
    return [
        pytest.param(victim, window, number, id=f"{victim}-{window.name}-{number}")
        for victim, kind in KINDS.items()
        for window in kind.windows
        for number in range(repeats)
    ]


@pytest.mark.parametrize(("victim", "window", "number"), cases())
def test_worker_killed_in_a_window_ends_once_and_leaves_nothing(
    undisturbed, ingester, front, victim, window, number, tmp_path
):
    """Scenario 7, F19, F22: what it did is done once, whoever ends it."""
    begin = time.monotonic()
    area = f"{victim}-{window.name.lower()}-{number}"
    watched = Watched(ingester, victim, area)
    watched.shut(front, window)
    ingester.send(a_harvest(area))
    wait_for(lambda: watched.is_in(front, window))
    kill(ingester, victim)
    assert watched.windows()[window] > 0
    caught = time.monotonic()
    front.open()
    revive(ingester)
    ingester.wait_until_ended(area)
    check(ingester, area, undisturbed)
    check_once(ingester, area)
    check_store(ingester, area, tmp_path)
    ended = time.monotonic()
    print(  # noqa: T201  (shown when asked for: it is the result of a long run)
        f"{area}: caught after {caught - begin:.1f} s, ended after {ended - begin:.1f}"
    )


def check_once(system, area):
    """Every task ended once, in its first attempt, and nobody left anything."""
    log = read_area_log(system.kafka, area)
    done = defaultdict(set)
    for entry in log:
        fact = entry.fact.message
        assert not isinstance(fact, DownloadFailed | ProcessFailed)
        if isinstance(fact, DownloadDone | ProcessDone):
            done[fact.task].add(fact)
    assert all(len(facts) == 1 for facts in done.values())
    assert {fact.attempt for facts in done.values() for fact in facts} == {1}
    store = open_stores(system.settings)
    stock = stock_of(area, log, store, system.settings.storage_uri).stock
    assert not stock.of(Keeping.ORPHAN)
    assert not stock.of(Keeping.MISSING)
