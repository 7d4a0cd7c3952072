# SPDX-License-Identifier: Apache-2.0
"""What tests share that kill agents: start them again, and judge what came out."""

from collections import defaultdict

from agents.worker import manifest
from agents.worker.equipment import open_stores
from infra.kafka.lag import Lag
from streams.events import DownloadDone, ProcessDone
from streams.model import Action, order_id
from streams.replay import lines
from streams.table import DownloadRow, ProcessRow
from streams.topics import DEAD_LETTERS, DOWNLOADS, PROCESSES, TABLE, TASKS
from tests import netherlands
from tests.harvest import make_products
from tests.system import wait_for
from tests.tables import changelog_table


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
