# SPDX-License-Identifier: Apache-2.0
"""What an area keeps in the store, and why, by its log and a listing."""

from datetime import UTC, datetime, timedelta

from streams.audit import compare_objects, expect
from streams.events import AreaCancelled, DownloadDone, LayerDeleted, ProcessDone
from streams.holdings import (
    RELEASED,
    Keeping,
    Object,
    left_of,
    removable,
    take_stock,
)
from tests.world import AREA, World, a_chain, a_layer, built, scene, tile

YOUNG, OLD = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


def listed(world: World) -> dict[str, Object]:
    """A store that has every layer that any fact lists."""
    facts = (entry.fact.message for entry in world.log)
    done = [fact for fact in facts if isinstance(fact, DownloadDone | ProcessDone)]
    return {layer.uri: Object(10, OLD) for fact in done for layer in layers(fact)}


def layers(fact):
    if isinstance(fact, ProcessDone):
        return fact.layers
    return [layer for delivery in fact.deliveries for layer in delivery.layers]


def stray(task: str, attempt: str, name: str = "stray") -> str:
    area, name_of_scene, *name_of_tile = task.split("/")
    folder = name_of_tile[0] if name_of_tile else "t"
    return f"s3://bucket/{area}/{name_of_scene}/tiles/{folder}/{attempt}/{name}.tif"


def test_every_layer_is_kept_for_a_reason_or_released():
    world = built(1, 2, 3)
    stock = take_stock(AREA, world.log, listed(world))
    reasons = {one.uri: (one.keeping, one.why) for one in stock.holdings}
    cut = [a_layer(tile(number), "d1").uri for number in (1, 2, 3)]
    assert reasons[cut[0]][1].startswith("reference of the series")
    assert reasons[cut[1]] == (Keeping.RELEASED, RELEASED)
    assert reasons[cut[2]][1].startswith("leaf of the series")
    assert reasons[a_layer(tile(2), "p1", "index").uri] == (Keeping.KEPT, "published")


def test_log_of_steps_is_kept():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": ""})
    uri = stray(scene(1), "d1", "steps")
    world.tell(DownloadDone(AREA, scene(1), 1, "w1", "local", (), log=uri))
    (kept,) = take_stock(AREA, world.log, {uri: Object(5, OLD)}).of(Keeping.KEPT)
    assert (kept.uri, kept.why) == (uri, "what the steps of a task said")


def test_reasons_are_summed_without_names():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": "", "u": ""})
    world.done(scene(1))
    ((keeping, why, number, size),) = take_stock(AREA, world.log, listed(world)).sums()
    assert (keeping, number, size) == (Keeping.KEPT, 2, 20)
    assert why == "needed by … itself, which is pending"


def test_listed_layer_that_is_not_there_is_missing_unless_it_was_released():
    world = built(1, 2, 3)
    missing = take_stock(AREA, world.log, {}).of(Keeping.MISSING)
    uris = {one.uri for one in missing}
    assert a_layer(tile(1), "d1").uri in uris
    assert a_layer(tile(2), "d1").uri not in uris
    assert a_layer(tile(2), "p1", "index").uri in uris


def test_deleted_layer_is_no_more_of_the_stock():
    world = built(1, 2, 3)
    uri = a_layer(tile(2), "d1").uri
    world.tell(LayerDeleted(AREA, scene(2), uri))
    there = listed(world)
    del there[uri]
    assert uri not in {one.uri for one in take_stock(AREA, world.log, there).holdings}


def test_object_that_no_fact_lists_is_an_orphan():
    world = built(1)
    uri = stray(scene(9), "d1")
    (orphan,) = take_stock(AREA, world.log, {uri: Object(5, OLD)}).of(Keeping.ORPHAN)
    assert (orphan.uri, orphan.size_bytes, orphan.why) == (uri, 5, "no fact lists it")


def test_orphan_of_a_running_attempt_is_not_removable_and_a_young_one_neither():
    world = a_chain(1, 2)
    world.done(scene(1))
    running, ended, strange = (
        stray(tile(1), "p1"),
        stray(scene(1), "d1"),
        stray(scene(9), "d1"),
    )
    there = {
        running: Object(1, OLD),
        ended: Object(1, OLD),
        strange: Object(1, YOUNG),
    }
    stock = take_stock(AREA, world.log, there)
    assert {one.uri for one in stock.of(Keeping.ORPHAN)} == set(there)
    found = removable(stock, world.log, there, OLD + timedelta(hours=1))
    assert [one.uri for one in found] == [ended]


def test_cancelled_area_releases_all_that_is_intermediate():
    world = built(1, 2)
    world.tell(AreaCancelled(AREA, "me", ""))
    stock = take_stock(AREA, world.log, listed(world))
    assert {one.why for one in stock.holdings} == {RELEASED, "published"}


def test_intermediate_layers_left_are_those_that_were_not_deleted():
    world = built(1)
    gone = a_layer(tile(1), "d1").uri
    world.tell(LayerDeleted(AREA, scene(1), gone))
    left = left_of(entry.fact.message for entry in world.log)
    assert [one.uri for one in left] == [a_layer(tile(1), "p1", "out").uri]


def test_audit_expects_a_released_layer_or_nothing():
    objects = expect(built(1, 2, 3).log, ()).objects
    there = {uri: (10, "0" * 64) for uri in objects.layers}
    manifests = dict(objects.manifests)
    assert list(compare_objects(objects, there, manifests)) == []
    for uri in objects.released:
        there[uri] = None
    assert list(compare_objects(objects, there, manifests)) == []
    there[a_layer(tile(1), "d1").uri] = None
    (one,) = compare_objects(objects, there, manifests)
    assert one.what == a_layer(tile(1), "d1").uri
