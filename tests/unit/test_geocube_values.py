# SPDX-License-Identifier: Apache-2.0
"""The Geocube's values: areas in normal form, records, data formats, stubs."""

import hashlib
import math
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely

from infra.geocube import aoi, records
from infra.geocube.formats import DataFormat, Dtype, from_pb, to_pb
from infra.geocube.generate import ROOM, generate
from infra.geocube.records import NewRecord
from infra.geocube.standin.mappings import RANGES
from streams.errors import IndexRefused

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_aoi_is_known_by_the_hash_of_its_wkb():
    # byte order, MultiPolygon 6, one Polygon 3 of one ring of four points
    points = [(3.0, 41.0), (4.0, 41.0), (4.0, 42.0), (3.0, 41.0)]
    wkb = struct.pack("<BII", 1, 6, 1) + struct.pack("<BIII", 1, 3, 1, 4)
    wkb += b"".join(struct.pack("<dd", *point) for point in points)
    area = aoi.normalised(shapely.Polygon(points))
    assert aoi.aoi_hash(area) == hashlib.sha1(wkb).hexdigest()


@pytest.mark.parametrize("seed", range(20))
def test_normal_form_is_one_for_every_way_to_write_a_place(seed):
    chance = np.random.default_rng(seed)
    hole = [(2, 2), (2, 4), (4, 4), (4, 2)]
    other = [(5, 5), (5, 7), (7, 7), (7, 5)]
    shell = [(0, 0), (10, 0), (10, 10), (0, 10)]

    def turned(ring):
        start = int(chance.integers(len(ring)))
        ring = ring[start:] + ring[:start]
        return ring if chance.integers(2) else ring[::-1]

    def written():
        holes = [turned(hole), turned(other)]
        polygons = [
            shapely.Polygon(turned(shell), [holes[i] for i in chance.permutation(2)]),
            shapely.Polygon(turned([(x + 20, y) for x, y in shell])),
        ]
        return shapely.MultiPolygon([polygons[i] for i in chance.permutation(2)])

    first, second = (aoi.aoi_hash(aoi.normalised(written())) for _ in range(2))
    assert first == second


def test_normal_form_has_no_repeats_heights_or_slivers():
    sliver = [(1, 1), (1, 1 + 1e-9), (1 + 1e-9, 1)]
    rough = shapely.Polygon(
        [(0, 0, 5), (2, 0, 5), (2, 0, 5), (2 + 1e-9, 0, 5), (2, 2, 5), (0, -0.0, 5)],
        [[(*point, 5) for point in sliver]],
    )
    smooth = shapely.Polygon([(0, 0), (2, 0), (2, 2)])
    assert aoi.normalised(rough) == aoi.normalised(smooth)


def test_message_holds_the_area_as_it_is():
    area = aoi.normalised(shapely.box(0, 0, 1, 1))
    (polygon,) = aoi.to_pb(area).polygons
    (ring,) = polygon.linearrings
    sent = [(point.lon, point.lat) for point in ring.points]
    assert sent == list(area.geoms[0].exterior.coords)


@pytest.mark.parametrize(
    "footprint", ["POINT (0 0)", "POLYGON EMPTY", "POLYGON ((0 0, 181 0, 1 1, 0 0))"]
)
def test_what_is_no_area_on_earth_is_refused(footprint):
    with pytest.raises(IndexRefused, match="footprint"):
        aoi.normalised(shapely.from_wkt(footprint))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"name": "S2/T31:a-b_c"}, None),
        ({"name": "S2A.SAFE"}, "name 'S2A.SAFE'"),
        ({"name": ""}, "name ''"),
        ({"time": NOON.replace(tzinfo=None)}, "no zone"),
        ({"tags": {"a": "b*"}}, "tag 'a'"),
        ({"tags": {"a?": "b"}}, "tag 'a?'"),
        ({"tags": {"a": "\0"}}, "tag 'a'"),
        # 8 header, 4 + 1 name, 8 + 8 + 1 + n tag, 10 padding, 8 time = 48 + n
        ({"tags": {"a": "x" * (2704 - 48)}}, None),
        ({"tags": {"a": "x" * (2705 - 48)}}, "2705 bytes, limit 2704"),
    ],
)
def test_record_is_checked_before_it_is_sent(change, problem):
    fields = {"name": "a", "time": NOON, "tags": {}, "aoi_id": "id", **change}
    found = records.problems(NewRecord(**fields))
    if problem is None:
        assert found == []
    else:
        (message,) = found
        assert problem in message


def test_data_formats_are_equal_when_no_data_is_none_in_both():
    first, second = (DataFormat(Dtype.UINT8, math.nan, 0, 255) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first != DataFormat(Dtype.UINT8, 0, 0, 255)
    assert from_pb(to_pb(first)) == first


@pytest.mark.parametrize(
    "name",
    ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"],
)
def test_range_of_a_dtype_is_numpys(name):
    limits = np.iinfo(name) if "int" in name else np.finfo(name)
    ours = RANGES[Dtype[name.upper()]]
    assert ours == (float(limits.min), float(limits.max))


def test_every_dtype_has_a_range():
    assert set(RANGES) == set(Dtype)


def test_stubs_are_those_of_the_protos(tmp_path):
    generate(tmp_path)
    made = tmp_path / "infra" / "geocube" / "pb"
    names = {file.name for file in made.iterdir()}
    assert names == {file.name for file in (ROOM / "pb").glob("*_pb2.py*")}
    for name in names:
        assert (made / name).read_text() == (ROOM / "pb" / name).read_text()
