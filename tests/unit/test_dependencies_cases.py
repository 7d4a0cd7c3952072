# SPDX-License-Identifier: Apache-2.0
"""Further cases that users of the Go workflow know, named as in its specification.

K: kept. X: different on purpose. A1, A2, A4, A5: `test_recorded_logs.py`, examples A to
E. A6, A7, A9 to A12: `test_cells.py`. A27 to A29 are about databases, deletion and
routes: no business of the fold.
"""

import pytest

from streams.events import TaskCreated, TaskForceAsked, TaskReopenAsked, TaskRetryAsked
from streams.failures import Failure
from streams.model import Kind, Part, Scene, Status, Tile
from streams.orders import CommandRefused
from streams.progress import AreaStatus
from tests.world import (
    AREA,
    World,
    a_chain,
    built,
    day,
    ordered,
    scene,
    status,
    tasks_of,
    tile,
)


def test_a3_tile_waits_for_the_previous_it_is_linked_to():
    """X: the reference orders it before its previous is done."""
    world = a_chain(1, 2, 3)
    world.done(scene(3))
    assert ordered(world.failed(scene(2), Failure.STEP_FATAL)) == []
    world.done(scene(1))
    assert ordered(world.done(tile(1))) == [tile(3)]


@pytest.mark.parametrize("report", ["done", "failed"])
def test_a6_report_about_a_tile_that_is_done_is_void(report):
    world = built(1)
    before = dict(world.table)
    getattr(world, report)(tile(1))
    assert world.table == before


def test_a8_report_about_an_unknown_task_belongs_to_the_dead_letters():
    """X: in the reference it is acknowledged and lost."""
    world = a_chain(1)
    before = dict(world.table)
    told = world.started(scene(9), attempt=1)
    assert scene(9) in told.unknown
    assert world.table == before


def test_a13_retry_of_a_tile_whose_scene_is_downloaded_again_is_refused_or_done():
    """K: never an error. The scene is done, so its layers are there."""
    world = a_chain(1, retriable=True)
    world.done(scene(1))
    world.failed(tile(1))
    forced = world.tell(TaskForceAsked(AREA, scene(1), 1, Status.PENDING, "me", ""))
    assert [type(o) for o in forced.outgoing] == [CommandRefused]
    retried = world.tell(TaskRetryAsked(AREA, tile(1), 1, "me", ""))
    assert ordered(retried) == [tile(1)]


def test_a14_child_starts_when_its_scene_comes_after_its_previous():
    world = a_chain(1, 2)
    world.done(scene(1))
    world.done(tile(1))
    assert ordered(world.done(scene(2))) == [tile(2)]


def test_a15_area_of_failed_scenes_is_failed():
    world = a_chain(1, 2)
    for number in (1, 2):
        world.failed(scene(number), Failure.STEP_FATAL)
    assert status(world) is AreaStatus.FAILED


def test_a16_failures_stay_visible_when_the_rest_is_done():
    """X: the reference says DONE."""
    world = a_chain(1, 2)
    world.failed(scene(2), Failure.STEP_FATAL)
    world.done(scene(1))
    world.done(tile(1))
    assert status(world) is AreaStatus.DONE_WITH_FAILURES


def test_a17_need_for_attention_stays_while_others_run():
    """X: in the reference it flaps."""
    world = a_chain(1, 2, retriable=True)
    world.done(scene(1))
    world.failed(tile(1))
    assert status(world) is AreaStatus.NEEDS_ATTENTION
    world.done(scene(2))
    assert status(world) is AreaStatus.NEEDS_ATTENTION


def test_a18_new_scene_follows_the_leaf():
    world = built(1, 2)
    world.scene("s3", 3, {"t": "c"})
    assert ordered(world.done(scene(3))) == [tile(3)]
    row = world.task(tile(3))
    assert (row.previous, row.reference) == (tile(2), tile(1))


def test_a19_scene_posted_again_is_not_done_again():
    world = built(1, 2)
    before = world.area()
    world.accept("i2")
    world.scene("s1", 1, {"t": "c"}, "i2")
    world.listed("i2")
    assert len(world.orders()) == 4
    assert world.area().downloads == before.downloads
    assert world.area().ended_by


def test_a19_scene_posted_again_with_another_tile_is_downloaded_for_it_alone():
    """X: the reference skips it."""
    world = built(1)
    for event in tasks_of("s1", 1, {"t": "c", "u": "d"}):
        world.tell(event)
    order = world.orders()[-1]
    assert [part.tile for part in order.scene.parts] == ["u"]


