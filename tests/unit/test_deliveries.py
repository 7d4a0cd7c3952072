# SPDX-License-Identifier: Apache-2.0
"""Of each tile of a scene, one delivery: the first."""

from streams.deliveries import merged, of_tile
from streams.model import Delivery, Layer


def delivery(tile: str, *names: str) -> Delivery:
    return Delivery(tile, tuple(Layer(n, "tif", f"s3://b/{n}", 1, "0") for n in names))


def test_delivery_of_a_tile_is_found_by_its_name():
    there = (delivery("1", "VV"), delivery("2", "VH"))
    assert [of_tile(there, tile) for tile in "123"] == [*there, None]


def test_nothing_is_found_where_nothing_was_delivered():
    assert of_tile((), "1") is None


def test_tile_that_has_a_delivery_keeps_it():
    first, again, other = delivery("1", "a"), delivery("1", "b"), delivery("2", "c")
    assert merged((first,), (again, other)) == (first, other)


def test_tile_delivered_twice_in_one_report_has_the_first():
    first, again = delivery("1", "a"), delivery("1", "b")
    assert merged((), (first, again)) == (first,)
