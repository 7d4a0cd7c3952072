# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of a run: nothing lost, nothing stuck, nothing overwritten.

Each area is gone through by the same agents, one of which is killed and started again.
What comes out must be what comes out of a run that nobody disturbs.
"""

import os
import random
import secrets
import signal
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from agents.worker import manifest
from agents.worker.equipment import open_stores
from agents.worker.stock import stock_of
from infra.kafka.arealog import read_area_log
from infra.kafka.lag import Lag
from infra.local import s3
from infra.local.home import Home
from infra.local.stack import Stack
from infra.minio.provision import provision_bucket
from streams.events import (
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
)
from streams.holdings import Keeping
from streams.model import Action, Status, order_id
from streams.replay import lines
from streams.table import AreaRow, DownloadRow, ProcessRow
from streams.topics import DEAD_LETTERS, DOWNLOADS, PROCESSES, TABLE, TASKS
from tests import netherlands
from tests.harvest import a_harvest, make_products
from tests.system import System, wait_for
from tests.tables import changelog_table

# The agents and the area before are those of the next test.
pytestmark = pytest.mark.xdist_group("chaos")

VICTIMS = ("workflow", "downloader", "processor", "projector")

_CACHE = Path(__file__).parents[2] / ".ingester" / "cache"

# So many tasks of a kind are done when somebody is killed: some, but not all.
_SOME = 40
_SOME_PRODUCTS = 3


# -- what is ingested


def a_walk(name):
    """A request that only goes through 250 items, in five chains."""
    return netherlands.request(name=name, request=f"request-{name}")


# -- who ingests it


@pytest.fixture(scope="module")
def stac_url(tmp_path_factory):
    with netherlands.stac_api(tmp_path_factory.mktemp("stac")) as url:
        yield url


def equip(system, stac_url):
    """Settings of every agent; the system's folder of products is filled."""
    make_products(system.folder / "products")
    system.environment |= {
        f"INGESTER_{name}".upper(): value
        for name, value in netherlands.settings(stac_url).items()
    } | {
        "INGESTER_DOWNLOADER_PROVIDERS": "local,null",
        "INGESTER_PROCESSOR_INDEXERS": "stac",
        # A worker that is killed is caught at several orders.
        "INGESTER_WORKER_PARALLEL": "6",
    }


@pytest.fixture(scope="module")
def equipped(shared_system, stac_url):
    equip(shared_system, stac_url)
    return shared_system


@pytest.fixture
def ingester(equipped):
    """All agents run, whatever the test before did to them."""
    revive(equipped)
    return equipped


def revive(system):
    """What a process manager does: start again what ended."""
    system.processes[:] = [process for process in system.processes if process.runs]
    running = {process.name for process in system.processes}
    system.start(*(name for name in netherlands.AGENTS if name not in running))


def kill(system, victim):
    for process in system.processes:
        if process.name == victim:
            process.kill()


# -- what comes out


@pytest.fixture(scope="module")
def undisturbed(equipped):
    """What comes out of both requests when nobody is killed."""
    revive(equipped)
    for request in (a_walk("walk"), a_harvest("harvest")):
        equipped.send(request)
        equipped.wait_until_ended(request.name)
    table = equipped.table()
    return {name: outcome(table, name) for name in ("walk", "harvest")}


def outcome(table, area):
    """Status, links and layers of an area's tasks; not who, when, or which attempt."""
    tasks = {}
    for key, row in table.items():
        if row.area == area and isinstance(row, DownloadRow | ProcessRow):
            known = [row.course.status, row.course.failure, *contents(row)]
            tasks[key.removeprefix(area)] = known
    return tasks


def contents(row):
    if isinstance(row, DownloadRow):
        return [(d.tile, *map(content, d.layers)) for d in row.deliveries]
    links = [link.removeprefix(row.area) for link in (row.previous, row.reference)]
    return [*links, *map(content, row.layers)]


def content(layer):
    """A layer without its place; a document says where it is, so its bytes differ."""
    digest = "" if layer.action is Action.DESCRIBE else layer.sha256
    return layer.name, layer.extension, layer.action, digest


def wait_until_settled(system):
    """Everybody has read, done and committed everything."""
    lag = Lag(system.kafka)
    for group, topic in (
        ("ingester-workflow", TASKS),
        ("ingester-downloader", DOWNLOADS),
        ("ingester-processor", PROCESSES),
        ("ingester-workflow", TASKS),
        ("ingester-projector", TASKS),
    ):
        wait_for(lambda g=group, t=topic: not any(lag.of(g, t.name).values()))


def check(system, area, expected):
    """The area came out as expected, and every account of it says the same."""
    wait_until_settled(system)
    table = system.table()
    assert outcome(table, area) == expected
    replayed = system.replayed()
    assert not replayed.unknown
    assert list(lines(replayed.table)) == list(lines(table))
    changelog = changelog_table(system.records(TABLE.name))
    assert list(lines(changelog)) == list(lines(table))
    check_orders(system, area, table)
    assert system.records(DEAD_LETTERS.name) == []


