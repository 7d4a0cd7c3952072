# SPDX-License-Identifier: Apache-2.0
"""Areas over the 180th meridian, around the poles, and in every form of GeoJSON."""

import json

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shapely import MultiPolygon, Polygon, box
from shapely.affinity import translate
from shapely.geometry import mapping, shape

from agents.catalogue.area import area_in, crossing
from streams.errors import InvalidRequest
from streams.geojson import GeometryProblem, area_of
from streams.meridian import on_earth
from streams.payload import read_payload

FIJI = MultiPolygon([box(175, -20, 180, -15), box(-180, -20, -175, -15)])
NORTH = box(-180, 85, 180, 90)

# The same area, written in every way that people write it; the area it is.
CROSSING = [
    ("cut there, as RFC 7946 wants it", FIJI),
    ("longitudes beyond 180", box(175, -20, 185, -15)),
    ("longitudes below -180", box(-185, -20, -175, -15)),
    (
        "an edge from east to west",
        Polygon([(175, -20), (-175, -20), (-175, -15), (175, -15)]),
    ),
    (
        "the same, begun in the west and the other way around",
        Polygon([(-175, -20), (-175, -15), (175, -15), (175, -20)]),
    ),
    (
        "a point on each side of the meridian",
        Polygon(
            (
                *((175, -20), (180, -20), (-180, -20), (-175, -20)),
                *((-175, -15), (-180, -15), (180, -15), (175, -15)),
            )
        ),
    ),
]


@pytest.mark.parametrize("area", [a for _, a in CROSSING], ids=[i for i, _ in CROSSING])
def test_area_over_the_180th_meridian_is_cut_there(area):
    found = on_earth(area)
    assert found.is_valid
    assert found.equals(FIJI)


# Rings around a pole and bands around the Earth; what they enclose.
AROUND = [
    ("the pole in a ring", Polygon([(0, 85), (90, 85), (180, 85), (-90, 85)]), NORTH),
    (
        "the same, the other way around",
        Polygon([(-90, 85), (180, 85), (90, 85), (0, 85)]),
        NORTH,
    ),
    (
        "the south pole",
        Polygon([(0, -85), (90, -85), (180, -85), (-90, -85)]),
        box(-180, -90, 180, -85),
    ),
    (
        "the pole in a ring of longitudes from 0 to 360",
        Polygon([(0, 85), (90, 85), (180, 85), (270, 85), (360, 85)]),
        NORTH,
    ),
    (
        "the pole in a ring from -180 to 180 that goes up and down",
        Polygon([(-180, 85), (-90, 80), (0, 85), (90, 80), (180, 85)]),
        Polygon(
            [(-180, 85), (-90, 80), (0, 85), (90, 80), (180, 85), (180, 90), (-180, 90)]
        ),
    ),
    ("the pole as an edge of the map", NORTH, NORTH),
    ("the whole Earth", box(-180, -90, 180, 90), box(-180, -90, 180, 90)),
    ("the whole Earth from 0 on", box(0, -90, 360, 90), box(-180, -90, 180, 90)),
    ("a band", box(-180, -10, 180, 10), box(-180, -10, 180, 10)),
    (
        "a band with points on one side",
        Polygon([(-180, 0), (-90, 0), (0, 0), (180, 0), (180, 9), (-180, 9)]),
        box(-180, 0, 180, 9),
    ),
    (
        "a hole over the meridian",
        Polygon(
            [(170, 0), (-170, 0), (-170, 20), (170, 20)],
            [[(178, 5), (-178, 5), (-178, 10), (178, 10)]],
        ),
        MultiPolygon(
            [
                Polygon(box(170, 0, 180, 20) - box(178, 5, 180, 10)),
                Polygon(box(-180, 0, -170, 20) - box(-180, 5, -178, 10)),
            ]
        ),
    ),
    (
        "a hole at the pole",
        Polygon(
            [(0, 80), (90, 80), (180, 80), (-90, 80)],
            [[(0, 85), (90, 85), (180, 85), (-90, 85)]],
        ),
        box(-180, 80, 180, 85),
    ),
]