def test_a20_scene_after_a_failed_one_follows_the_nearest_that_lives():
    """X: the reference refuses the whole batch."""
    world = built(1, 2, 3, failed=3)
    world.scene("s4", 4, {"t": "c"})
    assert ordered(world.done(scene(4))) == [tile(4)]
    assert world.task(tile(4)).previous == tile(2)


def test_a20_wider_period_around_a_failed_chain_end_is_accepted():
    """X: in the reference an area whose first or last tile failed takes no more."""
    world = built(2, 3, failed=2)
    world.accept("i2")
    for number in (1, 2, 3, 4):
        world.scene(f"s{number}", number, {"t": "c"}, "i2")
    world.listed("i2")
    for number in (1, 4):
        world.done(scene(number))
    assert world.task(tile(4)).previous == tile(3)
    assert world.task(tile(1)).reference == tile(3)


def test_a21_every_tile_but_the_root_has_both_links():
    """X: links are the fold's, so none can be given without the other."""
    world = built(1, 2, 3)
    for number in (2, 3):
        row = world.task(tile(number))
        assert row.previous
        assert row.reference


def test_a22_scene_twice_in_a_batch_is_one():
    """X: the reference creates it twice."""
    world = a_chain(1, 1)
    assert world.area().downloads.total == 1
    assert world.area().processes.total == 1
    assert len(world.orders()) == 1


def test_a23_order_of_the_scenes_of_a_batch_does_not_matter():
    """X: the reference refuses a child before its parent."""
    world = a_chain(3, 1, 2)
    for number in (3, 2):
        assert ordered(world.done(scene(number))) == []
    assert ordered(world.done(scene(1))) == [tile(1)]
    assert ordered(world.done(tile(1))) == [tile(2)]


def test_a23_tile_created_before_its_scene_waits_for_it():
    world = World()
    world.accept()
    download, process = tasks_of("s1", 1, {"t": "c"})
    assert ordered(world.tell(process)) == []
    assert ordered(world.tell(download)) == [scene(1)]
    assert ordered(world.done(scene(1))) == [tile(1)]


def test_a23_scene_that_is_only_expected_cannot_be_wished_for():
    world = World()
    world.accept()
    world.tell(tasks_of("s1", 1, {"t": "c"})[1])
    wish = TaskForceAsked(AREA, scene(1), 0, Status.DONE, "me", "")
    (refused,) = world.tell(wish).outgoing
    assert refused.reason == "its scene is not in the log yet, only tiles of it are"


def test_a23_area_is_not_done_while_a_scene_is_only_expected():
    world = World()
    world.accept()
    world.tell(tasks_of("s1", 1, {"t": "c"})[1])
    world.listed()
    assert not world.area().ended_by


def test_a24_children_of_a_failed_root_wait_for_the_new_root():
    """X: in the reference all start at once, one referencing what is not there."""
    world = a_chain(1, 2, 3)
    for number in (1, 2, 3):
        world.done(scene(number))
    assert ordered(world.failed(tile(1), Failure.STEP_FATAL)) == [tile(2)]
    assert world.status(tile(3)) is Status.NEW
    assert ordered(world.done(tile(2))) == [tile(3)]
    assert world.task(tile(3)).reference == tile(2)


def test_a25_tile_that_others_are_built_on_is_not_forced_to_fail():
    world = built(1, 2)
    wish = TaskForceAsked(AREA, tile(1), 1, Status.FAILED, "me", "")
    (refused,) = world.tell(wish).outgoing
    assert "cannot force failed a task that is done" in refused.reason


def test_a26_tiles_of_a_failed_scene_come_back_with_it():
    """X: in the reference they stay failed."""
    world = a_chain(1)
    world.failed(scene(1), Failure.STEP_FATAL)
    world.tell(TaskReopenAsked(AREA, scene(1), 1, "me", ""))
    assert ordered(world.done(scene(1))) == [tile(1)]


def test_tile_of_a_failed_scene_that_is_posted_late_fails_with_it():
    world = a_chain(1)
    world.failed(scene(1), Failure.STEP_FATAL)
    late = Tile("u", "s1", day(1), "d")
    scenes = Scene("s1", "landsat", day(1), parts=(Part("t"), Part("u")))
    world.tell(TaskCreated(AREA, scene(1), Kind.DOWNLOAD, "i1", scene=scenes))
    world.tell(TaskCreated(AREA, f"{scene(1)}/u", Kind.PROCESS, "i1", tile=late))
    assert world.status(f"{scene(1)}/u") is Status.FAILED
