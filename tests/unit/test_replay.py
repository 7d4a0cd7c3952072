# SPDX-License-Identifier: Apache-2.0
"""Replay to an instant, and the difference between two."""

import dataclasses
from datetime import timedelta

from msgspec import structs

from streams.failures import Failure
from streams.replay import Until, What, changes, replay, replay_twice
from tests.world import AREA, ORIGIN, World

SCENES = [f"{AREA}/s{n}" for n in (1, 2)]
TILES = [f"{scene}/t" for scene in SCENES]


def a_world():
    world = World()
    world.accept()
    for number in (1, 2):
        world.scene(f"s{number}", number, {"t": "c"})
    world.listed()
    return world


def late(entry, time):
    return dataclasses.replace(entry, fact=structs.replace(entry.fact, time=time))


def time_of(offset):
    return ORIGIN + timedelta(days=1000, minutes=offset)


def moved(world, since, until=None):
    end = Until() if until is None else Until(offset=until)
    early, late = replay_twice(world.log, Until(offset=since), end)
    found = changes(early.table, late.table)
    return {(c.key, c.what): (c.before, c.after) for c in found}


def test_replay_until_an_offset_folds_no_later_fact():
    world = a_world()
    assert replay(world.log, Until(offset=2)).facts == 3


def test_replay_until_an_instant_folds_no_later_fact():
    world = a_world()
    assert replay(world.log, Until(time=time_of(2))).facts == 3


def test_what_stands_behind_a_later_fact_of_its_area_is_left_out():
    world = a_world()
    log = list(world.log)
    log[1] = late(log[1], time_of(60))
    assert replay(log, Until(time=time_of(4))).facts == 1
    early, late_one = replay_twice(log, Until(time=time_of(0)), Until(time=time_of(4)))
    assert (early.facts, late_one.facts) == (1, 1)


def test_later_fact_of_another_area_leaves_nothing_out():
    world = a_world()
    other = structs.replace(world.log[0].fact.message, area="other")
    far = late(world.log[0], time_of(60))
    far = dataclasses.replace(far, fact=structs.replace(far.fact, message=other))
    assert replay([far, *world.log], Until(time=time_of(2))).facts == 3


def test_rows_added_are_told():
    world = a_world()
    found = moved(world, 2, 3)
    assert found[SCENES[1], What.ADDED] == ("", "pending #1")
    assert not any(key == SCENES[0] for key, _ in found)


def test_a_status_that_moved_is_told_with_its_attempt():
    world = a_world()
    begin = len(world.log) - 1
    world.done(SCENES[0])
    found = moved(world, begin)
    assert found[SCENES[0], What.STATUS] == ("pending #1", "done #1")
    assert found[TILES[0], What.STATUS] == ("new", "pending #1")


def test_a_tile_linked_past_a_failed_one_is_told():
    world = a_world()
    world.done(SCENES[0])
    begin = len(world.log) - 1
    world.failed(TILES[0], Failure.STEP_FATAL)
    assert moved(world, begin)[TILES[1], What.LINKS] == (
        f"previous {TILES[0]}, reference {TILES[0]}",
        "previous none, reference none",
    )


def test_nothing_is_told_between_an_instant_and_itself():
    world = a_world()
    assert moved(world, 4, 4) == {}


def test_rows_of_instants_the_wrong_way_round_are_gone():
    world = a_world()
    assert moved(world, 3, 2)[SCENES[1], What.GONE] == ("pending #1", "")
