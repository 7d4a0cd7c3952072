# SPDX-License-Identifier: Apache-2.0
"""The routes of the Go ingester, asked with curl as its users' scripts do."""

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from agents.gateway.reference.answers import (
    AOI,
    Created,
    Retried,
    StoredScene,
    StoredTile,
    TileJson,
)
from agents.gateway.reference.scene import area_facts
from streams.codec import pack
from streams.topics import TASKS
from tests.areas import a_script
from tests.system import System, wait_for

AREA = "demo-1"
STUCK = "demo_2"
MISSED = "missed-1"
"""Its scene cannot be downloaded."""
SWATH = {"swath_id": "IW1", "tile_nr": 4}

FAILS_WHEN_TOLD = """\
import pathlib, sys
sys.exit(1 if pathlib.Path({switch!r}).exists() else 0)
"""


@dataclass(frozen=True)
class Answer:
    """What curl printed."""

    code: int
    headers: str
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def curl(system: System, method: str, path: str, body: Any = None) -> Answer:
    """One call with the real curl."""
    argv = ["curl", "-sS", "-i", "-X", method]
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        argv += ["-H", "Content-Type: application/json", "-d", text]
    done = subprocess.run(
        [*argv, system.settings.gateway_url + path],
        capture_output=True,
        text=True,
        check=True,
    )
    head, _, rest = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return Answer(int(head.split()[1]), head.lower(), rest)


def a_scene(name: str, day: int, previous: str = "", **changes: Any) -> dict[str, Any]:
    """A scene to ingest, with one tile T, that may follow that of another scene."""
    root = "S1" if previous else ""
    tile = "T" if previous else ""
    return {
        "source_id": name,
        "aoi": AREA,
        "retry_count": 0,
        "data": {
            "date": f"2022-01-0{day}T00:00:00Z",
            "tiles": {"T": SWATH},
            "graph_name": "Pass",
            "graph_config": {"a": "b"},
            "record_id": "rec",
            "instances_id": {"l": "i"},
            "is_retriable": True,
        },
        "tiles": {
            "T": {
                "previous_tile_id": tile,
                "previous_scene_id": previous,
                "reference_tile_id": tile,
                "reference_scene_id": root,
                "data": {**SWATH, "graph_name": "Pass", "is_retriable": True},
            }
        },
    } | changes


def with_graph(scene: dict[str, Any], graph: str, aoi: str) -> dict[str, Any]:
    tile = scene["tiles"]["T"]
    tiles = {"T": {**tile, "data": {**tile["data"], "graph_name": graph}}}
    return {**scene, "aoi": aoi, "tiles": tiles}


@pytest.fixture(scope="module")
def switch(tmp_path_factory):
    """While this file is there, tiles of the second area fail."""
    file = tmp_path_factory.mktemp("switch") / "fail"
    file.touch()
    return file


@pytest.fixture(scope="module")
def running(shared_system, switch):
    """Two areas posted scene by scene and gone through; the second needs somebody."""
    system = shared_system
    graphs = system.folder / "graphs"
    graph = a_script(graphs, "Told", FAILS_WHEN_TOLD.format(switch=str(switch)))
    agents = ("workflow", "projector", "downloader", "processor", "gateway")
    settings = {"downloader_providers": "null", "graph_roots": str(graphs)}
    system.start(*agents, processor_indexers="", **settings)
    for area in (AREA, STUCK):
        assert curl(system, "POST", f"/aoi/{area}").code == 204
    assert curl(system, "POST", f"/aoi/{AREA}/scene", a_scene("S1", 1)).code == 200
    assert (
        curl(system, "POST", f"/aoi/{AREA}/scene", a_scene("S2", 2, "S1")).code == 200
    )
    stuck = with_graph(a_scene("S1", 3), graph, STUCK)
    assert curl(system, "POST", f"/aoi/{STUCK}/scene", stuck).code == 200
    missed = a_scene("S1", 4, aoi=MISSED)
    missed["data"]["graph_name"] = graph
    assert curl(system, "POST", f"/aoi/{MISSED}").code == 204
    assert curl(system, "POST", f"/aoi/{MISSED}/scene", missed).code == 200
    wait_for(lambda: area_status(system, AREA) == "DONE")
    wait_for(lambda: area_status(system, MISSED) == "RETRY")
    wait_for(lambda: area_status(system, STUCK) == "RETRY")
    return system


