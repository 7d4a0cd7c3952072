# SPDX-License-Identifier: Apache-2.0
"""What a log leads to in the tables that readers ask."""

import pytest

from agents.projector.expected import expected_rows
from agents.projector.lives import number
from streams.events import AreaPaused, AttemptExpired, TaskFailAsked, TaskForceAsked
from streams.failures import Failure
from streams.model import Part, Scene, Status, Tile
from streams.table import DownloadRow, ProcessRow, encode_row
from streams.transitions import Course
from tests.world import AREA, ORIGIN, World

SCENE, TILE = f"{AREA}/s1", f"{AREA}/s1/t"


@pytest.fixture
def world():
    world = World()
    world.accept(retriable=True, retry_count=1)
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    return world


def attempts(world):
    """Outcomes by attempt of the scene."""
    rows = expected_rows(world.log)
    return [
        row["outcome"]
        for name, row in sorted(rows.items())
        if name.startswith(f"attempt {SCENE} ")
    ]


def row(world, name):
    return expected_rows(world.log)[name]


def test_an_attempt_is_there_once_it_is_ordered(world):
    assert attempts(world) == ["running"]
    ordered = row(world, f"attempt {SCENE} 1")
    assert ordered["ordered_at"] is not None
    assert ordered["started_at"] is None


def test_a_started_attempt_has_its_worker(world):
    world.started(SCENE)
    started = row(world, f"attempt {SCENE} 1")
    assert (started["worker"], started["outcome"]) == ("w1", "running")


def test_a_failed_attempt_has_its_cause_and_the_next_is_ordered(world):
    world.failed(SCENE, Failure.STEP_FAILED, "no space")
    assert attempts(world) == ["failed", "running"]
    failed = row(world, f"attempt {SCENE} 1")
    assert (failed["failure"], failed["message"]) == ("STEP_FAILED", "no space")


def test_a_fact_told_twice_changes_no_attempt(world):
    world.started(SCENE)
    world.done(SCENE)
    once = expected_rows(world.log)
    world.repeat(world.log[-1])
    world.repeat(world.log[-3])
    assert row(world, f"attempt {SCENE} 1") == once[f"attempt {SCENE} 1"]


def test_a_lost_attempt_is_expired_and_its_late_result_changes_nothing(world):
    world.tell(AttemptExpired(AREA, SCENE, 1, "w1"))
    world.failed(SCENE, attempt=1, message="late")
    assert attempts(world) == ["expired", "running"]
    assert "late" not in row(world, f"attempt {SCENE} 1")["message"]


def test_an_attempt_given_up_by_an_operator_is_void_also_when_it_reports(world):
    world.tell(TaskFailAsked(AREA, SCENE, 1, "ann", "cloudy"))
    assert attempts(world) == ["void"]
    world.done(SCENE, attempt=1)
    late = row(world, f"attempt {SCENE} 1")
    assert (late["outcome"], late["provider"]) == ("void", "local")


def test_an_attempt_that_is_forced_to_begin_again_is_void(world):
    world.tell(TaskForceAsked(AREA, SCENE, 1, Status.PENDING, "ann", "stuck"))
    assert attempts(world) == ["void", "running"]


def test_a_parked_task_that_ends_well_late_was_done_by_that_attempt(world):
    world.failed(SCENE)
    world.failed(SCENE)
    assert world.status(SCENE) is Status.RETRY
    world.done(SCENE, attempt=2)
    assert attempts(world) == ["failed", "done"]
    assert row(world, f"attempt {SCENE} 2")["failure"] == ""


def test_wishes_are_kept_granted_or_refused(world):
    world.tell(AreaPaused(AREA, "ann", "night"), id="w1")
    world.tell(TaskForceAsked(AREA, TILE, 9, Status.DONE, "bob", "so"), id="w2")
    granted, refused = row(world, "wish w1"), row(world, "wish w2")
    assert (granted["wish"], granted["by"], granted["refusal"]) == ("pause", "ann", "")
    assert refused["wish"] == "force done"
    assert "you saw attempt 9" in refused["refusal"]


def test_a_wish_about_a_task_that_nobody_created_is_refused(world):
    world.tell(TaskFailAsked(AREA, f"{AREA}/s9", 1, "ann", "typo"), id="w1")
    assert row(world, "wish w1")["refusal"] == "there is no such task"


def test_numbers_of_tasks_are_never_changed():
    assert number("demo/s1") == 0x603A87A3CAF2
    assert number("demo/s1") < 2**52


HOSTILE = '"footprint":"'
WKT = "POLYGON ((1 2, 3 4, 5 6, 1 2))"
PARTS = (Part("t", footprint="POLYGON ((7 7, 8 8, 9 9, 7 7))"),)


@pytest.mark.parametrize("own", [WKT, ""])
def test_the_first_footprint_of_a_row_is_that_of_its_tile_or_scene(own):
    """The query `sketch_footprints` finds it there, and does not read rows as JSON."""
    metadata = {"footprint": "no", "text": HOSTILE}
    scene = Scene(HOSTILE, HOSTILE, ORIGIN, own, PARTS, metadata=metadata)
    tile = Tile(HOSTILE, HOSTILE, ORIGIN, HOSTILE, HOSTILE, footprint=own)
    task, course = f"{AREA}/{HOSTILE}", Course(Status.NEW)
    for row in (
        DownloadRow(AREA, task, HOSTILE, scene, course),
        ProcessRow(AREA, task, HOSTILE, tile, task, course),
    ):
        text = encode_row(row).decode()
        assert text.split(HOSTILE)[1].split('"')[0] == own