@pytest.mark.parametrize(
    ("area", "enclosed"),
    [(area, enclosed) for _, area, enclosed in AROUND],
    ids=[text for text, *_ in AROUND],
)
def test_ring_around_the_earth_encloses_the_nearer_pole(area, enclosed):
    found = on_earth(area)
    assert found.is_valid
    assert found.equals(enclosed)


BOXES = st.builds(
    lambda west, south, width, height: box(
        west, south, west + width, min(90, south + height)
    ),
    st.integers(-180, 180),
    st.integers(-90, 89),
    st.integers(1, 179),
    st.integers(1, 60),
)


@given(BOXES)
def test_what_is_on_earth_stays_to_the_last_digit(area):
    once = on_earth(area)
    assert once.is_valid
    assert once.area == pytest.approx(area.area)
    assert on_earth(once).equals_exact(once, 0, normalize=True)


@given(
    latitudes=st.lists(st.integers(50, 89), min_size=4, max_size=12),
    first=st.integers(-180, 179),
    begin=st.integers(0, 11),
    backwards=st.booleans(),
    pole=st.sampled_from([1, -1]),
)
def test_every_ring_around_a_pole_encloses_it(latitudes, first, begin, backwards, pole):
    step = 360 / len(latitudes)
    ring = [
        ((first + step * n + 180) % 360 - 180, pole * latitude)
        for n, latitude in enumerate(latitudes)
    ]
    begin %= len(ring)
    ring = [*ring[begin:], *ring[:begin]]
    found = on_earth(Polygon(reversed(ring) if backwards else ring))
    assert found.is_valid
    south, north = sorted((90 * pole, 89.5 * pole))
    assert shapely.covers(found, box(-180, south, 180, north))
    # Between two vertices the edge is straight: the mean of their latitudes counts.
    assert found.area == pytest.approx(360 * (90 - sum(latitudes) / len(latitudes)))
    assert on_earth(found).equals(found)


@given(BOXES, st.sampled_from([-360, 360]))
def test_a_turn_more_is_the_same_place(area, turn):
    assert on_earth(translate(area, turn)).equals(on_earth(area))


@given(BOXES)
def test_longitudes_brought_into_range_mean_the_same(area):
    """What tools do that know no meridian: each longitude by itself."""
    points = shapely.get_coordinates(area)
    points[:, 0] = (points[:, 0] + 180) % 360 - 180
    assert on_earth(Polygon(points)).equals(on_earth(area))


# -- in a document


def polygon(*positions, holes=()):
    return {"type": "Polygon", "coordinates": [list(map(list, positions)), *holes]}


SQUARE = mapping(box(129, -12, 130, -11))
NEXT = mapping(box(130, -12, 131, -11))
BOTH = box(129, -12, 131, -11)
HOLED = {
    "type": "Polygon",
    "coordinates": [
        [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]],
        [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]],
    ],
}


def as_json(geometry):
    return json.loads(json.dumps(geometry))


def collection(*geometries):
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": as_json(geometry)}
            for geometry in geometries
        ],
    }


def test_polygon_with_a_hole_is_the_same_geojson():
    """H3."""
    assert as_json(area_of(HOLED)) == HOLED


