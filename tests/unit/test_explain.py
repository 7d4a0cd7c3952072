# SPDX-License-Identifier: Apache-2.0
"""Why a task is in its state."""

from datetime import timedelta

import pytest

from streams.errors import InvalidRequest
from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    TaskCreated,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
)
from streams.explain import Hold, explain
from streams.failures import Failure
from streams.logfile import read_line
from streams.model import Kind, Status, Tile
from streams.replay import replay
from tests.scenarios import LOGS
from tests.world import AREA, ORIGIN, World

NOW = ORIGIN + timedelta(days=1000, hours=1)


def scene(name):
    return f"{AREA}/{name}"


def tile(name):
    return f"{AREA}/{name}/t"


def a_chain(*numbers, retries=0):
    world = World()
    world.accept(retriable=bool(retries), retry_count=retries)
    for number in numbers:
        world.scene(f"s{number}", number, {"t": "c"})
    world.listed()
    return world


def last(world, task, now=NOW):
    """The task that everything waits for."""
    return explain(world.table, task, now)[-1]


def told(world, task, now=NOW):
    first = explain(world.table, task, now)[0]
    return "; ".join(first.why)


def test_a_task_that_nobody_created_is_refused():
    with pytest.raises(InvalidRequest, match="none of that id"):
        explain({}, "demo/s1", NOW)


def test_an_order_that_nobody_began_waits_for_a_worker():
    world = a_chain(1)
    assert last(world, scene("s1")).hold is Hold.QUEUE
    assert "no worker has begun" in told(world, scene("s1"))


def test_a_running_task_names_its_worker_and_since_when():
    world = a_chain(1)
    world.started(scene("s1"))
    assert last(world, scene("s1")).hold is Hold.WORKER
    assert (
        told(world, scene("s1"))
        == "worker w1 has attempt 1 since 2024-09-27 00:04:00Z (56 min 0 s)"
    )


def test_a_tile_waits_for_its_scene():
    world = a_chain(1)
    assert (
        told(world, tile("s1")) == "it waits for its scene 'demo/s1', which is pending"
    )


def test_a_second_tile_names_previous_and_reference_together():
    world = a_chain(1, 2)
    world.done(scene("s2"))
    assert "its previous and reference 'demo/s1/t', which is new" in told(
        world, tile("s2")
    )


def test_the_chain_is_followed_to_what_everything_waits_for():
    world = a_chain(1, 2, 3)
    for name in ("s1", "s2", "s3"):
        world.done(scene(name))
    world.started(tile("s1"))
    path = [one.task for one in explain(world.table, tile("s3"), NOW)]
    assert path[0] == tile("s3")
    assert path[-1] == tile("s1")
    assert last(world, tile("s3")).hold is Hold.WORKER


def test_of_two_ends_the_one_that_needs_an_operator_is_followed():
    world = a_chain(1, 2, retries=1)
    world.failed(scene("s2"))
    world.failed(scene("s2"))
    assert world.status(scene("s2")) is Status.RETRY
    end = last(world, tile("s2"))
    assert (end.task, end.hold) == (scene("s2"), Hold.OPERATOR)
    assert any(c.startswith("ingester retry demo/s2 ") for c in end.change)


def test_a_back_off_names_its_end_and_the_failure_before_it():
    world = a_chain(1, retries=1)
    world.failed(scene("s1"), Failure.STEP_FAILED, "no space")
    until = world.task(scene("s1")).course.not_before
    assert until is not None
    end = last(world, scene("s1"), until - timedelta(seconds=5))
    assert end.hold is Hold.BACK_OFF
    assert f"{until:%H:%M:%S}Z (in 5 s)" in end.why[0]
    assert "no space" in end.why[1]


def test_after_its_back_off_a_task_waits_for_a_worker():
    world = a_chain(1, retries=1)
    world.failed(scene("s1"))
    until = world.task(scene("s1")).course.not_before
    assert until is not None
    assert last(world, scene("s1"), until).hold is Hold.QUEUE


