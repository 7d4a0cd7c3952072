# SPDX-License-Identifier: Apache-2.0
"""Footprints as catalogues write them, against an area; areas wider by metres."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform
from shapely import MultiPolygon, Polygon, box

from agents.catalogue.geometry import meeting, read_footprints
from agents.catalogue.inventory import take_inventory
from agents.catalogue.metres import widened
from streams.model import Scene

FIJI = MultiPolygon([box(175, -20, 180, -15), box(-180, -20, -175, -15)])
ARCTIC = box(-180, 85, 180, 90)
DENMARK = box(8, 54, 13, 58)

HLS = Path("../shared/data/catalogue-responses/stac-hls-items.json")


def met(area, *texts):
    return meeting(area, read_footprints(texts)).tolist()


@pytest.mark.parametrize(
    ("area", "footprint", "meets"),
    [
        # From the west to the east side, written badly and well.
        (FIJI, "POLYGON ((179 -18, -179 -18, -179 -17, 179 -17, 179 -18))", True),
        (FIJI, "POLYGON ((179 -18, 181 -18, 181 -17, 179 -17, 179 -18))", True),
        (FIJI, "POLYGON ((-184 -18, -181 -18, -181 -17, -184 -17, -184 -18))", True),
        (FIJI, "POLYGON ((-179 -18, -178 -18, -178 -17, -179 -17, -179 -18))", True),
        # What a naive reading spans is not where the footprint is.
        (DENMARK, "POLYGON ((179 55, -179 55, -179 57, 179 57, 179 55))", False),
        # A swath across the pole, in the corners alone.
        (ARCTIC, "POLYGON ((0 84, 90 84, 180 84, -90 84, 0 84))", True),
        (
            box(40, 87, 41, 88),
            "POLYGON ((0 84, 90 84, 180 84, -90 84, 0 84))",
            True,
        ),
        (
            box(40, 70, 41, 71),
            "POLYGON ((0 84, 90 84, 180 84, -90 84, 0 84))",
            False,
        ),
        # Rings that cross themselves, go back on themselves, or have no width.
        (DENMARK, "POLYGON ((9 55, 11 57, 11 55, 9 57, 9 55))", True),
        (DENMARK, "POLYGON ((9 55, 11 55, 11 57, 11 55, 9 57, 9 55))", True),
        (DENMARK, "POLYGON ((9 55, 11 55, 10 55, 9 55))", True),
        # The same over the meridian and around the pole.
        (FIJI, "POLYGON ((179 -18, -179 -16, -179 -18, 179 -16, 179 -18))", True),
        (DENMARK, "POLYGON ((179 55, -179 57, -179 55, 179 57, 179 55))", False),
        (
            ARCTIC,
            "POLYGON ((0 84, 90 84, 60 84, 60 83, 100 82, 180 84, -90 84, 0 84))",
            True,
        ),
        # Holes and parts.
        (
            DENMARK,
            (box(0, 50, 20, 60) - box(5, 52, 15, 59)).wkt,
            False,
        ),
        (
            DENMARK,
            "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((9 55, 10 55, 10 56, 9 55)))",
            True,
        ),
        # Only a corner, and only an edge, are shared.
        (DENMARK, "POLYGON ((13 58, 14 58, 14 59, 13 58))", True),
        (DENMARK, "POLYGON ((13 54, 14 54, 14 58, 13 58, 13 54))", True),
        (DENMARK, "POLYGON EMPTY", False),
        (DENMARK, "POLYGON ((1 2", False),
        (DENMARK, "", False),
    ],
)
def test_footprint_meets_the_area_or_not(area, footprint, meets):
    assert met(area, footprint) == [meets]


def test_no_footprints_are_none():
    assert met(DENMARK) == []


def test_only_what_is_odd_is_mended():
    texts = [
        DENMARK.wkt,
        "POLYGON ((179 -18, -179 -18, -179 -17, 179 -17, 179 -18))",
        FIJI.wkt,
        "POLYGON EMPTY",
        "nonsense",
        "POLYGON ((9 55, 11 57, 11 55, 9 57, 9 55))",
    ]
    found = read_footprints(texts)
    # Cut there already, the third is looked at, and dissolved into the same.
    assert found.mended.tolist() == [False, True, True, False, False, True]
    assert found.shapes[0].wkt == texts[0]
    assert found.shapes[2].equals(FIJI)
    assert found.shapes[4] is None
    assert all(shape is None or shape.is_valid for shape in found.shapes)


CORNERS = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=3, max_size=8
)


@settings(max_examples=200)
@given(st.lists(CORNERS, min_size=1, max_size=5), CORNERS)
def test_many_at_once_meet_as_each_by_itself(rings, outline):
    area = shapely.make_valid(Polygon(outline))
    footprints = read_footprints([Polygon(ring).wkt for ring in rings])
    each = [area.intersects(shape) for shape in footprints.shapes]
    assert meeting(area, footprints).tolist() == each


ANYWHERE = st.tuples(st.integers(-270, 270), st.integers(-90, 90))


@settings(max_examples=300)
@given(st.lists(ANYWHERE, min_size=3, max_size=8))
def test_whatever_the_ring_its_footprint_is_valid_and_on_the_map(ring):
    (shape,) = read_footprints([Polygon(ring).wkt]).shapes
    assert shape.is_valid
    assert shape.is_empty or shapely.covers(box(-180, -90, 180, 90), shape)


def test_inventory_keeps_a_footprint_that_maps_can_draw():
    date = datetime(2022, 1, 1, tzinfo=UTC)
    naive = "POLYGON ((179 -18, -179 -18, -179 -17, 179 -17, 179 -18))"
    scenes = [
        Scene("over", "spot", date, footprint=naive),
        Scene("plain", "spot", date, footprint=box(176, -18, 177, -17).wkt),
    ]
    kept = take_inventory(scenes, FIJI, date, date).scenes
    footprints = {scene.name: scene.footprint for scene in kept}
    assert footprints["plain"] == scenes[1].footprint
    assert shapely.from_wkt(footprints["over"]).equals(
        MultiPolygon([box(179, -18, 180, -17), box(-180, -18, -179, -17)])
    )


@pytest.mark.skipif(not HLS.exists(), reason="no ../shared/data here")
def test_recorded_footprints_near_the_meridian_are_where_they_are():
    items = json.loads(HLS.read_text())["features"]
    footprints = read_footprints(
        [shapely.geometry.shape(item["geometry"]).wkt for item in items]
    )
    bounds = shapely.bounds(footprints.shapes)
    for item, (west, south, east, north) in zip(items, bounds, strict=True):
        assert [west, south, east, north] == pytest.approx(item["bbox"], abs=1e-4)


# -- metres


def distances_m(outline: np.ndarray, area) -> list[float]:
    """From each point to the area, on the ellipsoid: PROJ's azimuthal projection."""
    points = shapely.get_coordinates(shapely.segmentize(area.boundary, 0.01))
    found = []
    for lon, lat in outline:
        plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84"
        east, north = transform("EPSG:4326", plane, points[:, 0], points[:, 1])
        found.append(float(np.hypot(east, north).min()))
    return found