@pytest.mark.parametrize(
    ("document", "area"),
    [
        (collection(SQUARE, SQUARE), shape(SQUARE)),
        (collection(SQUARE, NEXT), BOTH),
        (
            {"type": "GeometryCollection", "geometries": [as_json(SQUARE)]},
            shape(SQUARE),
        ),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [
                    as_json(SQUARE)["coordinates"],
                    as_json(NEXT)["coordinates"],
                ],
            },
            BOTH,
        ),
        (
            collection(mapping(box(0, 0, 2, 2)), mapping(box(1, 1, 3, 3))),
            box(0, 0, 2, 2) | box(1, 1, 3, 3),
        ),
        (collection(mapping(box(178, 0, 182, 1)), mapping(FIJI)), None),
    ],
)
def test_all_polygons_together_are_the_area(document, area):
    """H3: adjacent and equal squares are one; overlaps do no harm."""
    found = shape(area_of(document))
    assert found.is_valid
    if area is not None:
        assert found.equals(area)
        assert shapely.get_num_geometries(found) == shapely.get_num_geometries(area)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            polygon((0, 0), (1, 1), (1, 0), (0, 1), (0, 0)),
            r"\$.coordinates: not a valid area: Self-intersection\[0.5 0.5\]",
        ),
        (
            polygon((175, 0), (-175, 5), (-175, 0), (175, 5), (175, 0)),
            r"\$.coordinates: not a valid area: Self-intersection\[180 2.5\]",
        ),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [
                    as_json(SQUARE)["coordinates"],
                    [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]],
                ],
            },
            r"\$.coordinates\[1\]: not a valid area",
        ),
        (
            polygon(
                *((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),
                holes=[[[5, 5], [6, 5], [6, 6], [5, 5]]],
            ),
            "not a valid area: Hole lies outside shell",
        ),
        (
            polygon((361, 0), (362, 0), (362, 1), (361, 0)),
            r"\[361, 0\] is outside longitude ±360, latitude ±90",
        ),
        (
            polygon((0, 0), (1, 0), (1, float("nan")), (0, 0)),
            "is outside longitude ±360, latitude ±90",
        ),
        (
            polygon((0, 90), (1, 90), (1, 91), (0, 90)),
            r"\[1, 91\] is outside",
        ),
        ({"type": "Polygon", "coordinates": []}, r"\$.coordinates: empty"),
        ({"type": "MultiPolygon", "coordinates": []}, r"\$.coordinates: empty"),
        ({"type": "MultiPolygon", "coordinates": [3]}, "expected lists of rings"),
    ],
)
def test_invalid_rings_are_refused_with_their_place(document, problem):
    with pytest.raises(GeometryProblem, match=problem):
        area_of(document)


def read(geometry):
    document = {
        "type": "Feature",
        "geometry": geometry,
        "name": "fiji",
        "start_time": "2022-01-01T00:00:00Z",
        "end_time": "2022-01-02T00:00:00Z",
        "scene_type": {"constellation": "sentinel2"},
        "scene_graph_name": "CopyProductToStorage",
        "tile_graph_name": "Pass",
    }
    return read_payload(json.dumps(document), request="r", by="me")


def test_request_over_the_meridian_is_read():
    request = read(mapping(box(175, -20, 185, -15)))
    assert shapely.from_geojson(request.geometry).equals(FIJI)


@pytest.mark.parametrize(
    ("area", "says"),
    [
        (box(175, -20, 185, -15), "from longitude 175 eastwards to -175; if that"),
        (box(-100, 0, 100, 10), "from longitude 100 eastwards to -100; if that"),
        (box(9, 54, 11, 56), None),
        (box(-180, -90, 180, 90), None),
        (box(-180, 0, -170, 10), None),
        (Polygon([(0, 85), (90, 85), (180, 85), (-90, 85)]), None),
    ],
)
def test_area_over_the_meridian_is_said_to_be_so(area, says):
    warnings = crossing(area_in(read(mapping(area))))
    assert warnings == [] if says is None else says in warnings[0]


@pytest.mark.parametrize(
    ("geometry", "problem"),
    [
        ("{", "$.geometry: not JSON: "),
        ("[]", "$.geometry: expected a GeoJSON object"),
        ("{}", "$.geometry.type: missing"),
        (
            '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}',
            "$.geometry.coordinates: a ring has at least 4 positions",
        ),
    ],
)
def test_area_of_a_request_that_another_wrote_is_checked(geometry, problem):
    request = replace(read(mapping(FIJI)), geometry=geometry)
    with pytest.raises(InvalidRequest) as refused:
        area_in(request)
    assert refused.value.problems[0].startswith(problem)
