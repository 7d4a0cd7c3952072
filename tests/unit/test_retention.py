# SPDX-License-Identifier: Apache-2.0
"""When intermediate layers are released: the rules one by one, as sentences.

`tests.histories` checks the same over histories made up at random.
"""

from agents.workflow.batch import outgoing_record
from streams.draft import Draft
from streams.events import (
    AreaCancelled,
    AttemptExpired,
    DownloadDone,
    LayersExpired,
    ProcessDone,
    TaskForceAsked,
    TaskReopenAsked,
)
from streams.failures import Failure
from streams.model import STEP_LOG, Action, Delivery, Layer, Status
from streams.orders import LayerReleased, ProcessOrder
from streams.retention import is_intermediate, reader, released
from tests.world import (
    AREA,
    ORIGIN,
    World,
    a_chain,
    a_layer,
    built,
    ordered,
    scene,
    tile,
)


def cut(number: int, attempt: int = 1) -> str:
    return a_layer(tile(number), f"d{attempt}").uri


def made(number: int, attempt: int = 1) -> str:
    return a_layer(tile(number), f"p{attempt}", "out").uri


def gone(step) -> list[str]:
    """URIs that a fact releases."""
    return [o.uri for o in step.outgoing if isinstance(o, LayerReleased)]


def all_gone(world: World) -> set[str]:
    return {o.uri for o in world.outgoing if isinstance(o, LayerReleased)}


def why(world: World, number: int) -> str:
    return reader(Draft(world.table), world.task(tile(number)))


def reopen(world: World, task: str, *, follow: bool = False):
    attempt = world.task(task).course.attempt
    return world.tell(TaskReopenAsked(AREA, task, attempt, "me", "", follow))


# -- in order


def test_tile_is_released_when_the_next_of_its_chain_is_done():
    world = a_chain(1, 2, 3)
    for number in (1, 2, 3):
        world.done(scene(number))
    assert gone(world.done(tile(1))) == []
    assert gone(world.done(tile(2))) == []
    assert gone(world.done(tile(3))) == [cut(2), made(2)]


def test_only_reference_and_leaf_remain_of_a_chain_that_has_ended():
    world = built(1, 2, 3, 4, 5)
    assert all_gone(world) == {uri for n in (2, 3, 4) for uri in (cut(n), made(n))}
    assert why(world, 1) == "reference of the series, and the area is open"
    assert why(world, 5) == "leaf of the series, and the area is open"


def test_reason_names_who_waits():
    world = built(1, 2)
    world.scene("s3", 3, {"t": "c"})
    assert why(world, 2) == f"needed by {tile(3)} as previous"
    assert why(world, 3) == f"needed by {tile(3)} itself, which is new"


def test_tile_of_no_chain_is_released_when_it_is_done():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": ""})
    world.done(scene(1))
    assert gone(world.done(tile(1))) == [cut(1), made(1)]


def test_published_layers_and_logs_are_never_released():
    assert not is_intermediate(a_layer("t", "p1", "B04", Action.INDEX))
    assert not is_intermediate(a_layer("t", "p1", "item", Action.DESCRIBE))
    assert not is_intermediate(Layer(*STEP_LOG, "s3://layers/log", 1, ""))
    assert is_intermediate(a_layer("t", "p1"))


# -- failures