def area_status(system: System, area: str) -> str:
    (found,) = curl(system, "GET", f"/aoi/{area[:-1]}%3F").json
    return found["status"]


def scenes(system: System, area: str = AREA) -> dict[str, Any]:
    found = curl(system, "GET", f"/aoi/{area}/scenes").json
    return {scene["source_id"]: scene for scene in found}


def tiles(system: System, area: str = AREA) -> list[Any]:
    found = scenes(system, area).values()
    return [
        tile
        for scene in found
        for tile in curl(system, "GET", f"/scene/{scene['id']}/tiles").json
    ]


# -- areas


def test_root_says_that_it_lives(running):
    answer = curl(running, "GET", "/")
    assert (answer.code, answer.body) == (200, "ingester ok")


def test_areas_are_listed_in_order_of_name(running):
    answer = curl(running, "GET", "/aoi/")
    assert answer.code == 200
    assert answer.body.endswith("\n")
    assert answer.json == [
        {"ID": AREA, "status": "DONE"},
        {"ID": STUCK, "status": "RETRY"},
        {"ID": MISSED, "status": "RETRY"},
    ]
    assert all(AOI.model_validate(area, extra="forbid") for area in answer.json)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("demo*", [AREA, STUCK]),
        ("demo?1", [AREA]),
        ("demo_*", [STUCK]),
        ("*%*", []),
        ("DEMO*", []),
    ],
)
def test_areas_are_listed_by_pattern(running, pattern, found):
    answer = curl(running, "GET", f"/aoi/{quote(pattern, safe='*')}")
    assert answer.code == 200
    assert [area["ID"] for area in answer.json] == found


def test_an_area_is_summed_up_as_text(running):
    answer = curl(running, "GET", f"/aoi/{AREA}")
    assert answer.code == 200
    assert "content-type: text/plain" in answer.headers
    assert answer.body == (
        "Scenes:\n  new:     0\n  pending: 0\n  done:    2\n  retry:   0\n"
        "  failed:  0\n  Total:   2\n"
        "Tiles:\n  new:     0\n  pending: 0\n  done:    2\n  retry:   0\n"
        "  failed:  0\n  Total:   2\n"
        "\nRoot tiles : 1\n  From: 2022-01-01\n  To:   2022-01-02\n"
    )


def test_an_unknown_area_is_summed_up_in_zeros(running):
    answer = curl(running, "GET", "/aoi/nowhere")
    assert answer.code == 200
    assert set(re.findall(r": +(\d+)\n", answer.body)) == {"0"}
    assert answer.body.count("Total:   0") == 2
    assert answer.body.endswith("  To:   0001-01-01\n")


def test_an_area_is_created_once(running):
    assert curl(running, "POST", "/aoi/created:1").code == 204
    assert curl(running, "POST", "/aoi/created:1").code == 409
    assert {"ID": "created:1", "status": "NEW"} in curl(running, "GET", "/aoi/*:1").json
    assert curl(running, "DELETE", "/aoi/created:1").code == 204


def test_an_area_with_a_wrong_name_is_not_created(running):
    assert curl(running, "POST", "/aoi/a%20b").code == 400


def test_a_deleted_area_is_not_listed(running):
    assert curl(running, "POST", "/aoi/gone").code == 204
    assert curl(running, "POST", "/aoi/gone/scene", a_scene("S1", 1, aoi="gone")).json
    assert curl(running, "DELETE", "/aoi/gone").code == 204
    assert curl(running, "GET", "/aoi/gone*").json == []
    assert curl(running, "GET", "/aoi/gone/scenes").json == []
    assert "Total:   0" in curl(running, "GET", "/aoi/gone").body
    assert curl(running, "DELETE", "/aoi/gone").code == 204
    assert "final" in curl(running, "POST", "/aoi/gone").json["detail"]