AREAS = [
    ("at the equator", box(-1, -1, 1, 1), 50_000),
    ("in the middle", box(9, 54, 11, 56), 5_000),
    ("far north", box(10, 78, 20, 80), 1_000),
    (
        "over the meridian",
        MultiPolygon([box(179, 10, 180, 11), box(-180, 10, -179, 11)]),
        5_000,
    ),
    ("beside the pole", box(0, 89.9, 10, 89.95), 20_000),
    ("with a hole", box(0, 40, 3, 43) - box(1, 41, 2, 42), 3_000),
    ("a long edge", Polygon([(0, 0), (40, 60), (0.1, 0)]), 10_000),
]


@pytest.mark.parametrize(
    ("area", "metres"), [a[1:] for a in AREAS], ids=[a[0] for a in AREAS]
)
def test_area_is_wider_by_the_metres_asked_and_no_more_than_2_percent(area, metres):
    wide = widened(area, metres)
    assert wide.is_valid
    assert shapely.covers(wide, area)
    outline = shapely.get_coordinates(wide.boundary)
    # Where the map is cut, the outline is the map's and not the area's.
    inner = (abs(outline[:, 0]) < 180 - 1e-9) & (abs(outline[:, 1]) < 90 - 1e-9)
    some = outline[inner][:: max(1, inner.sum() // 30)]
    found = distances_m(some, area)
    assert min(found) >= metres * 0.9999
    assert max(found) <= metres * 1.02


def test_hole_that_is_narrower_than_the_metres_is_filled():
    holed = box(0, 40, 3, 43) - box(1, 41, 1.01, 41.01)
    (part,) = shapely.get_parts(widened(holed, 1_000))
    assert len(part.interiors) == 0


def test_area_by_the_pole_grows_over_it():
    wide = widened(box(0, 89.99, 1, 90), 10_000)
    assert shapely.covers(wide, box(-180, 89.95, 180, 90))


def test_point_becomes_a_circle():
    outline = shapely.get_coordinates(widened(shapely.Point(9.5, 54), 1_000).boundary)
    found = distances_m(outline, box(9.5, 54, 9.5000001, 54.0000001))
    assert 999.9 <= min(found) <= max(found) <= 1_020


def test_no_metres_change_nothing():
    assert widened(DENMARK, 0) is DENMARK
