# SPDX-License-Identifier: Apache-2.0
"""The Geocube as the catalogue and the processor use it: by its entry point."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import shapely
from msgspec import structs

from agents import plugins
from agents.processor.indexer import Entry, TileLayers
from agents.worker.graph.dformat import DataFormat
from infra.geocube.client import GeocubeClient
from infra.geocube.formats import DataFormat as StoredFormat
from infra.geocube.formats import Dtype
from infra.geocube.records import NewRecord
from infra.geocube.variables import Variable
from infra.local import s3
from infra.minio.client import connect
from streams.errors import (
    IndexConflict,
    IndexRefused,
    InvalidRequest,
    PluginError,
)
from streams.model import Layer, LayerTarget, Scene, Tile
from tests.geocube import Geocube, empty, new_database, raster, square, standin

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NAME = "S2A_MSIL1C_20240501T104031_N0510_R008_T32ULC_20240501T124018"
FORMAT = DataFormat("int16", -1, 0, 10_000, 0, 1, 1.5)
UNKNOWN_ID = str(uuid4())


@pytest.fixture(scope="module")
def server(stack):
    options = s3.options(stack.environment())
    with new_database(stack) as dsn, standin(dsn, options) as running:
        yield dsn, running.address


@pytest.fixture
def client(server):
    dsn, address = server
    empty(dsn)
    with GeocubeClient(address) as client:
        yield client


@pytest.fixture
def indexer(client, server):
    made = plugins.make("indexer", "geocube", {"address": server[1]})
    yield made
    made.close()


@pytest.fixture
def instances(client):
    """Ids of instances by name of variable."""
    stored = StoredFormat(Dtype.FLOAT32, 0, 0, 1)
    variables = [client.ensure_variable(Variable(n, stored)) for n in ("B04", "B08")]
    return {one.name: client.ensure_instance(one, "raw").id for one in variables}


def a_scene(name=NAME, footprint="POLYGON ((3 41, 4 41, 4 42, 3 41))", **tags):
    return Scene(name, "sentinel2", NOON, footprint, tags=tags)


def unheard(ids):
    """Nobody asks which records were made."""


@pytest.fixture
def tile_layers(indexer, instances, tmp_path):
    """Two layers of a tile, stored as files; only one has an instance."""
    (record,) = indexer.records([a_scene()], unheard)
    scene = structs.replace(a_scene(), record=record)
    entries = []
    for name in ("B04", "mask"):
        file = raster(tmp_path / f"{name}.tif")
        layer = Layer(name, "tif", f"file://{file}", 1, "00")
        entries.append(Entry(layer, file, 1, FORMAT))
    tile = Tile(NAME, NAME, NOON)
    wanted = {"B04": instances["B04"]}
    return TileLayers("area", tile, scene, wanted, tuple(entries))


# what the catalogue asks


def test_instances_are_found_by_name_and_by_id(indexer, instances):
    found = indexer.instances(
        {
            "red": LayerTarget("B04", "raw"),
            "nir": LayerTarget(instance_id=instances["B08"]),
            "too": LayerTarget("ignored", "ignored", instances["B04"]),
        }
    )
    assert found == {
        "red": instances["B04"],
        "nir": instances["B08"],
        "too": instances["B04"],
    }
    assert indexer.instances({}) == {}


def test_every_layer_without_instance_is_told(indexer, instances):
    targets = {
        "a": LayerTarget("B05", "raw"),
        "b": LayerTarget("B04", "fine"),
        "c": LayerTarget(instance_id=UNKNOWN_ID),
        "d": LayerTarget(instance_id="B04"),
        "e": LayerTarget("B04"),
        "f": LayerTarget("B04", "raw"),
    }
    with pytest.raises(InvalidRequest) as caught:
        indexer.instances(targets)
    b04, b08 = instances["B04"], instances["B08"]
    assert caught.value.problems == (
        "$.layers.a: variable 'B05' is unknown; known: B04, B08",
        "$.layers.b: variable 'B04' has no instance 'fine'; it has: raw",
        f"$.layers.c: instance_id '{UNKNOWN_ID}' is unknown;"
        f" known: B04:raw {b04}, B08:raw {b08}",
        "$.layers.d: instance_id 'B04', expected a UUID in lower case",
        "$.layers.e: variable 'B04' and instance '', expected both, or an instance_id",
    )


def test_empty_index_is_told_to_be_empty(indexer):
    with pytest.raises(InvalidRequest, match="is unknown; known: none"):
        indexer.instances({"a": LayerTarget("B04", "raw")})


def test_record_is_the_scene(indexer, instances, tmp_path, client, server):
    (id,) = indexer.records([a_scene(sourceID=NAME, area="demo")], unheard)
    file = raster(tmp_path / "B04.tif")
    scene = structs.replace(a_scene(), record=id)
    layer = Layer("B04", "tif", str(file), 1, "00")
    indexer.index(
        TileLayers(
            "demo",
            Tile(NAME, NAME, NOON),
            scene,
            instances,
            (Entry(layer, file, 1, FORMAT),),
        )
    )
    (found,) = client.datasets(instances["B04"], [id])
    assert found.record.name == NAME
    assert found.record.time == NOON
    assert found.record.tags == {"sourceID": NAME, "area": "demo"}


def test_records_are_made_once(indexer):
    scenes = [a_scene(), a_scene("other"), a_scene()]
    first = indexer.records(scenes, unheard)
    assert first[0] == first[2] != first[1]
    assert indexer.records(scenes, unheard) == first
    assert indexer.records([], unheard) == []


def test_record_that_was_processed_is_the_scenes(indexer, client):
    (id,) = indexer.records([a_scene()], unheard)
    client.add_tags([id], {"processingDate": "2024-05-02 10:00:00"})
    assert indexer.records([a_scene()], unheard) == [id]


@pytest.mark.parametrize(
    "tags",
    [
        {"uuid": "another", "cloudCoverPercentage": "12", "sourceID": NAME},
        {"previous_scenes": '["a"]', "reference_scenes": "[]"},
    ],
    ids=["another catalogue", "the Go ingester"],
)
def test_record_is_found_whoever_described_its_scene(indexer, client, tags):
    aoi = client.ensure_aoi(shapely.box(3, 41, 4, 42))
    (id,) = client.ensure_records([NewRecord(NAME, NOON, {"area": "x"} | tags, aoi)])
    scene = a_scene(area="x", uuid="ours", orbit="5")
    assert indexer.records([scene], unheard) == [id]
    # What the request asks for tells records apart.
    assert indexer.records([a_scene(area="y")], unheard) != [id]


def test_record_that_lies_elsewhere_is_found_all_the_same(indexer, client):
    aoi = client.ensure_aoi(shapely.box(100, 1, 101, 2))
    (id,) = client.ensure_records([NewRecord(NAME, NOON, {"area": "x"}, aoi)])
    assert indexer.records([a_scene(area="x")], unheard) == [id]


@pytest.mark.parametrize(
    "footprint",
    [
        "POLYGON ((179 41, 181 41, 181 42, 179 42, 179 41))",
        "POLYGON ((179 41, -179 41, -179 42, 179 42, 179 41))",
    ],
    ids=["beyond 180", "the short way"],
)
def test_scene_over_the_180th_meridian_lies_on_both_sides_of_it(
    indexer, server, footprint
):
    (id,) = indexer.records([a_scene(footprint=footprint)], unheard)
    geocube = Geocube(server[1])
    for west, found in ((179.4, [id]), (-179.6, [id]), (0, [])):
        listed = geocube.ask("ListRecords", aoi=square(west, 41.4, 0.2))
        assert [item.record.id for item in listed] == found
    geocube.channel.close()


def test_only_records_that_are_made_are_told(indexer):
    made = []
    (first,) = indexer.records([a_scene()], made.extend)
    assert made == [first]
    found = indexer.records([a_scene(), a_scene("b"), a_scene("S2A.SAFE")], made.extend)
    assert made == [first, found[1]]


def test_removed_records_are_those_in_no_use(indexer, client, tile_layers):
    indexer.index(tile_layers)
    used = tile_layers.scene.record
    (free,) = indexer.records([a_scene("free")], unheard)
    assert indexer.remove([used, free]) == 1
    assert indexer.remove([used, free]) == 0
    assert indexer.remove([]) == 0


def test_scene_without_record_does_not_stop_the_others(indexer):
    scenes = [
        a_scene("good"),
        a_scene("empty", footprint=""),
        a_scene("garbled", footprint="POLYGON 3 41"),
        a_scene("point", footprint="POINT (3 41)"),
        a_scene("sky", footprint="POLYGON ((3 91, 4 91, 4 92, 3 91))"),
        a_scene("S2A.SAFE"),
        a_scene("fine"),
    ]
    outcomes = indexer.records(scenes, unheard)
    for scene, outcome in zip(scenes, outcomes, strict=True):
        if scene.name in ("good", "fine"):
            assert isinstance(outcome, str)
        else:
            assert isinstance(outcome, IndexRefused)
            assert f"'{scene.name}'" in str(outcome)


# what the processor asks


def test_layer_with_an_instance_is_indexed_as_the_graph_says(
    indexer, client, tile_layers, instances, tmp_path
):
    assert list(indexer.index(tile_layers)) == []
    uri = str(tmp_path / "B04.tif")
    (container,) = client.containers([uri]).values()
    (dataset,) = container.datasets
    assert not container.managed
    assert dataset.record_id == tile_layers.scene.record
    assert dataset.instance_id == instances["B04"]
    assert dataset.bands == (1,)
    assert dataset.data_format == StoredFormat(Dtype.INT16, -1, 0, 10_000)
    mapping = (dataset.real_min_value, dataset.real_max_value, dataset.exponent)
    assert mapping == (0, 1, 1.5)
    assert client.containers([str(tmp_path / "mask.tif")]) == {}


def test_same_layers_again_change_nothing(indexer, client, tile_layers, tmp_path):
    indexer.index(tile_layers)
    before = client.containers([str(tmp_path / "B04.tif")])
    indexer.index(tile_layers)
    assert client.containers([str(tmp_path / "B04.tif")]) == before


def test_nothing_is_indexed_without_instances(indexer, client, tile_layers, tmp_path):
    indexer.index(replace(tile_layers, instances={}))
    assert client.containers([str(tmp_path / "B04.tif")]) == {}


def test_object_is_indexed_at_its_uri(
    indexer, client, tile_layers, stack, bucket, tmp_path
):
    uri = f"s3://{bucket}/demo/B04.tif"
    store = connect(s3.options(stack.environment()))
    store.fput_object(bucket, "demo/B04.tif", str(tmp_path / "B04.tif"))
    entry = tile_layers.entries[0]
    entry = replace(entry, layer=structs.replace(entry.layer, uri=uri))
    indexer.index(replace(tile_layers, entries=(entry,)))
    assert list(client.containers([uri])) == [uri]


@pytest.mark.parametrize(
    ("dtype", "stored"), [("", Dtype.INT16), ("uint16", Dtype.INT16)]
)
def test_file_is_believed_for_its_type(
    indexer, client, tile_layers, tmp_path, dtype, stored
):
    entry = tile_layers.entries[0]
    entry = replace(entry, data_format=replace(FORMAT, dtype=dtype, no_data=0))
    indexer.index(replace(tile_layers, entries=(entry,)))
    (container,) = client.containers([str(tmp_path / "B04.tif")]).values()
    assert container.datasets[0].data_format.dtype is stored


def test_layer_of_another_scene_in_its_place_is_a_conflict(indexer, tile_layers):
    """F16, scenario 10: both are told."""
    indexer.index(tile_layers)
    (other,) = indexer.records([a_scene("other")], unheard)
    scene = structs.replace(tile_layers.scene, record=other)
    with pytest.raises(IndexConflict, match="of another record"):
        indexer.index(replace(tile_layers, scene=scene))


def test_scene_without_record_is_refused(indexer, tile_layers):
    scene = structs.replace(tile_layers.scene, record="")
    with pytest.raises(IndexRefused, match=r"layer 'B04'.*has no record"):
        indexer.index(replace(tile_layers, scene=scene))


def test_layer_that_the_index_does_not_take_is_refused(indexer, tile_layers):
    """F17."""
    entry = replace(tile_layers.entries[0], data_format=replace(FORMAT, exponent=0))
    with pytest.raises(IndexRefused, match="exponent"):
        indexer.index(replace(tile_layers, entries=(entry,)))


# the plug-in


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "address '', expected host:port"),
        ({"address": "geocube"}, "address 'geocube'"),
        ({"address": "geocube:8080", "tls": "yes"}, "tls 'yes'"),
    ],
)
def test_wrong_option_is_told(options, text):
    with pytest.raises(PluginError, match=text):
        plugins.make("indexer", "geocube", options)