def test_a_paused_area_holds_a_ready_task_and_says_how_to_go_on():
    world = a_chain(1)
    world.tell(AreaPaused(AREA, "ann", "maintenance"))
    world.done(scene("s1"))
    end = last(world, tile("s1"))
    assert end.hold is Hold.PAUSE
    assert end.change == ("ingester resume demo --why …",)


def test_a_window_that_is_full_keeps_a_ready_task_in_line():
    world = World()
    world.accept()
    world.tell(AreaLimited(AREA, 1, 0, 0, "ann", "slowly"))
    for number in (1, 2):
        world.scene(f"s{number}", number, {"t": "c"})
    assert last(world, scene("s1")).hold is Hold.QUEUE
    end = last(world, scene("s2"))
    assert end.hold is Hold.LIMIT
    assert "1 downloads of its area are ordered, 1 may be at once" in end.why[0]
    assert "ingester limit demo --downloads N --why …" in end.change


def test_a_tile_that_is_done_again_says_so():
    world = a_chain(1, 2, 3)
    for name in ("s1", "s2", "s3"):
        world.done(scene(name))
    world.done(tile("s1"))
    world.failed(tile("s2"), Failure.STEP_FATAL)
    world.done(tile("s3"))
    world.tell(TaskReopenAsked(AREA, tile("s2"), 1, "ann", "mended", follow=True))
    assert "later tiles of its chain are done again" in told(world, tile("s2"))
    world.done(tile("s2"))
    assert "it was done before" in told(world, tile("s3"))


def test_a_scene_that_only_a_tile_names_waits_to_be_created():
    world = World()
    world.accept()
    wanted = Tile("t", "s1", ORIGIN, "c")
    world.tell(TaskCreated(AREA, tile("s1"), Kind.PROCESS, "i1", tile=wanted))
    assert "waits to be created" in told(world, scene("s1"))


def test_a_cancelled_area_explains_everything_that_is_open():
    world = a_chain(1)
    world.tell(AreaCancelled(AREA, "ann", "wrong place"))
    assert last(world, tile("s1")).hold is Hold.CANCELLED
    assert last(world, scene("s1")).hold is Hold.CANCELLED


def test_a_tile_of_a_failed_scene_leads_to_the_scene():
    world = a_chain(1, 2)
    world.failed(scene("s2"), Failure.STEP_FATAL, "no such product")
    end = last(world, tile("s2"))
    assert (end.task, end.hold) == (scene("s2"), Hold.GIVEN_UP)
    assert "no such product" in "; ".join(end.why)
    assert end.change == ("ingester reopen demo/s2 --why …",)


def test_a_failed_tile_is_out_of_its_chain():
    world = a_chain(1, 2)
    world.done(scene("s1"))
    world.failed(tile("s1"), Failure.STEP_FATAL, "no such band")
    assert "out of its chain 'c'" in told(world, tile("s1"))


def test_a_task_that_an_operator_gave_up_says_who_and_why():
    world = a_chain(1)
    world.tell(TaskFailAsked(AREA, scene("s1"), 1, "ann", "too cloudy"))
    assert "given up by ann: too cloudy" in told(world, scene("s1"))


def test_a_tile_forced_done_is_done_and_out_of_its_chain():
    world = a_chain(1)
    world.done(scene("s1"))
    wish = TaskForceAsked(AREA, tile("s1"), 1, Status.DONE, "ann", "by hand")
    world.tell(wish)
    assert last(world, tile("s1")).hold is Hold.NOTHING
    assert "forced by ann: by hand" in told(world, tile("s1"))
    assert "nobody listed its layers" in told(world, tile("s1"))


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.jsonl")), ids=lambda p: p.stem)
def test_every_task_of_a_recorded_log_can_be_explained(path):
    recorded_table = replay(map(read_line, path.read_bytes().splitlines())).table
    for key, row in recorded_table.items():
        if "/" in key:
            path = explain(recorded_table, key, NOW)
            assert path[0].task == key
            assert path[0].status is row.course.status
            assert path[-1].waits_for == ()