def test_what_a_gateway_left_half_written_is_written_again(running):
    accepted, _ = area_facts("half", "tests", datetime.now(UTC))
    running.write(pack(TASKS.name, "half", accepted))
    wait_for(lambda: curl(running, "GET", "/aoi/half*").json)
    assert curl(running, "POST", "/aoi/half").code == 204
    assert curl(running, "POST", "/aoi/half").code == 409
    assert running.gateway.area("half")["open_ingestions"] == 0
    assert curl(running, "DELETE", "/aoi/half").code == 204


def test_deleting_an_unknown_area_is_harmless(running):
    assert curl(running, "DELETE", "/aoi/never-there").code == 204


# -- scenes


def test_scenes_have_the_members_of_the_reference(running):
    scene = scenes(running)["S1"]
    assert isinstance(scene.pop("id"), int)
    assert scene == {
        "source_id": "S1",
        "aoi": AREA,
        "data": {
            "date": "2022-01-01T00:00:00Z",
            "tiles": {"T": SWATH},
            "graph_name": "Pass",
            "graph_config": {"a": "b"},
            "record_id": "rec",
            "instances_id": {"l": "i"},
            "metadata": None,
            "is_retriable": True,
            "storage_uri": "",
        },
        "status": "DONE",
        "message": "",
        "RetryCountDown": 0,
    }


def test_scenes_are_as_described(running):
    for scene in scenes(running).values():
        StoredScene.model_validate(scene, extra="forbid")
        assert curl(running, "GET", f"/scene/{scene['id']}").json == scene


def test_scenes_of_a_status(running):
    done = curl(running, "GET", f"/aoi/{AREA}/scenes/DONE").json
    assert [scene["source_id"] for scene in done] == ["S1", "S2"]
    assert curl(running, "GET", f"/aoi/{AREA}/scenes/PENDING").json == []
    assert curl(running, "GET", f"/aoi/{AREA}/scenes/done").json == []


def test_scenes_of_a_pattern_name_their_own_area(running):
    found = curl(running, "GET", "/aoi/DEMO*(%3Fi)/scenes").json
    assert {scene["aoi"] for scene in found} == {AREA, STUCK}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("limit=1", ["S1"]),
        ("limit=1&page=1", ["S2"]),
        ("limit=1&page=2", []),
        ("page=1", ["S1", "S2"]),
        ("limit=-1", ["S1", "S2"]),
        ("limit=all", ["S1", "S2"]),
    ],
)
def test_scenes_come_in_pages(running, query, found):
    scenes = curl(running, "GET", f"/aoi/{AREA}/scenes?{query}").json
    assert [scene["source_id"] for scene in scenes] == found


def test_a_scene_that_is_there_answers_with_its_id(running):
    known = scenes(running)["S1"]["id"]
    answer = curl(running, "POST", f"/aoi/{AREA}/scene", a_scene("S1", 1))
    assert (answer.code, answer.json) == (200, {"id": known})
    assert "x-ingester-exists: true" in answer.headers
    Created.model_validate(answer.json, extra="forbid")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{", "JSON"),
        (a_scene("S9", 1, surprise=1), "surprise"),
        (a_scene("S9", 1, id=3), "id"),
        (a_scene("S9", 1, aoi="another"), "aoi"),
        (a_scene("S9", 1, tiles={}), "tiles"),
        (a_scene("S9", 1, tiles={"A": {}, "B": {}}), "same tiles"),
        (a_scene("S9", 3, "S8"), "no tile"),
        (a_scene("S0", 1, "S1"), "not older"),
        (
            a_scene(
                "S9",
                3,
                tiles={"T": {"previous_tile_id": "T", "previous_scene_id": "S1"}},
            ),
            "previous and reference",
        ),
    ],
)
def test_a_scene_that_cannot_be_ingested_is_refused(running, body, problem):
    answer = curl(running, "POST", f"/aoi/{AREA}/scene", body)
    assert answer.code == 400
    assert problem in answer.json["detail"]


def test_a_scene_of_an_unknown_area_is_refused(running):
    body = a_scene("S1", 1, aoi="nowhere")
    assert curl(running, "POST", "/aoi/nowhere/scene", body).code == 404


