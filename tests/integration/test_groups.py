# SPDX-License-Identifier: Apache-2.0
"""Agents of one group come and go in mid-run: nothing is lost, nothing repeated."""

from streams.events import DownloadDone, ProcessDone
from streams.model import Status
from streams.orders import Order
from streams.replay import digest
from streams.table import DownloadRow, ProcessRow
from streams.topics import DOWNLOADS, PROCESSES, TABLE, TASKS
from tests.areas import a_script, an_area
from tests.system import System, wait_for
from tests.tables import changelog_table, wait_until_ended

AREAS = ("north", "south", "east")
SCENES = 20

# Long enough that many orders are still to come when an agent goes.
WORK = "import time; time.sleep(0.2)"


def test_agents_that_come_and_go_lose_and_repeat_nothing(system):
    graph = a_script(system.folder / "graphs", "work", WORK)
    system.environment |= {
        "INGESTER_DOWNLOADER_PROVIDERS": "null",
        "INGESTER_GRAPH_ROOTS": str(system.folder / "graphs"),
        "INGESTER_WORKER_PARALLEL": "1",
    }
    first, second, *downloaders = system.start(
        "workflow", "workflow", "downloader", "downloader", "downloader", "projector"
    )
    for area in AREAS:
        system.write(*an_area(area, SCENES, scene_graph=graph))
    wait_until_done(system, 6)
    # Told to stop: they end what they began.
    assert downloaders[0].stop() == 0
    assert first.stop() == 0
    third, *_ = system.start("workflow", "downloader", "processor")
    wait_until_done(system, 20)
    # Killed, in the midst of something.
    downloaders[1].kill()
    second.kill()
    system.start("workflow")
    wait_until_done(system, 40)
    third.kill()
    wait_until_ended(system, *AREAS)
    check_the_tasks(system)
    check_the_orders(system)
    check_the_tables(system)


def wait_until_done(system: System, downloads: int) -> None:
    """Wait until so many scenes are downloaded."""
    wait_for(
        lambda: len(reports(system, DownloadDone)) >= downloads,
        timeout_s=240,
        every_s=0.5,
    )


def reports(system: System, *kinds):
    facts = [envelope.message for envelope in system.messages(TASKS.name)]
    return [fact for fact in facts if isinstance(fact, kinds)]


def check_the_tasks(system: System) -> None:
    assert {f.attempt for f in reports(system, DownloadDone, ProcessDone)} == {1}
    rows = system.replayed().table.values()
    tasks = [row for row in rows if isinstance(row, DownloadRow | ProcessRow)]
    assert len(tasks) == 2 * SCENES * len(AREAS)
    assert {row.course.status for row in tasks} == {Status.DONE}
    assert {row.course.attempt for row in tasks} == {1}


def check_the_tables(system: System) -> None:
    """Three folds of one log: replay, read model, and the workflow's own table."""
    replayed = system.replayed()
    assert not replayed.unknown
    assert digest(system.table()) == digest(replayed.table)
    assert digest(changelog_table(system.records(TABLE.name))) == digest(replayed.table)


def check_the_orders(system: System) -> None:
    """An order sent twice is the same order: same id, same content."""
    for topic in (DOWNLOADS, PROCESSES):
        seen: dict[str, Order] = {}
        for envelope in system.messages(topic.name):
            order = envelope.message
            assert envelope.id == f"{order.task}#{order.attempt}"
            assert seen.setdefault(envelope.id, order) == order
        assert len(seen) == SCENES * len(AREAS)