def check_orders(system, area, table):
    """Every attempt was ordered, and none that the table does not know."""
    ordered = {
        order.id
        for topic in (DOWNLOADS, PROCESSES)
        for order in system.messages(topic.name)
        if order.message.area == area
    }
    tasks = [row for row in table.values() if isinstance(row, DownloadRow | ProcessRow)]
    attempts = {
        order_id(row.task, attempt + 1)
        for row in tasks
        if row.area == area
        for attempt in range(row.course.attempt)
    }
    assert ordered == attempts


def check_store(system, area, folder):
    """Every object that a fact lists is in the store as the fact says it.

    That holds for each fact ever told, also of attempts that were carried out twice: an
    object that was written over would not be the one that the first fact lists.
    """
    store = open_stores(system.settings)
    told = defaultdict(set)
    for entry in system.facts():
        fact = entry.fact.message
        if isinstance(fact, DownloadDone | ProcessDone) and fact.area == area:
            told[fact.task, fact.attempt].add(fact)
    assert told
    for facts in told.values():
        (fact,) = facts
        layers = list(layers_of(fact))
        for layer in layers:
            found = store.get(layer.uri, folder / "object")
            assert found == (layer.size_bytes, layer.sha256)
        beside = layers[0].uri.rpartition("/")[0]
        assert manifest.recall(store, f"{beside}/{manifest.NAME}", type(fact)) == fact


def layers_of(fact):
    if isinstance(fact, ProcessDone):
        return fact.layers
    return [layer for delivery in fact.deliveries for layer in delivery.layers]


# -- the middle of a run


def wait_for_the_middle(system, area, kind, number):
    """So many tasks of a kind are done."""

    def reached():
        found = system.gateway.area(area)
        return found is not None and found[kind]["done"] >= number

    wait_for(reached)


def is_unfinished(system, area):
    """Is something of it still to be done, as the log has it?"""
    row = system.replayed().table[area]
    assert isinstance(row, AreaRow)
    return row.processes.ended < row.processes.total


def kind_of(victim):
    return "downloads" if victim == "downloader" else "processes"


# -- the tests


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_agent_loses_nothing(undisturbed, ingester, victim):
    """F33: also the workflow."""
    area = f"walk-{victim}"
    ingester.send(a_walk(area))
    wait_for_the_middle(ingester, area, kind_of(victim), _SOME)
    kill(ingester, victim)
    assert is_unfinished(ingester, area)
    revive(ingester)
    ingester.wait_until_ended(area)
    check(ingester, area, undisturbed["walk"])


@pytest.mark.parametrize("victim", ["downloader", "processor"])
def test_killed_worker_overwrites_nothing(undisturbed, ingester, victim, tmp_path):
    area = f"harvest-{victim}"
    ingester.send(a_harvest(area))
    wait_for_the_middle(ingester, area, kind_of(victim), _SOME_PRODUCTS)
    kill(ingester, victim)
    assert is_unfinished(ingester, area)
    revive(ingester)
    ingester.wait_until_ended(area)
    check(ingester, area, undisturbed["harvest"])
    check_store(ingester, area, tmp_path)


def test_agents_killed_at_any_time_lose_nothing(undisturbed, ingester, tmp_path):
    seed = int(os.environ.get("INGESTER_TEST_SEED") or secrets.randbelow(1 << 32))
    print(f"INGESTER_TEST_SEED={seed}")  # noqa: T201  (shown when the test fails)
    chance = random.Random(seed)
    ingester.send(a_walk("walk-any"))
    ingester.send(a_harvest("harvest-any"))
    for _ in range(8):
        time.sleep(chance.uniform(0.2, 2))
        kill(ingester, chance.choice(VICTIMS))
        revive(ingester)
    for area in ("walk-any", "harvest-any"):
        ingester.wait_until_ended(area)
        check(ingester, area, undisturbed[area.removesuffix("-any")])
    check_store(ingester, "harvest-any", tmp_path)


class Window(StrEnum):
    """How far a worker was with an order when it was killed, as seen from outside."""

    WORK = "begun, nothing stored"
    UPLOAD = "something stored, no manifest"
    MANIFEST = "manifest stored, no fact"
    FACT = "fact told, not committed"


