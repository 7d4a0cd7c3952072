# SPDX-License-Identifier: Apache-2.0
"""Operators steer a running system."""

from streams.events import AreaCancelled, AreaLimited, AreaPaused, AreaResumed
from streams.failures import Failure
from streams.model import AreaState, Status
from streams.orders import AreaStanding
from streams.progress import AreaStatus
from streams.table import AreaRow
from streams.topics import AREAS, TASKS
from tests.areas import a_record, a_script, an_area
from tests.system import System, wait_for
from tests.world import area_status_of

SLOW = """
import pathlib, time
pathlib.Path({begun!r}).touch()
time.sleep(600)
"""


def area(system: System, name: str) -> AreaRow | None:
    row = system.replayed().table.get(name)
    assert row is None or isinstance(row, AreaRow)
    return row


def steer(system: System, *wishes) -> None:
    system.write(*(a_record(TASKS.name, wish) for wish in wishes))


def test_cancelled_area_comes_to_rest_and_its_running_tasks_are_stopped(
    system, tmp_path
):
    """F34."""
    begun, roots = tmp_path / "begun", tmp_path / "graphs"
    graph = a_script(roots, "slow", SLOW.format(begun=str(begun)))
    system.start("workflow")
    system.start("downloader", downloader_providers="null")
    system.start("processor", graph_roots=str(roots), worker_parallel="1")
    system.write(*an_area("stopped", 6, cells=6, tile_graph=graph))
    wait_for(begun.exists)
    wait_for(lambda: area(system, "stopped").processes.pending == 6)
    steer(system, AreaCancelled("stopped", "tests", "enough"))
    wait_for(lambda: area(system, "stopped").processes.pending == 0)
    row = area(system, "stopped")
    assert row.processes.failed == 6
    assert area_status_of(row) is AreaStatus.CANCELLED
    rows = [r for r in system.replayed().table.values() if hasattr(r, "tile")]
    assert {r.course.failure for r in rows} == {Failure.CANCELLED}
    (standing,) = system.messages(AREAS.name)
    assert standing.message == AreaStanding(
        "stopped", AreaState.CANCELLED, "tests", "enough"
    )


def test_worker_that_starts_later_knows_which_areas_are_cancelled(system):
    system.start("workflow")
    system.write(*an_area("gone", 3))
    wait_for(lambda: area(system, "gone"))
    steer(system, AreaCancelled("gone", "tests", ""))
    wait_for(lambda: system.messages(AREAS.name))
    system.start("downloader")
    wait_for(lambda: area(system, "gone").downloads.failed == 3)


def test_paused_area_goes_on_within_its_limits_when_it_is_resumed(system):
    system.start("workflow", "processor")
    system.start("downloader", downloader_providers="null")
    limited = AreaLimited("held", 2, 2, 0, "tests", "")
    facts = an_area("held", 12)
    system.write(*facts[:1])
    steer(system, limited, AreaPaused("held", "tests", ""))
    system.write(*facts[1:])
    wait_for(lambda: (row := area(system, "held")) and row.downloads.new == 12)
    steer(system, AreaResumed("held", "tests", ""))
    wait_for(lambda: area(system, "held").ended_by)
    rows = [r for r in system.replayed().table.values() if hasattr(r, "course")]
    assert {row.course.status for row in rows} == {Status.DONE}