@pytest.mark.parametrize("kind", ["scene", "tile"])
def test_ids_are_numbers_that_are_known(running, kind):
    assert curl(running, "GET", f"/{kind}/one").code == 400
    assert curl(running, "GET", f"/{kind}/0").code == 404
    assert curl(running, "PUT", f"/{kind}/one/retry").code == 400
    assert curl(running, "PUT", f"/{kind}/0/retry").code == 403
    assert curl(running, "PUT", f"/{kind}/0/force/NONE").code == 400


def test_no_tile_belongs_to_an_unknown_scene(running):
    assert curl(running, "GET", "/scene/0/tiles").json == []


# -- tiles


def test_tiles_have_the_members_of_the_reference(running):
    known = scenes(running)
    first, second = tiles(running)
    tile = curl(running, "GET", f"/tile/{second['id']}").json
    StoredTile.model_validate(tile, extra="forbid")
    scene = known["S2"]
    wanted = ("id", "source_id", "aoi", "data")
    assert tile.pop("scene") == {name: scene[name] for name in wanted}
    assert tile == {
        "id": second["id"],
        "source_id": "T",
        "data": {**SWATH, "graph_name": "Pass", "is_retriable": True},
        "status": "DONE",
        "message": "",
        "PreviousID": first["id"],
        "ReferenceID": first["id"],
        "RetryCountDown": 0,
    }
    assert (first["PreviousID"], first["ReferenceID"]) == (None, None)


def test_tiles_of_a_list_have_only_the_ids_of_their_scenes(running):
    known = scenes(running)["S1"]["id"]
    tile = tiles(running)[0]
    StoredTile.model_validate(tile, extra="forbid")
    assert tile["scene"]["id"] == known
    assert tile["scene"]["data"]["date"] == "0001-01-01T00:00:00Z"


def test_tiles_of_a_status(running):
    done = curl(running, "GET", f"/aoi/{AREA}/tiles/DONE").json
    assert {tile["id"] for tile in done} == {tile["id"] for tile in tiles(running)}
    assert curl(running, "GET", f"/aoi/{AREA}/tiles/NEW").json == []


def test_ends_of_the_chains(running):
    first, second = tiles(running)
    (root,) = curl(running, "GET", f"/aoi/{AREA}/roottiles").json
    (leaf,) = curl(running, "GET", f"/aoi/{AREA}/leaftiles").json
    assert (root["id"], leaf["id"]) == (first["id"], second["id"])
    assert root["scene"]["source_id"] == "S1"
    for tile in (root, leaf):
        TileJson.model_validate(tile, extra="forbid")


def test_graph_is_dot_with_its_name_quoted(running):
    answer = curl(running, "GET", f"/aoi/{AREA}/dot")
    s1, s2 = (scene["id"] for scene in scenes(running).values())
    t1, t2 = (tile["id"] for tile in tiles(running))
    name, nodes, edges = parsed(answer.body)
    assert name == AREA
    assert nodes == {
        f"s{s1}": {"shape": "box", "label": f"S1\\n(id={s1})", "color": "green"},
        f"s{s2}": {"shape": "box", "label": f"S2\\n(id={s2})", "color": "green"},
        f"t{t1}": {"label": f"T\\n(id={t1})", "color": "green"},
        f"t{t2}": {"label": f"T\\n(id={t2})", "color": "green"},
    }
    assert edges == {
        (f"s{s1}", f"t{t1}"): {"color": "gray"},
        (f"s{s2}", f"t{t2}"): {"color": "gray"},
        (f"t{t1}", f"t{t2}"): {},
    }


def test_graph_of_an_unknown_area_is_empty(running):
    assert parsed(curl(running, "GET", "/aoi/nowhere/dot").body) == ("nowhere", {}, {})


