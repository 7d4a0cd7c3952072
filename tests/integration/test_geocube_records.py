# SPDX-License-Identifier: Apache-2.0
"""AOIs, records and tags in the Geocube's stand-in, call by call."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from tests.geocube import (
    Refused,
    area,
    dataset,
    empty,
    may,
    new_database,
    new_record,
    raster,
    refusal,
    square,
    standin,
)

CROWD = 12


@pytest.fixture(scope="module")
def server(stack):
    with new_database(stack) as dsn, standin(dsn) as running:
        yield dsn, running


@pytest.fixture
def geocube(server):
    dsn, running = server
    empty(dsn)
    return running


def names(items):
    return [item.record.name for item in items]


# AOI


def test_aoi_comes_back_as_it_was_sent(geocube):
    hole = pb.LinearRing(
        points=[
            pb.Coord(lon=x, lat=y)
            for x, y in [(3.2, 41.2), (3.2, 41.4), (3.4, 41.4), (3.2, 41.2)]
        ]
    )
    sent = square()
    sent.polygons[0].linearrings.append(hole)
    sent.polygons.extend(square(10).polygons)
    id = geocube.ask("CreateAOI", aoi=sent).id
    assert geocube.ask("GetAOI", id=id).aoi == sent


def test_known_aoi_is_refused_with_its_id(geocube):
    id = geocube.aoi()
    refused = geocube.refused("CreateAOI", aoi=square())
    assert refused == Refused(
        StatusCode.ALREADY_EXISTS, f"AOI with id: {id}", "AOI", id, ""
    )


def test_same_place_written_otherwise_is_another_aoi(geocube):
    corners = [(3, 41), (4, 41), (4, 42), (3, 42), (3, 41)]
    ids = {
        geocube.ask("CreateAOI", aoi=area(*points)).id
        for points in (corners, corners[::-1], [*corners[1:], corners[1]])
    }
    assert len(ids) == 3


def test_aoi_is_told_apart_in_single_precision(geocube):
    id = geocube.aoi(west=3.0)
    assert geocube.refused("CreateAOI", aoi=square(3.0 + 1e-8)).name == id


def test_polygon_without_rings_does_not_count(geocube):
    id = geocube.aoi()
    aoi = square()
    aoi.polygons.add()
    assert geocube.refused("CreateAOI", aoi=aoi).name == id


@pytest.mark.parametrize(
    ("aoi", "code", "text"),
    [
        (pb.AOI(), StatusCode.INVALID_ARGUMENT, "AOI must not be empty"),
        (square(west=179.5), StatusCode.INVALID_ARGUMENT, "lon in [-180,180]"),
        (square(south=-91), StatusCode.INVALID_ARGUMENT, "lat in [-90,90]"),
        (area((0, 0), (1, 0), (1, 1), (0, 1)), StatusCode.UNKNOWN, "[XX000]"),
        (area((0, 0), (1, 0), (0, 0)), StatusCode.UNKNOWN, "[XX000]"),
    ],
    ids=["empty", "east of the Earth", "south of the Earth", "open", "too short"],
)
def test_area_that_is_none_is_refused(geocube, aoi, code, text):
    refused = geocube.refused("CreateAOI", aoi=aoi)
    assert refused.code is code
    assert text in refused.message
    assert refused.kind is None


def test_aoi_that_crosses_itself_is_taken(geocube):
    bow = area((0, 0), (1, 1), (1, 0), (0, 1), (0, 0))
    assert geocube.ask("CreateAOI", aoi=bow).id


def test_unknown_aoi_is_not_found(geocube):
    id = str(uuid4())
    refused = geocube.refused("GetAOI", id=id)
    assert refused == Refused(StatusCode.NOT_FOUND, f"AOI with id: {id}", "AOI", id, "")
    assert geocube.refused("GetAOI", id="1").code is StatusCode.INVALID_ARGUMENT


def test_crowd_that_creates_one_aoi_gets_one(geocube):
    def create(_):
        try:
            return geocube.ask("CreateAOI", aoi=square()).id
        except grpc.RpcError as error:
            refused = refusal(error)
            assert refused.code is StatusCode.ALREADY_EXISTS
            return refused.name

    with ThreadPoolExecutor(CROWD) as crowd:
        (id,) = set(crowd.map(create, range(CROWD)))
    assert geocube.ask("GetAOI", id=id).aoi == square()


# records: creation


def test_ids_come_in_the_order_of_the_request(geocube):
    aoi_id = geocube.aoi()
    wanted = [new_record(name, aoi_id) for name in ("b", "c", "a")]
    ids = geocube.ask("CreateRecords", records=wanted).ids
    assert names(geocube.ask("GetRecords", ids=ids)) == ["b", "c", "a"]
    assert geocube.ask("CreateRecords").ids == []


def test_known_record_is_refused_with_what_it_is_known_by(geocube):
    aoi_id = geocube.aoi()
    geocube.record("S2/T31", aoi_id, orbit="51", b='say "hi"')
    again = new_record("S2/T31", aoi_id, orbit="51", b='say "hi"')
    refused = geocube.refused("CreateRecords", records=[again])
    known = r'S2/T31, "b"=>"say \"hi\"", "orbit"=>"51", 2024-05-01 00:00:00'
    assert refused.code is StatusCode.ALREADY_EXISTS
    assert (refused.kind, refused.name, refused.owner) == ("Record", known, "")


def test_aoi_is_no_part_of_what_a_record_is_known_by(geocube):
    geocube.record("scene", geocube.aoi(3))
    again = new_record("scene", geocube.aoi(10))
    refused = geocube.refused("CreateRecords", records=[again])
    assert refused.code is StatusCode.ALREADY_EXISTS


def test_name_tags_and_time_each_make_another_record(geocube):
    aoi_id = geocube.aoi()
    wanted = [
        new_record("scene", aoi_id),
        new_record("other", aoi_id),
        new_record("scene", aoi_id, orbit="51"),
        new_record("scene", aoi_id, 2),
    ]
    assert len(set(geocube.ask("CreateRecords", records=wanted).ids)) == 4


@pytest.mark.parametrize("twice", [True, False], ids=["in the batch", "in the index"])
def test_one_double_keeps_the_whole_batch_out(geocube, twice):
    aoi_id = geocube.aoi()
    double, fresh = new_record("double", aoi_id), new_record("fresh", aoi_id)
    batch = [fresh, double, double]
    if not twice:
        geocube.ask("CreateRecords", records=[double])
        batch = [fresh, double]
    refused = geocube.refused("CreateRecords", records=batch)
    assert refused.name == "double, , 2024-05-01 00:00:00"
    assert "fresh" not in names(geocube.ask("ListRecords"))


def test_times_in_one_microsecond_are_one_time(geocube):
    aoi_id = geocube.aoi()
    first = pb.NewRecord(name="a", time=may(1, 1_600), aoi_id=aoi_id)
    geocube.ask("CreateRecords", records=[first])
    (item,) = geocube.ask("ListRecords")
    assert item.record.time == may(1, 2_000)  # to the nearest
    second = pb.NewRecord(name="a", time=may(1, 2_400), aoi_id=aoi_id)
    refused = geocube.refused("CreateRecords", records=[second])
    assert refused.name == "a, , 2024-05-01 00:00:00.000002"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "S2A.SAFE"}, "Invalid Name: S2A.SAFE"),
        ({"name": "a b"}, "Invalid Name"),
        ({"name": "é"}, "Invalid Name"),
        ({"name": "a//b"}, "Invalid Name"),
        ({"name": ""}, "Invalid Name"),
        ({"time": None}, "Invalid time"),
        ({"time": Timestamp(seconds=253_402_300_800)}, "Invalid time"),  # year 10000
        ({"time": Timestamp(nanos=-1)}, "Invalid time"),
        ({"aoi_id": "paris"}, "Invalid AOI uuid"),
        ({"tags": {"a": "b*"}}, "Invalid Tag"),
        ({"tags": {"a?": "b"}}, "Invalid Tag"),
    ],
)
def test_record_that_cannot_be_is_refused(geocube, change, text):
    fields = {"name": "a", "time": may(1), "aoi_id": geocube.aoi(), **change}
    refused = geocube.refused("CreateRecords", records=[pb.NewRecord(**fields)])
    assert refused.code is StatusCode.INVALID_ARGUMENT
    assert text in refused.message


def test_record_of_an_unknown_aoi_is_refused(geocube):
    id = str(uuid4())
    refused = geocube.refused("CreateRecords", records=[new_record("a", id)])
    assert (refused.code, refused.kind, refused.name) == (
        StatusCode.NOT_FOUND,
        "AOI",
        id,
    )


@pytest.mark.parametrize(
    "tags",
    [{"a": ""}, {"": "b"}, {"quote": 'it\'s "so" \\ so'}, {"ciel": "été 空"}],
    ids=["empty value", "empty key", "quotes", "unicode"],
)
def test_tags_come_back_as_they_were_sent(geocube, tags):
    record = pb.NewRecord(name="a", time=may(1), tags=tags, aoi_id=geocube.aoi())
    geocube.ask("CreateRecords", records=[record])
    (item,) = geocube.ask("ListRecords")
    assert item.record.tags == tags


def test_nul_in_a_tag_is_an_error_of_the_database(geocube):
    refused = geocube.refused(
        "CreateRecords", records=[new_record("a", geocube.aoi(), key="a\0b")]
    )
    assert refused.code is StatusCode.UNKNOWN
    assert "[22" in refused.message


def test_record_whose_tags_fill_no_row_is_an_error_of_the_database(geocube):
    # 96 random UUIDs do not compress below a third of a page, 2704 bytes.
    tag = "".join(uuid4().hex for _ in range(192))
    refused = geocube.refused(
        "CreateRecords", records=[new_record("a", geocube.aoi(), key=tag)]
    )
    assert refused.code is StatusCode.UNKNOWN
    assert "[54000]" in refused.message


def test_crowd_that_creates_one_batch_creates_it_once(geocube):
    aoi_id = geocube.aoi()
    batch = [new_record(f"scene-{n}", aoi_id) for n in range(20)]

    def create(number):
        ordered = batch if number % 2 else batch[::-1]
        try:
            geocube.ask("CreateRecords", records=ordered)
        except grpc.RpcError as error:
            return refusal(error).code
        return StatusCode.OK

    with ThreadPoolExecutor(CROWD) as crowd:
        codes = list(crowd.map(create, range(CROWD)))
    assert codes.count(StatusCode.OK) == 1
    assert codes.count(StatusCode.ALREADY_EXISTS) == CROWD - 1
    assert len(geocube.ask("ListRecords")) == 20


# records: reading


def test_records_come_in_the_order_asked_for_and_once(geocube):
    aoi_id = geocube.aoi()
    a, b = geocube.record("a", aoi_id), geocube.record("b", aoi_id)
    found = geocube.ask("GetRecords", ids=[b, a, b])
    assert [item.record.id for item in found] == [b, a]
    assert not found[0].record.HasField("aoi")
    assert found[0].record.aoi_id == aoi_id


def test_one_unknown_record_spoils_the_answer(geocube):
    known, id = geocube.record(), str(uuid4())
    refused = geocube.refused("GetRecords", ids=[known, id])
    assert refused == Refused(
        StatusCode.NOT_FOUND, f"Record with id: {id}", "Record", id, ""
    )
    assert geocube.refused("GetRecords", ids=["x"]).code is StatusCode.INVALID_ARGUMENT


@pytest.fixture
def week(geocube):
    """Seven records, one a day, each one degree further east."""
    for day in range(1, 8):
        aoi_id = geocube.aoi(west=day * 2)
        geocube.record(f"S2_{day}", aoi_id, day, number=str(day), level="L1C")
    return geocube


YEAR_1 = Timestamp(seconds=-62_135_596_800)


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({}, "1234567"),
        ({"name": "S2_3"}, "3"),
        ({"name": "s2_3"}, ""),
        ({"name": "s2_3(?i)"}, "3"),
        ({"name": "S2_*"}, "1234567"),
        ({"name": "?2_4"}, "4"),
        ({"name": "S?3*"}, ""),  # `_` is no wildcard
        ({"name": "S%_3*"}, "3"),  # but beside another one `%` is
        ({"name": "S%_3"}, ""),
        ({"tags": {"number": "5"}}, "5"),
        ({"tags": {"number": ""}}, "1234567"),
        ({"tags": {"other": ""}}, ""),
        ({"tags": {"level": "l1*(?i)", "number": "?"}}, "1234567"),
        ({"tags": {"level": "L1C", "number": "8"}}, ""),
        ({"from_time": may(3), "to_time": may(5)}, "345"),
        ({"from_time": may(6, 1_000)}, "7"),
        ({"from_time": YEAR_1, "to_time": YEAR_1}, "1234567"),
        ({"to_time": Timestamp()}, ""),  # 1970, not "none"
        ({"to_time": Timestamp(nanos=-1)}, "1234567"),
        ({"limit": 3}, "123"),
        ({"limit": 3, "page": 2}, "7"),
        ({"page": 2}, "1234567"),
        ({"aoi": square(4.5, 41.5, 0.1)}, "2"),
        ({"aoi": square(5, 42, 1)}, "23"),  # they touch at a corner
        ({"aoi": square(2, 41, 8), "limit": 2, "page": 1}, "34"),
        ({"aoi": area((2, 43), (16, 43), (16, 44), (2, 43))}, ""),
        ({"aoi": pb.AOI()}, "1234567"),
    ],
    ids=str,
)
def test_list_gives_what_meets_every_condition(week, filters, days):
    found = week.ask("ListRecords", **filters)
    assert "".join(name[-1] for name in names(found)) == days


def test_list_looks_beyond_the_box_of_an_area(week):
    # The triangle's box holds the records' corners, the triangle does not.
    triangle = area((1, 41.5), (1, 60), (16, 60), (1, 41.5))
    assert names(week.ask("ListRecords", aoi=triangle)) == []


def test_list_gives_areas_only_when_asked(week):
    (without,) = week.ask("ListRecords", name="S2_3")
    (with_aoi,) = week.ask("ListRecords", name="S2_3", with_aoi=True)
    assert not without.record.HasField("aoi")
    assert with_aoi.record.aoi == square(6)


@pytest.mark.parametrize(
    ("filters", "code", "text"),
    [
        ({"limit": -1}, StatusCode.UNKNOWN, "[2201W]"),
        ({"aoi": square(179.5)}, StatusCode.INVALID_ARGUMENT, "lon in"),
        ({"aoi": area((0, 0), (1, 0), (1, 1), (0, 1))}, StatusCode.UNKNOWN, "[XX000]"),
    ],
    ids=["negative limit", "not on Earth", "open ring"],
)
def test_list_that_cannot_be_is_refused(geocube, filters, code, text):
    refused = geocube.refused("ListRecords", **filters)
    assert refused.code is code
    assert text in refused.message


# tags


def test_tags_are_added_and_overwritten(geocube):
    id = geocube.record(a="1", b="2")
    unknown = str(uuid4())
    added = geocube.ask("AddRecordsTags", ids=[id, unknown], tags={"b": "3", "c": "*"})
    assert added.nb == 1
    (item,) = geocube.ask("GetRecords", ids=[id])
    assert item.record.tags == {"a": "1", "b": "3", "c": "*"}


def test_added_tag_makes_room_for_a_second_record(geocube):
    aoi_id = geocube.aoi()
    first = geocube.record("a", aoi_id)
    geocube.ask("AddRecordsTags", ids=[first], tags={"processingDate": "2024-05-02"})
    assert geocube.record("a", aoi_id) != first


def test_tag_that_makes_two_records_equal_is_an_error_of_the_database(geocube):
    aoi_id = geocube.aoi()
    geocube.record("a", aoi_id, level="2")
    id = geocube.record("a", aoi_id, level="1")
    refused = geocube.refused("AddRecordsTags", ids=[id], tags={"level": "2"})
    assert refused.code is StatusCode.UNKNOWN
    assert "[23505]" in refused.message


def test_tags_are_taken_away(geocube):
    ids = [geocube.record("a", a="1", b="2"), geocube.record("b", geocube.aoi(9))]
    removed = geocube.ask("RemoveRecordsTags", ids=ids, tagsKey=["a", "z"])
    assert removed.nb == 4  # two records times two keys
    (item,) = geocube.ask("GetRecords", ids=ids[:1])
    assert item.record.tags == {"b": "2"}


@pytest.mark.parametrize(("text", "state"), [("it's", "[42601]"), ('12"', "[XX000]")])
def test_quotes_break_the_tags_of_a_record(geocube, text, state):
    id = geocube.record()
    for method, fields in (
        ("AddRecordsTags", {"tags": {"a": text}}),
        ("AddRecordsTags", {"tags": {text: "a"}}),
        ("RemoveRecordsTags", {"tagsKey": [text]}),
    ):
        refused = geocube.refused(method, ids=[id], **fields)
        assert refused.code is StatusCode.UNKNOWN
        assert state in refused.message


def test_backslash_is_dropped_from_an_added_tag(geocube):
    id = geocube.record()
    geocube.ask("AddRecordsTags", ids=[id], tags={"path": r"C:\data"})
    (item,) = geocube.ask("GetRecords", ids=[id])
    assert item.record.tags == {"path": "C:data"}


@pytest.mark.parametrize(
    "method", ["AddRecordsTags", "RemoveRecordsTags", "DeleteRecords"]
)
def test_id_that_is_no_uuid_is_refused(geocube, method):
    assert geocube.refused(method, ids=["x"]).code is StatusCode.INVALID_ARGUMENT


# deletion


def test_records_are_deleted_and_unknown_ones_ignored(geocube):
    id = geocube.record()
    assert geocube.ask("DeleteRecords", ids=[id, str(uuid4())]).nb == 1
    assert geocube.ask("DeleteRecords", ids=[id]).nb == 0
    assert geocube.ask("DeleteRecords").nb == 0
    assert geocube.ask("ListRecords") == []


def test_record_in_use_keeps_all_of_them(geocube, tmp_path):
    free, used = geocube.record("free"), geocube.record("used", geocube.aoi(9))
    instance = geocube.variable()
    geocube.index(raster(tmp_path / "a.tif"), dataset(used, instance))
    refused = geocube.refused("DeleteRecords", ids=[free, used])
    assert refused == Refused(
        StatusCode.FAILED_PRECONDITION,
        f"records and datasets with id: {used}",
        "datasets",
        used,
        "records",
    )
    assert len(geocube.ask("ListRecords")) == 2


def test_free_records_are_deleted_when_failing_is_not_wanted(geocube, tmp_path):
    free, used = geocube.record("free"), geocube.record("used", geocube.aoi(9))
    instance = geocube.variable()
    geocube.index(raster(tmp_path / "a.tif"), dataset(used, instance))
    assert geocube.ask("DeleteRecords", ids=[free, used], no_fail=True).nb == 1
    assert names(geocube.ask("ListRecords")) == ["used"]
