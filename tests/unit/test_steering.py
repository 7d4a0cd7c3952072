# SPDX-License-Identifier: Apache-2.0
"""Operators steer: pause, resume, cancel, and have tasks done again."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    AreaResumed,
    LayersExpired,
    TaskReopenAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import Action, AreaState, Layer, Status
from streams.orders import AreaStanding, CommandRefused, ProcessOrder
from streams.progress import AreaStatus
from tests.world import AREA, World, a_chain, built, ordered, scene, status, tile


def standings(done) -> list[AreaState]:
    return [o.state for o in done.outgoing if isinstance(o, AreaStanding)]


def refusals(done) -> list[str]:
    return [o.reason for o in done.outgoing if isinstance(o, CommandRefused)]


def reopen(world: World, task: str, *, follow: bool):
    attempt = world.task(task).course.attempt
    return world.tell(TaskReopenAsked(AREA, task, attempt, "me", "why", follow))


# -- pause and resume


def test_paused_area_orders_nothing_new_and_lets_the_running_end():
    world = a_chain(1, 2)
    world.tell(AreaPaused(AREA, "me", "why"))
    assert ordered(world.done(scene(1))) == []
    assert world.status(scene(1)) is Status.DONE
    assert world.status(tile(1)) is Status.NEW
    assert status(world) is AreaStatus.PAUSED


def test_resumed_area_orders_what_became_ready_first_come_first_served():
    world = a_chain(1, 2)
    world.tell(AreaPaused(AREA, "me", "why"))
    for number in (3, 4):
        world.scene(f"s{number}", number, {"t": "c"})
    world.done(scene(1))
    done = world.tell(AreaResumed(AREA, "me", "why"))
    assert ordered(done) == [scene(3), scene(4), tile(1)]


def test_failed_attempt_of_a_paused_area_waits_too():
    world = a_chain(1)
    world.tell(AreaPaused(AREA, "me", "why"))
    assert ordered(world.failed(scene(1), Failure.LOST)) == []
    assert ordered(world.tell(AreaResumed(AREA, "me", "why"))) == [scene(1)]


def test_limits_hold_when_an_area_is_resumed():
    world = a_chain(1, 2, 3, limits=(1, 0))
    world.tell(AreaPaused(AREA, "me", "why"))
    world.done(scene(1))
    done = world.tell(AreaResumed(AREA, "me", "why"))
    assert ordered(done) == [scene(2), tile(1)]


@pytest.mark.parametrize(
    ("wish", "state"),
    [
        (AreaPaused, AreaState.PAUSED),
        (AreaResumed, AreaState.ACTIVE),
        (AreaCancelled, AreaState.CANCELLED),
    ],
)
def test_workers_are_told_how_an_area_stands_also_when_told_twice(wish, state):
    world = a_chain(1)
    assert standings(world.tell(wish(AREA, "me", "why"))) == [state]
    assert standings(world.repeat(world.log[-1])) == [state]


# -- cancel


def test_cancelled_area_orders_nothing_ever():
    world = a_chain(1, 2, limits=(1, 0))
    world.tell(AreaCancelled(AREA, "me", "why"))
    assert ordered(world.done(scene(1))) == []
    world.scene("s3", 3, {"t": "c"})
    assert {order.task for order in world.orders()} == {scene(1)}
    assert status(world) is AreaStatus.CANCELLED


@pytest.mark.parametrize("failure", [Failure.CANCELLED, Failure.LOST, Failure.QUOTA])
def test_attempt_of_a_cancelled_area_is_not_tried_again(failure):
    world = a_chain(1, retriable=True, retry_count=3)
    world.tell(AreaCancelled(AREA, "me", "why"))
    world.failed(scene(1), failure)
    assert world.status(scene(1)) is Status.FAILED
    assert world.area().downloads.pending == 0


def test_result_of_a_cancelled_area_counts_if_it_was_ready():
    world = a_chain(1)
    world.tell(AreaCancelled(AREA, "me", "why"))
    world.done(scene(1))
    assert world.status(scene(1)) is Status.DONE


def test_every_wish_about_a_cancelled_area_is_refused_with_the_reason():
    world = a_chain(1, retriable=True)
    world.failed(scene(1))
    world.tell(AreaCancelled(AREA, "me", "why"))
    before = dict(world.table)
    for wish in (
        AreaPaused(AREA, "me", ""),
        AreaResumed(AREA, "me", ""),
        AreaLimited(AREA, 1, 1, 0, "me", ""),
        TaskRetryAsked(AREA, scene(1), 1, "me", ""),
    ):
        assert refusals(world.tell(wish)) == ["the area is cancelled, which is final"]
    assert world.table == before


def test_request_for_a_cancelled_area_is_told_so():
    world = a_chain(1)
    world.tell(AreaCancelled(AREA, "me", "why"))
    assert refusals(world.accept("i2")) == ["the area is cancelled, which is final"]


def test_worker_that_was_cancelled_for_another_reason_leaves_its_task_to_others():
    world = a_chain(1)
    assert ordered(world.failed(scene(1), Failure.CANCELLED)) == [scene(1)]


# -- reopen


def test_reopened_tile_takes_its_place_in_its_chain():
    world = built(1, 2, 3, failed=2)
    assert ordered(reopen(world, tile(2), follow=False)) == [tile(2)]
    assert world.task(tile(2)).previous == tile(1)
    world.done(tile(2))
    world.scene("s4", 4, {"t": "c"})
    assert world.status(tile(3)) is Status.DONE
    assert world.task(tile(3)).previous == tile(1)


def test_followed_tiles_are_done_again_in_order_on_the_new_results():
    world = built(1, 2, 3, 4, failed=2)
    reopen(world, tile(2), follow=True)
    assert world.status(tile(3)) is Status.DONE  # until what it builds on is there
    # What was cut for it is gone since tile 4 was built on it.
    assert ordered(world.done(tile(2))) == [scene(3)]
    assert ordered(world.done(scene(3))) == [tile(3)]
    assert world.task(tile(3)).previous == tile(2)
    assert ordered(world.done(tile(3))) == [tile(4)]
    done = world.done(tile(4))
    assert world.area().ended_by
    assert ordered(done) == []


def test_order_of_a_followed_tile_names_the_layers_it_supersedes():
    world = built(1, 2, 3, failed=2)
    layers = tuple(
        Layer(name, "tif", f"s3://layers/{name}", 10, "0" * 64, action)
        for name, action in (("B04", Action.INDEX), ("__product__", Action.CREATE))
    )
    row = world.task(tile(3))
    world.table[tile(3)] = replace(row, layers=layers)
    reopen(world, tile(2), follow=True)
    (order,) = [o for o in world.done(tile(2)).outgoing if isinstance(o, ProcessOrder)]
    assert order.superseded == ("s3://layers/B04",)
    assert all(layer.name != "B04" for layer in order.current.layers)


def test_first_order_supersedes_nothing():
    world = built(1, 2)
    assert {o.superseded for o in world.orders() if isinstance(o, ProcessOrder)} == {()}


def test_reopened_tile_that_fails_again_disturbs_nothing_behind_it():
    world = built(1, 2, 3, failed=2)
    reopen(world, tile(2), follow=True)
    assert ordered(world.failed(tile(2), Failure.STEP_FATAL)) == []
    assert world.status(tile(3)) is Status.DONE
    assert world.task(tile(3)).previous == tile(1)


def test_followed_tile_that_fails_is_passed_by_the_next():
    world = built(1, 2, 3, 4, failed=2)
    reopen(world, tile(2), follow=True)
    world.done(tile(2))
    world.done(scene(3))  # cut again
    assert ordered(world.failed(tile(3), Failure.STEP_FATAL)) == [tile(4)]
    assert world.task(tile(4)).previous == tile(2)


def test_tile_ordered_on_the_old_result_is_done_again_when_it_ends():
    world = a_chain(1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        world.done(scene(number))
    world.done(tile(1))
    world.failed(tile(2), Failure.STEP_FATAL)
    world.done(tile(3))  # tile 4 runs now, on tile 3 past tile 2
    reopen(world, tile(2), follow=True)
    world.done(tile(2))
    assert world.task(tile(3)).course.attempt == 2
    world.done(tile(3))
    assert world.task(tile(4)).stale
    assert ordered(world.done(tile(4))) == [tile(4)]
    assert world.task(tile(4)).course.attempt == 2


def test_reopened_scene_brings_its_tiles_back_and_is_followed():
    world = a_chain(1, 2, 3)
    world.failed(scene(2), Failure.STEP_FATAL)
    for number in (1, 3):
        world.done(scene(number))
        world.done(tile(number))
    assert ordered(reopen(world, scene(2), follow=True)) == [scene(2)]
    assert world.status(tile(2)) is Status.NEW
    assert ordered(world.done(scene(2))) == [tile(2)]
    assert ordered(world.done(tile(2))) == [tile(3)]
    assert world.task(tile(3)).previous == tile(2)


def test_reopened_scene_brings_back_a_tile_that_was_begun_and_failed_with_it():
    world = built(1, 2, failed=2)
    world.tell(LayersExpired(AREA, tile(2), 1))
    assert ordered(reopen(world, tile(2), follow=False)) == [scene(2)]
    world.failed(scene(2), Failure.STEP_FATAL)
    assert (world.status(tile(2)), world.task(tile(2)).course.attempt) == (
        Status.FAILED,
        1,
    )
    reopen(world, scene(2), follow=False)
    assert world.status(tile(2)) is Status.NEW
    assert ordered(world.done(scene(2))) == [tile(2)]


def test_wish_told_before_the_attempt_ended_is_refused_in_words():
    world = a_chain(1, retriable=True)
    world.failed(scene(1), Failure.STEP_FAILED)
    told = world.log[-1].fact.time
    assert world.status(scene(1)) is Status.RETRY
    asked = TaskRetryAsked(
        AREA, scene(1), world.task(scene(1)).course.attempt, "me", ""
    )
    done = world.tell(asked, at=told - timedelta(seconds=2))
    (reason,) = refusals(done)
    assert reason.startswith("the attempt ended after you asked, the task is retry now")


def test_side_branch_is_followed_by_nobody():
    world = built(2, 3)
    world.scene("s1", 1, {"t": "c"})
    world.done(scene(1))
    world.failed(tile(1), Failure.STEP_FATAL)
    reopen(world, tile(1), follow=True)
    assert ordered(world.done(tile(1))) == []
    assert world.status(tile(3)) is Status.DONE


def test_follow_told_twice_is_one_follow():
    world = built(1, 2, 3, failed=2)
    reopen(world, tile(2), follow=True)
    world.repeat(world.log[-1])
    world.done(tile(2))
    assert ordered(world.repeat(world.log[-1])) == [tile(3)]
    assert world.task(tile(3)).course.attempt == 2


def test_tile_that_waits_for_a_reopened_one_leaves_its_line():
    world = a_chain(1, 2, 3, limits=(0, 1))
    for number in (1, 2, 3):
        world.done(scene(number))
    world.done(tile(1))
    world.failed(tile(2), Failure.STEP_FATAL)
    world.tell(AreaPaused(AREA, "me", ""))
    world.failed(tile(3), Failure.LOST)
    assert world.area().process_line.first == tile(3)
    reopen(world, tile(2), follow=False)
    assert world.area().process_line.first == tile(2)
    assert world.task(tile(3)).held == ""
    assert ordered(world.tell(AreaResumed(AREA, "me", ""))) == [tile(2)]