def parsed(dot: str) -> tuple[str, dict[str, Any], dict[Any, Any]]:
    """Name, nodes and edges of the plain DOT that we write; nothing may be left."""
    attribute = r'\w+=(?:"(?:[^"\\]|\\.)*"|\w+)'
    list_of = rf"(?: \[({attribute}(?:,{attribute})*)\])?;"
    head = re.match(r'digraph "((?:[^"\\]|\\.)*)" \{\n', dot)
    assert head
    nodes, edges = {}, {}
    for line in dot[head.end() :].removesuffix("}\n").splitlines():
        match = re.fullmatch(rf"  (\w+)(?: -> (\w+))?{list_of}", line)
        assert match, line
        pairs = re.findall(attribute, match[3] or "")
        look = {k: v.strip('"') for k, _, v in (pair.partition("=") for pair in pairs)}
        if match[2]:
            edges[match[1], match[2]] = look
        else:
            nodes[match[1]] = look
    return head[1], nodes, edges


# -- what operators do


def test_data_is_not_edited(running):
    scene, tile = scenes(running)["S1"], tiles(running)[0]
    for path, data in (
        (f"/scene/{scene['id']}/data", scene["data"]),
        (f"/tile/{tile['id']}/data", tile["data"]),
    ):
        assert curl(running, "PUT", path, data).code == 204
        answer = curl(running, "PUT", path, {**data, "graph_name": "Other"})
        assert answer.code == 409
        assert "fact" in answer.json["detail"]
        assert curl(running, "PUT", path, "{").code == 400


def test_done_is_final(running):
    scene = scenes(running)["S1"]["id"]
    for wish in ("retry", "fail", "force/pending", "force/NEW"):
        answer = curl(running, "PUT", f"/scene/{scene}/{wish}")
        assert answer.code == 403
        assert answer.json["detail"]


def test_nothing_to_retry_is_no_content(running):
    assert curl(running, "PUT", f"/aoi/{AREA}/retry").code == 204
    assert curl(running, "PUT", "/aoi/nowhere/retry").code == 204


def test_a_scene_is_retried_given_up_and_forced_with_its_tile(running):
    scene = scenes(running, MISSED)["S1"]["id"]
    (tile,) = tiles(running, MISSED)

    def status(kind="scene", id=scene) -> str:
        return curl(running, "GET", f"/{kind}/{id}").json["status"]

    assert curl(running, "PUT", f"/scene/{scene}/retry").code == 200
    wait_for(lambda: status() == "RETRY")
    assert curl(running, "PUT", f"/scene/{scene}/fail").code == 200
    assert (status(), status("tile", tile["id"])) == ("FAILED", "FAILED")
    assert curl(running, "PUT", f"/scene/{scene}/force/PENDING").code == 200
    wait_for(lambda: status() == "RETRY")
    assert status("tile", tile["id"]) == "NEW"
    assert curl(running, "PUT", f"/tile/{tile['id']}/force/FAILED").code == 200
    assert status("tile", tile["id"]) == "FAILED"
    assert curl(running, "PUT", f"/scene/{scene}/force/FAILED").code == 200
    assert status() == "FAILED"
    assert area_status(running, MISSED) == "FAILED"


def test_a_tile_is_retried_forced_and_given_up(running, switch):
    (tile,) = tiles(running, STUCK)
    assert tile["status"] == "RETRY"
    assert tile["message"]

    def status() -> str:
        return curl(running, "GET", f"/tile/{tile['id']}").json["status"]

    answer = curl(running, "PUT", f"/aoi/{STUCK}/retry")
    assert (answer.code, answer.json) == (200, {"Scenes": 0, "Tiles": 1})
    Retried.model_validate(answer.json, extra="forbid")
    wait_for(lambda: status() == "RETRY")
    assert curl(running, "PUT", f"/tile/{tile['id']}/retry").code == 200
    wait_for(lambda: status() == "RETRY")
    assert curl(running, "PUT", f"/tile/{tile['id']}/fail").code == 200
    assert status() == "FAILED"
    assert area_status(running, STUCK) == "DONE"
    switch.unlink()
    answer = curl(running, "PUT", f"/aoi/{STUCK}/retry/force")
    assert (answer.code, answer.json) == (200, {"Scenes": 0, "Tiles": 1})
    wait_for(lambda: status() == "DONE")


# -- what is not there


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/aoi/demo-1", 405),
        ("GET", "/scene/1/retry", 405),
        ("POST", "/tile/1/fail", 405),
    ],
)
def test_other_paths_and_methods_are_not_served(running, method, path, code):
    assert curl(running, method, path).code == code
