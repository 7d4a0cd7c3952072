# SPDX-License-Identifier: Apache-2.0
"""A worker that freezes: its task is finished by another, its late result is void."""

import os
import signal

from streams.events import AttemptExpired, ProcessDone, ProcessStarted
from streams.model import Status
from streams.table import ProcessRow
from tests.areas import a_script, an_area
from tests.system import System, wait_for

# Takes as long as the file `wait` is there.
SCRIPT = """
import pathlib, time
while pathlib.Path({wait!r}).exists():
    time.sleep(0.05)
"""

TASK = "frozen/s000/t000"


def attempts(system: System, cls: type) -> list[int]:
    facts = [e.fact.message for e in system.facts()]
    return [m.attempt for m in facts if isinstance(m, cls) and m.task == TASK]


def test_task_of_a_frozen_worker_is_finished_by_another(system, tmp_path):
    """F20."""
    wait = tmp_path / "wait"
    wait.touch()
    roots = tmp_path / "graphs"
    graph = a_script(roots, "waiting", SCRIPT.format(wait=str(wait)))
    options = {"graph_roots": str(roots), "worker_heartbeat_s": "0.5"}
    system.start("workflow", workflow_lease_s="3")
    system.start("downloader", downloader_providers="null")
    (frozen,) = system.start("processor", **options)
    system.write(*an_area("frozen", 1, tile_graph=graph))
    wait_for(lambda: attempts(system, ProcessStarted) == [1])
    os.kill(frozen.popen.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: attempts(system, AttemptExpired)[:1] == [1])
        wait.unlink()
        # Kafka gives the frozen one's partitions away when its session times out.
        system.start("processor", **options)
        wait_for(lambda: 2 in attempts(system, ProcessDone))
    finally:
        os.kill(frozen.popen.pid, signal.SIGCONT)
    wait_for(lambda: attempts(system, ProcessDone).count(1) >= 1 or not frozen.runs)
    row = system.replayed().table[TASK]
    assert isinstance(row, ProcessRow)
    assert row.course.status is Status.DONE
    assert row.course.attempt >= 2
    assert row.course.losses >= 1