class Watched:
    """What a worker of one kind does for an area, looked at from outside."""

    def __init__(self, system, victim, area):
        self.system, self.area = system, area
        self.topic, self.mark, self.started, self.done = {
            "downloader": (DOWNLOADS, "d1", DownloadStarted, DownloadDone),
            "processor": (PROCESSES, "p1", ProcessStarted, ProcessDone),
        }[victim]
        self.group = f"ingester-{victim}"
        self.store = open_stores(system.settings)

    def folders(self):
        """Task → names of the objects of its first attempt."""
        found = defaultdict(set)
        root = f"{self.system.settings.storage_uri}/{self.area}/"
        for uri, _, _ in self.store.list(root):
            scene, _, tile, attempt, name = uri.removeprefix(root).split("/")
            if attempt == self.mark:
                task = f"{self.area}/{scene}"
                found[task if attempt == "d1" else f"{task}/{tile}"].add(name)
        return found

    def told(self, *kinds):
        """Tasks of the area of which these facts were told."""
        facts = (entry.fact.message for entry in self.system.facts())
        return {f.task for f in facts if isinstance(f, kinds) and f.area == self.area}

    def uncommitted(self):
        """Tasks whose orders would come again."""
        lag = Lag(self.system.kafka).of(self.group, self.topic.name)
        orders = self.system.records(self.topic.name)
        ends = Counter(order.partition for order in orders)
        return {
            order.key.decode()
            for order in orders
            if order.offset >= ends[order.partition] - lag[order.partition]
        }

    def windows(self):
        """How far every order is that was begun and would come again."""
        begun, told = self.told(self.started), self.told(self.done)
        folders = self.folders()
        found = Counter()
        for task in begun & self.uncommitted():
            names = folders.get(task, set())
            if task in told:
                found[Window.FACT] += 1
            elif manifest.NAME in names:
                found[Window.MANIFEST] += 1
            else:
                found[Window.UPLOAD if names else Window.WORK] += 1
        return found

    def is_in(self, window):
        """Is some order just there?"""
        match window:
            case Window.WORK:
                return self.told(self.started)
            case Window.FACT:
                return self.told(self.done)
        folders = self.folders().values()
        if window is Window.MANIFEST:
            return any(manifest.NAME in names for names in folders)
        return any(manifest.NAME not in names for names in folders)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("victim", ["downloader", "processor"])
def test_worker_killed_in_each_window_ends_once_and_leaves_nothing(
    undisturbed, ingester, victim, tmp_path
):
    """Scenario 7, F19, F22: one kill is aimed at each window.

    With `INGESTER_TEST_REPEATS`, until as many orders were caught in each of them.
    """
    repeats = int(os.environ.get("INGESTER_TEST_REPEATS") or 0)
    caught, areas = Counter(), []
    for window in aims(caught, repeats):
        area = f"window-{victim}-{len(areas)}"
        areas.append(area)
        watched = Watched(ingester, victim, area)
        ingester.send(a_harvest(area))
        wait_for(lambda w=watched, aim=window: w.is_in(aim), every_s=0.001)
        kill(ingester, victim)
        caught += watched.windows()
        revive(ingester)
        ingester.wait_until_ended(area)
        wait_until_settled(ingester)
        assert outcome(ingester.table(), area) == undisturbed["harvest"]
        check_once(ingester, area)
        counts = {window.name: caught[window] for window in Window}
        print(f"{victim}: {len(areas)} kills, {counts}")  # noqa: T201
        assert not repeats or len(areas) < 10 * repeats + 20, "a window is never met"
    check(ingester, areas[-1], undisturbed["harvest"])
    check_store(ingester, areas[-1], tmp_path)


def aims(caught, repeats):
    """Windows to kill in, one after the other."""
    if not repeats:
        yield from Window
    while missing := [window for window in Window if caught[window] < repeats]:
        yield missing[0]


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


@pytest.fixture
def own_servers(stac_url, tmp_path_factory):
    """A system on servers of its own: nobody else suffers when they are killed."""
    stack = Stack(Home.at(tmp_path_factory.mktemp("own"), _CACHE), durable=False)
    stack.up()
    folder = tmp_path_factory.mktemp("system")
    provision_bucket("ingester", s3.options(stack.environment()))
    dsn = stack.environment()["INGESTER_POSTGRES_DSN"]
    system = System.on(stack, dsn, "ingester", folder)
    system.provision()
    equip(system, stac_url)
    yield stack, system
    system.stop()
    stack.down()


def is_back(stack, name):
    """Was it started again, and is it ready?"""
    (status,) = (status for status in stack.ps() if status.name == name)
    return status.restarts > 0 and status.state == "ready"


def test_killed_broker_loses_nothing(undisturbed, own_servers):
    stack, system = own_servers
    revive(system)
    system.send(a_walk("walk"))
    wait_for_the_middle(system, "walk", "processes", _SOME)
    stack.signal("kafka", signal.SIGKILL)
    wait_for(lambda: is_back(stack, "kafka"))
    back_at = datetime.now(UTC)

    def ended():
        revive(system)
        found = system.gateway.area("walk")
        return found is not None and found["status"] == Status.DONE

    wait_for(ended)
    assert any(entry.fact.time > back_at for entry in system.facts())
    check(system, "walk", undisturbed["walk"])
