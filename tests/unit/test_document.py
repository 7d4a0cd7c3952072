# SPDX-License-Identifier: Apache-2.0
"""Scenes and tiles as GeoJSON: written, read back, respelled, and wrong."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely
from msgspec import structs

from streams.chains import Chain
from streams.document import Listed, encoded, instant, linked, scenes_document
from streams.errors import InvalidRequest
from streams.model import Part, Scene, Settings, Tile
from streams.payload import read_payload
from streams.posted import read_document
from streams.spelling import as_in_2022
from tests.areas import a_request

PAYLOADS = Path(__file__).parents[3] / "shared" / "data" / "payloads"

recorded = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason=f"no recorded payloads in {PAYLOADS}"
)

AREA = "demo"
REQUEST = a_request(AREA, record_tags={"area": "Denmark"})
NEVER = datetime(1, 1, 1, tzinfo=UTC)
DAY = datetime(2022, 1, 11, 17, 1, 24, 370000, tzinfo=UTC)
WKT = "POLYGON ((9 54, 11 54, 11 56, 9 56, 9 54))"
BURST = "POLYGON ((9 54, 10 54, 10 55, 9 55, 9 54))"
NOTHING = Settings("", "")


def a_tile(scene, name="IW1_1", date=DAY, cell="c1", footprint=BURST):
    return Tile(name, scene, date, cell, "IW1", 4, footprint, 8951)


def a_listing(days=3):
    """Scenes of one tile each, twelve days apart, in one cell."""
    dates = [DAY + timedelta(days=12 * n) for n in range(days)]
    return [
        Listed(
            Scene(f"s{n}", "", date, WKT, metadata={"uuid": f"u{n}"}, tags={"k": "v"}),
            (a_tile(f"s{n}", date=date),),
        )
        for n, date in enumerate(dates)
    ]


def a_document(listed=None, settings=NOTHING):
    listed = a_listing() if listed is None else listed
    tiles = [tile for one in listed for tile in one.tiles]
    return scenes_document(AREA, settings, listed, linked(AREA, tiles))


def read(document, request=REQUEST):
    return read_document(json.dumps(document), request)


def problems(document, request=REQUEST):
    with pytest.raises(InvalidRequest) as caught:
        read(document, request)
    return list(caught.value.problems)


# -- written


def test_document_has_the_members_of_the_go_ingester():
    scene = Scene("a", "", NEVER, WKT)
    burst = Tile("A44_IW1_4655", "b", NEVER, footprint=BURST)
    listed = [
        Listed(scene),
        Listed(structs.replace(scene, name="b"), (burst,)),
        Listed(scene),
    ]
    document = scenes_document(AREA, NOTHING, listed)
    assert document.keys() == {"type", "features"}
    first, second, third = document["features"]
    assert [feature["id"] for feature in document["features"]] == [0, 1, 2]
    assert first["geometry"]["type"] == third["geometry"]["type"] == "Polygon"
    assert second["geometry"]["type"] == "MultiPolygon"
    assert len(second["geometry"]["coordinates"]) == 2
    assert [*first["properties"]] == ["aoi", "data", "id", "source_id", "tags", "wkt"]
    assert first["properties"]["data"] == {
        "date": "0001-01-01T00:00:00Z",
        "graph_name": "",
        "graph_config": None,
        "record_id": "",
        "metadata": None,
        "is_retriable": False,
        "storage_uri": "",
    }
    (tile,) = second["properties"]["tiles"]
    assert (tile["Date"], tile["anx_time"], tile["previous"]) == (
        "0001-01-01T00:00:00Z",
        0,
        None,
    )


def test_tiles_are_linked_as_the_log_would_link_them():
    features = a_document()["features"]
    tiles = [feature["properties"]["tiles"][0] for feature in features]
    first = {"SourceID": "IW1_1", "SceneID": "s0", "Date": "2022-01-11T17:01:24.37Z"}
    assert [tile["reference"] for tile in tiles] == [None, first, first]
    assert [(tile["previous"] or {}).get("SceneID") for tile in tiles] == [
        None,
        "s0",
        "s1",
    ]


def test_late_tiles_are_linked_into_the_chain_that_is_there():
    old = [(DAY + timedelta(days=d), f"{AREA}/o{d}/t") for d in (0, 24)]
    chain = Chain(tuple(old), root=old[0])
    between = a_tile("between", date=DAY + timedelta(days=12))
    before = a_tile("before", date=DAY - timedelta(days=12))
    found = linked(AREA, [between, before], {"c1": chain})
    root = old[0]
    assert found[f"{AREA}/between/IW1_1"] == (root, root)
    # Older than the settled root: a side branch that hangs on it.
    assert found[f"{AREA}/before/IW1_1"] == (root, root)


def test_whole_scenes_are_drawn_once():
    listed = [Listed(Scene("a", "", DAY, WKT), (a_tile("a", footprint=""),))]
    (feature,) = a_document(listed)["features"]
    assert feature["geometry"]["type"] == "Polygon"
    assert feature["properties"]["tiles"][0]["wkt"] == WKT


def test_scenes_over_the_180th_meridian_are_drawn_on_both_sides_of_it():
    wkt = "POLYGON ((179 41, 181 41, 181 42, 179 42, 179 41))"
    listed = [Listed(Scene("a", "", DAY, wkt), (a_tile("a", footprint=""),))]
    document = a_document(listed)
    drawn = shapely.from_geojson(encoded(document)).geoms[0]
    assert drawn.bounds == (-180, 41, 180, 42)
    assert drawn.area == pytest.approx(2)
    assert read(document).scenes[0].footprint == wkt


def test_document_is_geojson_for_others():
    drawn = shapely.from_geojson(encoded(a_document()))
    assert [part.geom_type for part in drawn.geoms] == ["MultiPolygon"] * 3


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "24Z"), (370000, "24.37Z"), (1, "24.000001Z"), (100000, "24.1Z")],
)
def test_times_are_written_as_go_writes_them(microsecond, text):
    assert instant(DAY.replace(microsecond=microsecond)).endswith(f":{text}")


# -- read back


def test_document_comes_back_as_it_was():
    settings = Settings("A", "B", {"k": "v"}, retriable=True, storage_uri="/data")
    listed = a_listing()
    found = read(a_document(listed, settings))
    part = Part("IW1_1", "IW1", 4, BURST, 8951)
    assert list(found.scenes) == [one.scene.with_parts((part,)) for one in listed]
    assert set(found.cells.values()) == {"c1"}
    request = found.over(REQUEST)
    assert (request.scene_graph, request.tile_graph) == ("A", "B")
    assert request.graph_config == {"k": "v"}
    assert (request.retriable, request.storage_uri) == (True, "/data")


def test_scenes_without_tiles_leave_these_to_the_catalogue():
    listed = [replace(one, tiles=()) for one in a_listing()]
    found = read(a_document(listed))
    assert not found.has_tiles
    assert found.over(REQUEST).tile_graph == REQUEST.tile_graph


def test_scene_whose_tiles_were_all_taken_out_is_left_out_and_said():
    document = a_document()
    scene = document["features"][1]["properties"]
    scene["tiles"], scene["data"]["tiles"] = [], {}
    found = read(document)
    assert [s.name for s in found.scenes] == ["s0", "s2"]
    assert found.left_out[0].scene == "s1"


def test_times_of_other_zones_are_the_same_instants():
    document = a_document()
    for feature in document["features"]:
        data = feature["properties"]["data"]
        data["date"] = data["date"].replace("T17:", "T18:").replace("Z", "+01:00")
    assert read(document) == read(a_document())


def test_document_of_no_scenes_is_one():
    assert read({"type": "FeatureCollection", "features": []}).scenes == ()


def test_objects_that_a_map_program_made_texts_are_read():
    document = a_document()
    for feature in document["features"]:
        for name in ("data", "tags", "tiles"):
            feature["properties"][name] = json.dumps(feature["properties"][name])
    assert read(document) == read(a_document())


def test_geometry_that_was_moved_on_the_map_does_not_count():
    document = a_document()
    document["features"][0]["geometry"] = None
    assert read(document) == read(a_document())


def test_cells_that_nobody_tells_follow_the_links():
    document = a_document()
    for feature in document["features"]:
        for tile in feature["properties"]["tiles"]:
            del tile["cell"]
    document["features"][2]["properties"]["tiles"][0]["SourceID"] = "IW1_2"
    data = document["features"][2]["properties"]["data"]
    data["tiles"] = {"IW1_2": data["tiles"]["IW1_1"]}
    # Named after its first tile, whatever the later ones are called.
    assert set(read(document).cells.values()) == {"IW1_1"}


# -- wrong


def edit(path, value):
    """A change of the second scene."""

    def change(document):
        node = document["features"][1]["properties"]
        *parents, last = path
        for key in parents:
            node = node[key]
        node[last] = value

    return change


EDITS = {
    "date": (
        edit(["data", "date"], "yesterday"),
        "$.features[1].properties.data.date: ",
        '"yesterday"',
    ),
    "date without zone": (
        edit(["data", "date"], "2022-01-01T00:00:00"),
        "$.features[1].properties.data.date: ",
        "timezone",
    ),
    "unknown member": (
        edit(["colour"], "red"),
        "$.features[1].properties.colour: ",
        "source_id",
    ),
    "unknown member of a tile": (
        edit(["tiles", 0, "swath"], "IW1"),
        "$.features[1].properties.tiles[0].swath: ",
        "anx_time",
    ),
    "outline": (
        edit(["wkt"], "POINT (1 2)"),
        "$.features[1].properties.wkt: ",
        "POLYG",
    ),
    "outline off the Earth": (
        edit(["wkt"], "POLYGON ((9 94, 11 94, 11 96, 9 94))"),
        "$.features[1].properties.wkt: ",
        "±90",
    ),
    "outline of a tile": (
        edit(["tiles", 0, "wkt"], "POLYGON ((9"),
        "$.features[1].properties.tiles[0].wkt: ",
        "POLYGON",
    ),
    "name": (
        edit(["source_id"], "a/b"),
        "$.features[1].properties.source_id: ",
        '"a/b"',
    ),
    "name of another": (
        edit(["source_id"], "s0"),
        "$.features[1].properties.source_id: ",
        "features[0]",
    ),
    "area": (edit(["aoi"], "other"), "$.features[1].properties.aoi: ", "'demo'"),
    "tag of the request": (
        edit(["tags", "area"], "Sweden"),
        "$.features[1].properties.tags.area: ",
        "'Denmark'",
    ),
    "wild tag": (
        edit(["tags", "k"], "a*"),
        "$.features[1].properties.tags.k: ",
        "'*'",
    ),
    "root of the layers": (
        edit(["data", "storage_uri"], "ftp://x"),
        "$.features[1].properties.data.storage_uri: ",
        "s3://bucket/prefix",
    ),
    "graph of one scene": (
        edit(["data", "graph_name"], "Other"),
        "$.features[1].properties.data.graph_name: ",
        "post the others apart",
    ),
    "graph of one tile": (
        edit(["tiles", 0, "data", "graph_name"], "Other"),
        "$.features[1].properties.tiles[0].data.graph_name: ",
        "as the first tile",
    ),
    "retriable tile": (
        edit(["tiles", 0, "data", "is_retriable"], True),
        "$.features[1].properties.tiles[0].data.is_retriable: ",
        "as its scene",
    ),
    "number of a tile": (
        edit(["tiles", 0, "data", "tile_nr"], 5),
        "$.features[1].properties.tiles[0].data: ",
        "as in data.tiles",
    ),
    "time since the node": (
        edit(["tiles", 0, "anx_time"], 60_000),
        "$.features[1].properties.tiles[0].anx_time: ",
        "60000",
    ),
    "scene of a tile": (
        edit(["tiles", 0, "SceneID"], "s0"),
        "$.features[1].properties.tiles[0].SceneID: ",
        "'s1'",
    ),
    "date of a tile": (
        edit(["tiles", 0, "Date"], "2020-01-01T00:00:00Z"),
        "$.features[1].properties.tiles[0].Date: ",
        "its scene's",
    ),
    "tile gone": (
        edit(["tiles"], [a_document()["features"][1]["properties"]["tiles"][0]] * 2),
        "$.features[1].properties.tiles[1].SourceID: ",
        "twice",
    ),
    "tiles that differ": (
        edit(["data", "tiles"], {"X": {"swath_id": "IW1", "tile_nr": 4}}),
        "$.features[1].properties.tiles: ",
        "same tiles",
    ),
    "cell": (
        edit(["tiles", 0, "cell"], "c9"),
        "$.features[1].properties.tiles[0].previous: ",
        "'c9'",
    ),
    "previous of itself": (
        edit(["tiles", 0, "previous", "SceneID"], "s1"),
        "$.features[1].properties.tiles[0].previous: ",
        "an earlier scene",
    ),
}


@pytest.mark.parametrize("wrong", EDITS)
def test_bad_edit_is_told_with_its_place_its_value_and_what_is_allowed(wrong):
    change, path, allowed = EDITS[wrong]
    document = a_document()
    change(document)
    assert any(p.startswith(path) and allowed in p for p in problems(document))


def test_every_bad_edit_is_told_at_once():
    document = a_document()
    EDITS["area"][0](document)
    EDITS["wild tag"][0](document)
    assert len(problems(document)) == 2


def test_endless_problems_are_counted():
    document = a_document(a_listing(80))
    for feature in document["features"]:
        feature["properties"]["aoi"] = "other"
    assert len(problems(document)) == 51
    assert problems(document)[-1] == "and 30 more"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"type": "FeatureCollection"}'])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(InvalidRequest, match="scenes document"):
        read_document(text, REQUEST)


# -- the recorded answers


def respelled(name):
    """A recorded answer, and what we make of the same scenes and tiles."""
    request = read_payload(
        (PAYLOADS / "DenmarkDemoS1.json").read_bytes(), request="r", by="tests"
    )
    answer = json.loads((PAYLOADS / name).read_text())
    found = read_document(json.dumps(answer), request)
    request = found.over(request)
    settings = Settings(request.scene_graph, request.tile_graph, request.graph_config)
    listed = [Listed(scene, _tiles(scene, found.cells)) for scene in found.scenes]
    tiles = [tile for one in listed for tile in one.tiles]
    document = scenes_document(
        request.name, settings, listed, linked(request.name, tiles)
    )
    return answer, as_in_2022(document)


def _tiles(scene, cells):
    return tuple(
        Tile(
            part.tile,
            scene.name,
            scene.date,
            cells[scene.name, part.tile],
            part.swath,
            part.number,
            part.footprint,
            part.anx_time,
        )
        for part in scene.parts
    )


def _by_date(document):
    """Its scenes; lists of tiles came in any order then."""
    scenes = [feature["properties"] for feature in document["features"]]
    for scene in scenes:
        if scene["Tiles"]:
            scene["Tiles"].sort(key=lambda tile: tile["SourceID"])
    return sorted(scenes, key=lambda scene: scene["data"]["date"])


@recorded
@pytest.mark.parametrize(
    "name", ["denmark-s1-scenes-response.json", "denmark-s1-tiles-response.json"]
)
def test_recorded_answers_are_reproduced(name):
    theirs, ours = respelled(name)
    assert _by_date(theirs) == _by_date(ours)
    drawn = {f["properties"]["source_id"]: f["geometry"] for f in theirs["features"]}
    for feature in json.loads(encoded(ours))["features"]:
        geometry = drawn[feature["properties"]["source_id"]]
        assert feature["geometry"]["type"] == geometry["type"]
        parts = feature["geometry"]["coordinates"]
        assert sorted(map(str, parts)) == sorted(map(str, geometry["coordinates"]))
