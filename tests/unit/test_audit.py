# SPDX-License-Identifier: Apache-2.0
"""What the log must have led to, compared with what is there."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from streams.audit import (
    NOTHING,
    Difference,
    Objects,
    Place,
    compare,
    compare_objects,
    compare_orders,
    expect,
    strays,
)
from streams.events import AttemptExpired, LayerDeleted
from streams.model import Delivery, Layer
from streams.replay import replay
from tests.world import AREA, ORIGIN, World

SCENE, TILE = f"{AREA}/s1", f"{AREA}/s1/t"
LONG_AGO = ORIGIN - timedelta(days=1)
ROOT = f"s3://bucket/{AREA}/s1/tiles"


@pytest.fixture
def world():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    world.done(SCENE)
    return world


def test_equal_things_have_no_difference():
    assert list(compare(Place.TABLE, {"a": "1"}, {"a": "1"})) == []


def test_missing_extra_and_unequal_things_are_named_in_order():
    found = compare(Place.TABLE, {"a": "1", "c": "3"}, {"b": "2", "c": "4"})
    assert list(found) == [
        Difference(Place.TABLE, "a", "1", NOTHING),
        Difference(Place.TABLE, "b", NOTHING, "2"),
        Difference(Place.TABLE, "c", "3", "4"),
    ]


def test_of_things_with_members_those_that_differ_are_told():
    row = {"status": "done", "attempt": 1}
    (one,) = compare(Place.READ_MODEL, {"t": row}, {"t": {**row, "status": "new"}})
    assert (one.expected, one.found) == ('{"status":"done"}', '{"status":"new"}')


def test_a_log_expects_the_table_as_each_reader_sees_it(world):
    whole = expect(world.log, (0, 3, len(world.log)))
    assert whole.snapshots[0] == {}
    assert whole.snapshots[3] == replay(world.log[:3]).table
    assert whole.snapshots[len(world.log)] == whole.table == world.table


def orders(world, found, folded=None, kept_since=LONG_AGO):
    whole = expect(world.log, ())
    folded = len(world.log) if folded is None else folded
    return [d.what for d in compare_orders(whole.orders, found, folded, kept_since)]


def test_orders_of_the_fold_are_as_expected_however_often_they_are_sent(world):
    assert orders(world, world.orders() * 2) == []


def test_an_order_that_was_not_sent_is_named(world):
    assert orders(world, world.orders()[:1]) == [f"{TILE}#1"]


def test_an_order_that_kafka_may_have_dropped_need_not_be_there(world):
    later = ORIGIN + timedelta(days=2000)
    assert orders(world, [], kept_since=later) == []


def test_an_order_of_a_fact_that_is_not_folded_yet_may_be_missing_or_there(world):
    assert orders(world, world.orders()[:1], folded=4) == []
    assert orders(world, world.orders(), folded=4) == []


def test_an_order_that_the_fold_does_not_give_is_named(world):
    stray = replace(world.orders()[0], attempt=7)
    assert orders(world, [*world.orders(), stray]) == [f"{SCENE}#7"]


def test_an_order_that_says_something_else_is_named(world):
    first, second = world.orders()
    assert orders(world, [first, replace(second, ingestion="i9")]) == [f"{TILE}#1"]


def a_layer(attempt="d1", name="B04.tif"):
    return Layer("B04", "tif", f"{ROOT}/t/{attempt}/{name}", 10, "ab")


def downloaded(world):
    """Objects of a download that delivered one layer."""
    objects = Objects()
    (done,) = (e.fact.message for e in world.log if hasattr(e.fact.message, "trials"))
    objects.see(replace(done, deliveries=(Delivery("t", (a_layer(),)),)))
    return objects


def test_a_download_has_its_layers_and_the_manifest_of_its_scene(world):
    objects = downloaded(world)
    assert list(objects.layers) == [f"{ROOT}/t/d1/B04.tif"]
    assert list(objects.manifests) == [f"{ROOT}/s1/d1/manifest.json"]


def test_objects_as_listed_have_no_difference(world):
    objects = downloaded(world)
    there = {a_layer().uri: (10, "ab")}
    assert list(compare_objects(objects, there, objects.manifests)) == []


@pytest.mark.parametrize("there", [None, (9, "ab"), (10, "cd")])
def test_a_layer_that_is_not_as_listed_is_named(world, there):
    objects = downloaded(world)
    (one,) = compare_objects(objects, {a_layer().uri: there}, objects.manifests)
    assert (one.what, one.expected) == (a_layer().uri, "10 bytes, ab")


def test_a_manifest_that_is_gone_is_named(world):
    objects = downloaded(world)
    there = {a_layer().uri: (10, "ab")}
    (one,) = compare_objects(objects, there, {f"{ROOT}/s1/d1/manifest.json": None})
    assert (one.what, one.found) == (f"{ROOT}/s1/d1/manifest.json", NOTHING)


def test_a_layer_that_the_log_says_was_deleted_is_not_expected(world):
    objects = downloaded(world)
    objects.see(LayerDeleted(AREA, SCENE, a_layer().uri))
    assert list(compare_objects(objects, {}, objects.manifests)) == []


def stray_uris(world, *uris, objects=None):
    orphans, left = strays(objects or Objects(), uris, world.table, AREA)
    return [one.what for one in orphans], left


def test_an_object_of_no_attempt_is_an_orphan(world):
    uri = f"{ROOT}/t/p7/B04.tif"
    assert stray_uris(world, uri, f"{ROOT}/x") == ([uri, f"{ROOT}/x"], [])


def test_what_a_lost_attempt_left_is_no_orphan(world):
    world.tell(AttemptExpired(AREA, TILE, 1, "w1"))
    uri = f"{ROOT}/t/p1/B04.tif"
    assert stray_uris(world, uri) == ([], [uri])


def test_what_a_running_attempt_has_stored_is_no_orphan(world):
    uri = f"{ROOT}/t/p1/B04.tif"
    assert stray_uris(world, uri) == ([], [uri])


def test_what_an_attempt_that_ended_well_did_not_list_is_an_orphan(world):
    world.done(TILE)
    uri = f"{ROOT}/t/p1/B04.tif"
    assert stray_uris(world, uri) == ([uri], [])


def test_an_object_that_the_log_says_was_deleted_is_an_orphan(world):
    objects = downloaded(world)
    objects.see(LayerDeleted(AREA, SCENE, a_layer().uri))
    assert stray_uris(world, a_layer().uri, objects=objects) == ([a_layer().uri], [])
