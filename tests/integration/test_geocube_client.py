# SPDX-License-Identifier: Apache-2.0
"""The client of the Geocube: every call can be repeated, every weakness is met."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from uuid import uuid4

import psycopg
import pytest
import shapely
from grpc import StatusCode

from infra.geocube.client import GeocubeClient
from infra.geocube.containers import Container, Dataset
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.records import NewRecord
from infra.geocube.standin.answers import Refusal, exists, invalid, unknown
from infra.geocube.variables import Variable
from streams.errors import IndexConflict, IndexRefused, IndexUnavailable
from tests.geocube import Faults, empty, new_database, raster, standin

CROWD = 8
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SQUARE = shapely.box(3, 41, 4, 42)
STORED = DataFormat(Dtype.INT16, -1.0, 0.0, 10_000.0)

AWAY = Refusal(StatusCode.UNAVAILABLE, "connection refused")


@pytest.fixture(scope="module")
def server(stack):
    faults = Faults()
    with new_database(stack) as dsn, standin(dsn, interceptors=[faults]) as running:
        yield dsn, running, faults


@pytest.fixture
def dsn(server):
    return server[0]


@pytest.fixture
def faults(server):
    return server[2]


@pytest.fixture
def address(server):
    return server[1].address


@pytest.fixture
def client(dsn, address):
    empty(dsn)
    with GeocubeClient(address) as client:
        yield client


def scene(client, name="scene", time=NOON, **tags):
    return NewRecord(name, time, tags, client.ensure_aoi(SQUARE))


@pytest.fixture
def wanted(client, tmp_path):
    """A file to be indexed."""
    variable = client.ensure_variable(
        Variable("B04", DataFormat(Dtype.FLOAT32, 0, 0, 1))
    )
    instance = client.ensure_instance(variable, "raw")
    (record,) = client.ensure_records([scene(client)])
    dataset = Dataset(record, instance.id, (1,), STORED, 0.0, 1.0)
    return Container(str(raster(tmp_path / "B04.tif")), (dataset,))


# AOI


def test_place_has_one_aoi_however_it_is_written(client, address):
    hole = [(3.4, 41.4), (3.6, 41.4), (3.6, 41.6), (3.4, 41.6)]
    area = shapely.Polygon(SQUARE.exterior, [hole])
    first, *others = SQUARE.exterior.coords[:-1]
    turned = shapely.Polygon([*others, first], [hole[::-1]]).reverse()
    east = shapely.box(10, 41, 11, 42)
    ways = [
        shapely.MultiPolygon([area, east]),
        shapely.MultiPolygon([east, turned]),
        shapely.GeometryCollection([turned, east]),
        shapely.transform(shapely.MultiPolygon([area, east]), lambda c: c + 1e-8),
    ]
    ids = {client.ensure_aoi(way) for way in ways}
    with GeocubeClient(address) as other:  # knows no ids yet
        ids.add(other.ensure_aoi(ways[0]))
    assert len(ids) == 1


def test_id_that_was_never_stored_is_not_believed(client, faults):
    faults.plan("CreateAOI", exists("AOI", "id", str(uuid4())))
    (outcome,) = client.ensure_records([scene(client)])
    assert isinstance(outcome, str)


def test_crowd_has_one_aoi(client):
    with ThreadPoolExecutor(CROWD) as crowd:
        assert len(set(crowd.map(client.ensure_aoi, repeat(SQUARE, CROWD)))) == 1


@pytest.mark.parametrize(
    "footprint",
    [
        shapely.Point(3, 41),
        shapely.Polygon(),
        shapely.box(3, 41, 3, 42),
        shapely.box(3, 41, 4, 91),
        shapely.box(179, 41, 181, 42),
    ],
    ids=str,
)
def test_footprint_that_is_no_area_is_refused(client, footprint):
    with pytest.raises(IndexRefused, match="footprint"):
        client.ensure_aoi(footprint)


# records


def test_records_are_made_once(client):
    wanted = [scene(client, name) for name in ("b", "a", "b")]
    first = client.ensure_records(wanted)
    assert first[0] == first[2] != first[1]
    assert client.ensure_records(wanted) == first


def test_record_is_found_whatever_its_changing_tags(client):
    wanted = scene(client, level="L1C")
    (id,) = client.ensure_records([wanted])
    client.add_tags([id], {"processingDate": "2024-05-02 10:00:00"})
    mutable = frozenset({"processingDate"})
    assert client.ensure_records([wanted], ignoring_tags=mutable) == [id]
    (other,) = client.ensure_records([wanted])
    assert other != id
    # Of the two, the one that was processed is the record.
    assert client.ensure_records([wanted], ignoring_tags=mutable) == [id]


def test_each_record_that_cannot_be_has_its_own_error(client):
    wanted = [
        scene(client, "good"),
        scene(client, "S2A.SAFE"),
        replace(scene(client, "lost"), aoi_id=str(uuid4())),
        scene(client, "long", key="".join(uuid4().hex for _ in range(96))),
        replace(scene(client, "late"), time=NOON.replace(tzinfo=None)),
        scene(client, "fine"),
        scene(client, "wild", key="a*"),
    ]
    outcomes = client.ensure_records(wanted)
    ids = [one for one in outcomes if isinstance(one, str)]
    assert [outcomes.index(id) for id in ids] == [0, 5]
    errors = [one for one in outcomes if not isinstance(one, str)]
    assert all(isinstance(error, IndexRefused) for error in errors)
    for error, text in zip(
        errors, ("'S2A.SAFE'", "AOI", "2704", "no zone", "'*'"), strict=True
    ):
        assert text in str(error)


def test_batch_may_be_larger_than_a_request(client, faults):
    wanted = [
        scene(client, f"scene-{n}", NOON + timedelta(minutes=n)) for n in range(700)
    ]
    known = client.ensure_records(wanted[100:200])
    faults.plan("CreateRecords")
    ids = client.ensure_records(wanted)
    assert len(set(ids)) == 700
    assert ids[100:200] == known
    assert faults.calls["CreateRecords"] == 2


def test_crowd_makes_every_record_once(client):
    wanted = [scene(client, f"scene-{n}") for n in range(30)]

    def ensure(number):
        start = number * 2
        return client.ensure_records(wanted[start:] + wanted[:start])

    with ThreadPoolExecutor(CROWD) as crowd:
        found = list(crowd.map(ensure, range(CROWD)))
    assert len({id for ids in found for id in ids}) == 30


def test_free_records_are_deleted(client, wanted):
    client.index(wanted)
    used = wanted.datasets[0].record_id
    (free,) = client.ensure_records([scene(client, "free")])
    assert client.delete_records([free, used]) == 1


def test_tag_that_would_not_be_stored_as_it_is_stays_here(client, faults):
    (id,) = client.ensure_records([scene(client)])
    faults.plan("AddRecordsTags")
    with pytest.raises(IndexRefused, match="it's"):
        client.add_tags([id], {"a": "it's"})
    assert faults.calls["AddRecordsTags"] == 0


# variables


def test_variable_and_instance_are_made_once(client):
    wanted = Variable("S2/B04", STORED, bands=("a", "b"), unit="1", description="red")
    made = client.ensure_variable(wanted)
    assert replace(made, id="") == wanted
    assert client.ensure_variable(wanted) == made
    raw = client.ensure_instance(made, "raw", {"by": "us"})
    # ... also by one who does not know of it yet.
    assert client.ensure_instance(made, "raw") == raw
    assert client.variable("S2/B04").instances == (raw,)
    assert client.variable_of_instance(raw.id).id == made.id
    assert [one.name for one in client.variables()] == ["S2/B04"]


def test_no_data_of_none_is_the_same_again(client):
    wanted = Variable("a", DataFormat(Dtype.UINT8, float("nan"), 0, 255))
    assert client.ensure_variable(wanted) == client.ensure_variable(wanted)


@pytest.mark.parametrize(
    "change", [{"bands": ("a",)}, {"data_format": replace(STORED, no_data=-2)}]
)
def test_other_variable_of_that_name_is_a_conflict(client, change):
    wanted = Variable("a", STORED)
    client.ensure_variable(wanted)
    with pytest.raises(IndexConflict, match="'a': the index has data format"):
        client.ensure_variable(replace(wanted, **change))


def test_unknown_variable_is_none(client):
    assert client.variable("a") is None
    assert client.variable_of_instance(str(uuid4())) is None


# containers


def test_container_is_indexed_once(client, wanted):
    for _ in range(3):
        client.index(wanted)
    assert client.containers([wanted.uri, "/nowhere"]) == {wanted.uri: wanted}
    (dataset,) = wanted.datasets
    (found,) = client.datasets(dataset.instance_id, [dataset.record_id])
    assert (found.uri, found.dataset, found.record.name) == (
        wanted.uri,
        dataset,
        "scene",
    )
    assert client.datasets(dataset.instance_id, []) == []


def test_conflict_says_both(client, wanted):
    client.index(wanted)
    (dataset,) = wanted.datasets
    other = replace(wanted, datasets=(replace(dataset, real_max_value=2.0),))
    with pytest.raises(IndexConflict) as caught:
        client.index(other)
    assert str(other.datasets[0]) in str(caught.value)
    assert str(dataset) in str(caught.value)


def test_other_shape_of_the_same_file_is_a_conflict(client, wanted, tmp_path):
    client.index(wanted)
    raster(tmp_path / "B04.tif", size=16)
    assert client.containers([wanted.uri]) == {wanted.uri: wanted}  # shows no shape
    with pytest.raises(IndexConflict, match="different shape"):
        client.index(wanted)


def test_container_that_is_being_deleted_is_for_later(client, dsn, wanted):
    client.index(wanted)
    with psycopg.connect(dsn) as connection:
        connection.execute("update geocube.datasets set status = 'TODELETE'")
    with pytest.raises(IndexUnavailable, match="TODELETE"):
        client.index(wanted)


def test_file_that_cannot_be_read_is_asked_for_again(client, wanted, faults):
    faults.plan("IndexDatasets")
    with pytest.raises(IndexUnavailable, match="cannot be opened"):
        client.index(replace(wanted, uri="/nowhere"))
    assert faults.calls["IndexDatasets"] == 4


def test_container_that_somebody_else_registers_is_indexed(client, wanted, faults):
    faults.plan("IndexDatasets", exists("Container", "uri", wanted.uri))
    client.index(wanted)
    assert client.containers([wanted.uri]) == {wanted.uri: wanted}


def test_crowd_indexes_one_dataset(client, wanted):
    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(client.index, repeat(wanted, CROWD)))
    assert client.containers([wanted.uri]) == {wanted.uri: wanted}


def test_datasets_are_deleted_by_uri(client, wanted):
    client.index(wanted)
    assert client.delete_datasets(wanted.uri).state == "DONE"
    assert client.delete_datasets(wanted.uri) is None
    assert client.containers([wanted.uri]) == {}


@pytest.mark.parametrize("pattern", ["", "*", "**", "?*", "*(?i)", "%*"])
def test_whole_catalogue_is_never_deleted(client, wanted, pattern):
    client.index(wanted)
    with pytest.raises(IndexRefused, match="whole catalogue"):
        client.delete_datasets(pattern)
    assert client.containers([wanted.uri])


# the line


@pytest.mark.parametrize(
    "refusal",
    [
        AWAY,
        unknown("too many clients", "53300"),
        invalid("/B04.tif cannot be opened: HTTP 503"),
        Refusal(StatusCode.RESOURCE_EXHAUSTED, "too busy"),
    ],
    ids=str,
)
def test_passing_failure_passes(client, wanted, faults, refusal):
    faults.plan("IndexDatasets", refusal, refusal)
    client.index(wanted)
    assert faults.calls["IndexDatasets"] == 3


@pytest.mark.parametrize(
    "refusal",
    [
        unknown("invalid input syntax for type uuid", "22P02"),
        unknown("index row size exceeds maximum", "54000"),
        unknown("badly formatted storage uri"),
        invalid("Wrong number of bands in dataset"),
        Refusal(
            StatusCode.RESOURCE_EXHAUSTED,
            "grpc: received message larger than max (5 vs. 4)",
        ),
    ],
    ids=str,
)
def test_final_failure_is_not_asked_again(client, wanted, faults, refusal):
    faults.plan("IndexDatasets", refusal)
    with pytest.raises(IndexRefused):
        client.index(wanted)
    assert faults.calls["IndexDatasets"] == 1


def test_lost_answers_change_nothing(client, wanted, faults):
    faults.plan("CreateAOI", AWAY, done=True)
    faults.plan("CreateRecords", AWAY, done=True)
    faults.plan("CreateVariable", AWAY, done=True)
    faults.plan("InstantiateVariable", AWAY, done=True)
    faults.plan("IndexDatasets", AWAY, done=True)
    (dataset,) = wanted.datasets
    aoi = client.ensure_aoi(shapely.box(10, 41, 11, 42))
    (record,) = client.ensure_records([NewRecord("lost", NOON, {}, aoi)])
    variable = client.ensure_variable(Variable("lost", STORED))
    instance = client.ensure_instance(variable, "raw")
    lost = replace(dataset, record_id=record, instance_id=instance.id)
    container = replace(wanted, datasets=(lost,))
    client.index(container)
    assert client.containers([container.uri]) == {container.uri: container}


def test_server_that_is_not_there_is_unavailable():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with (
            GeocubeClient(address, tries=2) as client,
            pytest.raises(IndexUnavailable, match="version"),
        ):
            client.version()


def test_answer_that_is_late_is_unavailable(dsn, address):
    with (
        psycopg.connect(dsn) as holder,
        GeocubeClient(address, timeout_s=0.2, tries=2) as client,
    ):
        holder.execute("lock table geocube.aoi")
        with pytest.raises(IndexUnavailable, match="DEADLINE_EXCEEDED"):
            client.ensure_aoi(SQUARE)


def test_token_is_sent(database):
    with standin(database, token="secret") as running:
        with GeocubeClient(running.address, token="secret") as friend:
            assert friend.version() == "1.0.3"
        with (
            GeocubeClient(running.address, token="other") as stranger,
            pytest.raises(IndexUnavailable, match="INGESTER_GEOCUBE_TOKEN"),
        ):
            stranger.version()