def test_tile_that_fails_leaves_its_previous_to_the_next():
    world = a_chain(1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        world.done(scene(number))
    world.done(tile(1))
    world.done(tile(2))
    assert gone(world.failed(tile(3), Failure.STEP_FATAL)) == []
    assert world.task(tile(4)).previous == tile(2)
    assert gone(world.done(tile(4))) == [cut(2), made(2)]
    assert why(world, 3) == "its task failed and may be reopened"


def expire(world: World, number: int):
    attempt = world.task(tile(number)).course.attempt
    return world.tell(LayersExpired(AREA, tile(number), attempt))


def test_what_a_failed_tile_keeps_is_released_when_its_time_is_over():
    world = built(1, 2, 3, failed=2)
    assert gone(expire(world, 2)) == [cut(2)]
    assert gone(expire(world, 2)) == []


def test_tile_that_has_not_failed_keeps_its_layers_whatever_expires():
    world = built(1, 2, 3, failed=2)
    assert gone(expire(world, 1)) == gone(expire(world, 3)) == []
    reopen(world, tile(2))
    assert gone(expire(world, 2)) == []


def test_attempt_that_failed_before_the_last_does_not_expire():
    world = built(1, 2, failed=2)
    assert gone(world.tell(LayersExpired(AREA, tile(2), 0))) == []


def test_failed_tile_that_was_done_before_is_kept_for_those_that_run_on_it():
    world = a_chain(1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        world.done(scene(number))
    world.done(tile(1))
    world.failed(tile(2), Failure.STEP_FATAL)
    world.done(tile(3))  # tile 4 runs, on this one
    reopen(world, tile(2), follow=True)
    world.done(tile(2))  # tile 3 is done again
    world.failed(tile(3), Failure.STEP_FATAL)
    assert world.status(tile(4)) is Status.PENDING
    assert gone(expire(world, 3)) == []


def test_failed_tile_does_not_expire_by_a_fact_from_before_it_failed():
    world = a_chain(1)
    world.done(scene(1))
    expire(world, 1)
    world.failed(tile(1), Failure.STEP_FATAL)
    assert gone(world.repeat(world.log[-2])) == []


def test_tile_reopened_after_its_time_is_cut_again():
    world = built(1, 2, 3, failed=2)
    expire(world, 2)
    assert ordered(reopen(world, tile(2))) == [scene(2)]
    (order,) = [o for o in world.done(scene(2)).outgoing if isinstance(o, ProcessOrder)]
    assert {layer.uri for layer in order.current.layers} == {cut(2, attempt=2)}


def test_what_is_cut_for_a_tile_whose_time_is_over_goes_at_once():
    world = a_chain(1)
    world.tell(TaskForceAsked(AREA, tile(1), 0, Status.FAILED, "me", ""))
    assert gone(expire(world, 1)) == []
    assert gone(world.done(scene(1))) == [cut(1)]


def test_tile_that_was_forced_is_released_at_once():
    world = a_chain(1, 2)
    world.done(scene(1))
    world.done(scene(2))
    wish = TaskForceAsked(AREA, tile(2), 0, Status.DONE, "me", "")
    assert gone(world.tell(wish)) == [cut(2)]


def test_report_that_comes_too_late_is_released_at_once():
    world = a_chain(1)
    world.tell(AttemptExpired(AREA, scene(1), 1, "w1"))
    late = a_layer(tile(1), "d1")
    done = DownloadDone(AREA, scene(1), 1, "w1", "local", (Delivery("t", (late,)),))
    assert gone(world.tell(done)) == [late.uri]
    assert gone(world.done(scene(1))) == []


def test_report_of_an_attempt_that_was_never_ordered_releases_nothing():
    world = a_chain(1)
    world.done(scene(1))
    layers = (a_layer(tile(1), "p2"),)
    assert gone(world.tell(ProcessDone(AREA, tile(1), 2, "w1", layers))) == []


# -- again


def test_a_fact_told_twice_releases_once():
    world = built(1, 2, 3)
    assert gone(world.repeat(world.log[-1])) == []


def test_what_was_released_can_be_told_again_after_a_crash():
    world = built(1, 2, 3)
    again = released(world.table, tile(2))
    assert [one.uri for one in again] == [cut(2), made(2)]
    assert released(world.table, tile(3)) == released(world.table, scene(2)) == []


def test_each_release_has_an_id_of_its_own():
    first, second = (
        outgoing_record(LayerReleased(AREA, tile(1), uri), ORIGIN, "fact-1")
        for uri in (cut(1), made(1))
    )
    assert first.headers != second.headers


# -- late, and reopened


def test_late_tile_behind_one_that_is_still_there_is_built_on_it():
    world = built(1, 2)
    world.scene("s3", 3, {"t": "c"})
    world.done(scene(3))
    assert world.task(tile(3)).previous == tile(2)


def test_late_tile_behind_one_that_is_gone_hangs_on_the_reference():
    world = built(1, 2, 4)
    world.scene("s3", 3, {"t": "c"})
    world.done(scene(3))
    late = world.task(tile(3))
    assert (late.previous, late.reference) == (tile(1), tile(1))
    assert gone(world.done(tile(3))) == [cut(3), made(3)]


def test_tile_is_kept_for_one_that_was_ordered_with_it_before_another_came_between():
    world = built(1, 2)
    world.scene("s5", 5, {"t": "c"})
    world.done(scene(5))  # tile 5 runs, on tile 2
    world.scene("s3", 3, {"t": "c"})
    world.done(scene(3))
    assert gone(world.done(tile(3))) == []
    assert why(world, 2) == f"needed by {tile(5)} as previous"
    assert gone(world.done(tile(5))) == [cut(2), made(2), cut(3), made(3)]


def test_reopened_tile_has_what_was_cut_for_it():
    world = built(1, 2, 3, failed=2)
    (order,) = [
        o for o in reopen(world, tile(2)).outgoing if isinstance(o, ProcessOrder)
    ]
    assert [layer.uri for layer in order.current.layers] == [cut(2)]


def test_tile_that_is_done_again_is_cut_again_when_its_cut_is_gone():
    world = built(1, 2, 3, 4, failed=2)
    reopen(world, tile(2), follow=True)
    assert ordered(world.done(tile(2))) == [scene(3)]
    (order,) = [o for o in world.done(scene(3)).outgoing if isinstance(o, ProcessOrder)]
    assert {layer.uri for layer in order.current.layers} == {cut(3, attempt=2)}


def test_intermediate_layers_of_an_earlier_result_go_with_those_of_the_new():
    world = built(1, 2, 3, failed=2)
    reopen(world, tile(2), follow=True)
    world.done(tile(2))
    world.done(tile(3))
    world.scene("s4", 4, {"t": "c"})
    world.done(scene(4))
    assert gone(world.done(tile(4))) == [cut(3), made(3, attempt=2), made(3)]


def test_tile_of_no_chain_is_followed_by_nobody_when_it_is_reopened():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": ""})
    world.done(scene(1))
    world.failed(tile(1), Failure.STEP_FATAL)
    reopen(world, tile(1), follow=True)
    assert not world.task(tile(1)).follow


# -- the end


def test_cancelled_area_keeps_nothing_back():
    world = built(1, 2)
    world.tell(AreaCancelled(AREA, "me", "no more dates"))
    assert why(world, 1) == why(world, 2) == ""
