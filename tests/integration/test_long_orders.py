# SPDX-License-Identifier: Apache-2.0
"""Orders that take long: they keep their worker its place, and survive its end."""

import urllib.request
from pathlib import Path

import pytest

from streams.events import DownloadDone, DownloadFailed, DownloadStarted
from streams.failures import Failure
from streams.model import Status
from streams.topics import PROGRESS, TASKS
from tests.areas import a_script, an_area
from tests.system import System, free_port, wait_for
from tests.tables import wait_until_ended

LONG = "long"
TASK = f"{LONG}/s000"

MAX_POLL_S = 6

# Works until the gate opens, and says that it began.
WORK = """
import pathlib, time
pathlib.Path({began!r}).touch()
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.05)
"""


class Gate:
    """What a long order waits for."""

    def __init__(self, folder: Path) -> None:
        self._began, self._gate = folder / "began", folder / "gate"
        script = WORK.format(began=str(self._began), gate=str(self._gate))
        self.graph = a_script(folder, "work", script)

    def wait_until_reached(self) -> None:
        wait_for(self._began.exists)

    def open(self) -> None:
        self._gate.touch()


@pytest.fixture
def gate(system):
    """Of the graph of an area of one scene, which is ordered when this returns."""
    gate = Gate(system.folder / "graphs")
    system.environment |= {
        "INGESTER_DOWNLOADER_PROVIDERS": "null",
        "INGESTER_GRAPH_ROOTS": str(system.folder / "graphs"),
        "INGESTER_KAFKA_MAX_POLL_INTERVAL_S": str(MAX_POLL_S),
        "INGESTER_WORKER_HEARTBEAT_S": "1",
    }
    system.write(*an_area(LONG, 1, scene_graph=gate.graph))
    return gate


def facts(system: System, cls, area=LONG):
    found = [envelope.message for envelope in system.messages(TASKS.name)]
    return [fact for fact in found if isinstance(fact, cls) and fact.area == area]


def test_order_longer_than_the_poll_interval_keeps_its_partition(system, gate):
    port = free_port()
    (downloader,) = system.start("downloader", health_listen=f"127.0.0.1:{port}")
    system.start("workflow", "processor", "projector")
    gate.wait_until_reached()
    # All partitions of the one worker: some of these lie where the long order lies.
    system.write(*an_area("short", 20))
    wait_until_ended(system, "short")

    def lasts():
        beats = [m for m in system.messages(PROGRESS.name) if m.subject == TASK]
        long = beats and (beats[-1].time - beats[0].time).total_seconds()
        return beats if long and long > 2 * MAX_POLL_S else None

    beats = wait_for(lasts, every_s=0.5)
    assert downloader.runs
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.read() == b"alive\n"
    gate.open()
    wait_until_ended(system, LONG)
    (started,) = facts(system, DownloadStarted)
    assert len(facts(system, DownloadDone)) == 1
    assert {beat.message.worker for beat in beats} == {started.worker}
    # The first may come before the graph is reached.
    assert beats[-1].message.step == f"graph {gate.graph}"
    for record in system.records(PROGRESS.name):
        assert record.key == dict(record.headers)["ce_subject"]


def test_terminated_worker_ends_its_order_and_nobody_repeats_it(system, gate):
    first, *_ = system.start("downloader", "workflow", "processor", "projector")
    gate.wait_until_reached()
    first.popen.terminate()
    wait_for(lambda: first.says("stopping"))
    gate.open()
    assert first.popen.wait(60) == 0
    assert len(facts(system, DownloadDone)) == 1
    system.start("downloader")
    system.write(*an_area("next", 1))
    wait_until_ended(system, LONG, "next")
    assert len(facts(system, DownloadStarted)) == 1


def test_order_that_does_not_end_in_time_is_done_by_another_worker(system, gate):
    (first,) = system.start("downloader", worker_drain_s="0.2")
    system.start("workflow", "processor", "projector")
    gate.wait_until_reached()
    assert first.stop() == 0
    (failed,) = facts(system, DownloadFailed)
    assert failed.failure is Failure.CANCELLED
    gate.open()
    system.start("downloader")
    wait_until_ended(system, LONG)
    course = system.replayed().table[TASK].course
    assert (course.status, course.attempt, course.setbacks) == (Status.DONE, 2, 1)
    assert len(facts(system, DownloadDone)) == 1
