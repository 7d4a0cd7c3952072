# SPDX-License-Identifier: Apache-2.0
"""The catalogue over HTTP: inventories, edited documents, ingestions of them."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from agents.worker.equipment import open_stores
from streams.model import InventoryState
from streams.orders import IngestionRequest, InventoryProgress
from streams.topics import INVENTORY_PROGRESS, REQUESTS, TASKS
from tests.areas import a_document, a_record
from tests.landsat import make_product
from tests.system import System, wait_for

DAYS = ("20230502", "20230518", "20230603")
NAMES = [f"LC08_L1TP_196021_{day}_{day}_02_T1" for day in DAYS]
WORLD = {
    "type": "Polygon",
    "coordinates": [[[8, 54], [11, 54], [11, 57], [8, 57], [8, 54]]],
}


@pytest.fixture(scope="module")
def served(shared_system):
    """A catalogue with three scenes of one place, behind a gateway."""
    system = shared_system
    for name in NAMES:
        make_product(system.folder / "products", name, ["B1"])
    system.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "null"
    system.start("catalogue", "workflow", "projector", "gateway")
    return system


def an_area(name: str, **changes: Any) -> dict[str, Any]:
    return a_document(name, geometry=WORLD, **changes)


def ask(
    system: System, path: str, method: str = "POST", **arguments: Any
) -> tuple[int, Any, Any]:
    url = system.environment["INGESTER_GATEWAY_URL"] + path
    answer = urllib3.request(method, url, timeout=60, retries=False, **arguments)
    is_json = "json" in answer.headers.get("content-type", "")
    body = json.loads(answer.data) if is_json else answer.data.decode()
    return answer.status, body, answer.headers


def post(system: System, path: str, **fields: Any) -> tuple[int, Any]:
    """Answer to a JSON body of fields."""
    status, body, _ = ask(system, path, json=fields)
    return status, body


def names(document: dict[str, Any]) -> list[str]:
    return [feature["properties"]["source_id"] for feature in document["features"]]


def requests(system: System) -> list[IngestionRequest]:
    return [envelope.message for envelope in system.messages(REQUESTS.name)]


def stop(system: System, name: str) -> None:
    """Stop the agent of this name, kindly."""
    (running,) = [p for p in system.processes if p.name == name]
    running.stop()
    system.processes.remove(running)


# -- fields


def _multipart(area: str) -> dict[str, Any]:
    return {"fields": {"area": ("payload.json", area, "application/octet-stream")}}


def _urlencoded(area: str) -> dict[str, Any]:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return {"body": urlencode({"area": area}), "headers": kind}


WAYS = {
    "multipart": lambda area: _multipart(area),
    "url-encoded": lambda area: _urlencoded(area),
    "JSON of fields": lambda area: {"json": {"area": json.loads(area)}},
    "JSON of the area": lambda area: {"json": json.loads(area)},
    "plain JSON": lambda area: {"body": area},
}


@pytest.mark.parametrize("way", WAYS)
def test_area_is_taken_however_it_is_sent(served, way):
    area = json.dumps(an_area("ways", limit=1))
    status, document, headers = ask(served, "/catalog/scenes", **WAYS[way](area))
    assert (status, names(document)) == (200, NAMES[:1])
    assert document["properties"] == {"next": "true"}
    assert headers["Content-Type"] == "application/geo+json"


def test_area_may_stand_in_the_query_and_be_asked_for(served):
    query = urlencode({"area": json.dumps(an_area("query")), "page": 1, "limit": 2})
    status, document, _ = ask(served, f"/catalog/scenes?{query}", "GET")
    assert (status, names(document)) == (200, NAMES[2:])
    assert document["properties"] == {"next": "false"}


def test_what_is_wrong_is_told_with_its_path(served):
    area = an_area("wrong", tile_graph_name="NoSuch")
    area["scene_type"] = {"constellation": "landsat", "parameters": {"cloudd": "1"}}
    status, body = post(served, "/catalog/aoi", area=area)
    assert status == 400
    said = " ".join(body["detail"])
    assert "$.scene_type.parameters.cloudd" in said
    assert "cloudcoverpercentage" in said
    assert "$.tile_graph_name" in said
    # Without any graph scenes can be looked for all the same.
    status, body = post(served, "/catalog/scenes", area=area)
    assert (status, len(body["detail"])) == (400, 1)
    assert post(served, "/catalog/scenes", scenes={})[0] == 400
    assert "area" in post(served, "/catalog/scenes", scenes={})[1]["detail"]
    status, body, _ = ask(served, "/catalog/tiles", json={"area": an_area("wrong")})
    assert (status, "scenes" in body["detail"]) == (400, True)
    status, body, _ = ask(served, "/catalog/scenes", body="<area/>")
    assert (status, "expected JSON" in body["detail"]) == (400, True)


# -- scenes, tiles, plan


def test_edited_scenes_go_from_step_to_step_and_are_ingested(served):
    area = an_area("steps", record_tags={"source": "test"})
    _, scenes = post(served, "/catalog/scenes", area=area)
    assert names(scenes) == NAMES
    scenes["features"].pop(1)
    scenes["features"][0]["properties"]["tags"]["mine"] = "yes"

    status, tiles = post(served, "/catalog/tiles", area=area, scenes=scenes)
    assert (status, names(tiles)) == (200, [NAMES[0], NAMES[2]])
    assert "properties" not in tiles
    (tile,) = tiles["features"][1]["properties"]["tiles"]
    assert tile["previous"]["SceneID"] == tile["reference"]["SceneID"] == NAMES[0]

    _, plan = post(served, "/catalog/plan", area=area, tiles=tiles)
    assert plan["plan"]["estimate"]["processes"] == 2
    (chain,) = plan["plan"]["chains"]
    assert [tile["scene"] for tile in chain["tiles"]] == [NAMES[0], NAMES[2]]
    # So far nothing was written that anybody acts on.
    assert "steps" not in {request.name for request in requests(served)}

    status, answer, headers = ask(
        served, "/catalog/aoi", json={"area": area, "tiles": tiles}
    )
    assert (status, answer["area"]) == (202, "steps")
    assert headers["Location"] == "/areas/steps"
    found = wait_for(lambda: _listed(served, answer["request"]))
    assert found.scenes == found.tiles == 2
    created = [
        e.message.scene
        for e in served.messages(TASKS.name)
        if e.message.area == "steps" and getattr(e.message, "scene", None)
    ]
    assert [scene.name for scene in created] == [NAMES[0], NAMES[2]]
    assert created[0].tags["mine"] == "yes"
    assert created[0].tags["source"] == "test"


def _listed(system: System, request: str) -> Any:
    facts = (envelope.message for envelope in system.messages(TASKS.name))
    ours = (f for f in facts if getattr(f, "ingestion", "") == request)
    return next((f for f in ours if type(f).__name__ == "IngestionListed"), None)


def test_plan_knows_the_tiles_that_are_there(served):
    area = an_area("again")
    _, answer = post(served, "/catalog/aoi", area=area | {"limit": 2})
    wait_for(lambda: _listed(served, answer["request"]))
    wait_for(lambda: _projected(served, "again", 2))
    _, plan = post(served, "/catalog/plan", area=area)
    size = sum(f.stat().st_size for f in _product(served, NAMES[2]).iterdir())
    assert plan["plan"]["estimate"] == {
        "downloads": 1,
        "processes": 1,
        "known_tiles": 2,
        "longest_chain": 1,
        "download_bytes": size,
        "unsized": 0,
    }
    # One new scene alone is linked to what is there.
    _, scenes = post(served, "/catalog/scenes", area=area)
    scenes["features"] = scenes["features"][2:]
    _, tiles = post(served, "/catalog/tiles", area=area, scenes=scenes)
    (tile,) = tiles["features"][0]["properties"]["tiles"]
    assert tile["previous"]["SceneID"] == NAMES[1]
    assert tile["reference"]["SceneID"] == NAMES[0]


def _product(system: System, name: str) -> Path:
    return system.folder / "products" / name


def _projected(system: System, area: str, tiles: int) -> bool:
    found = system.gateway.area(area)
    return found is not None and sum(found["processes"].values()) == tiles


def test_members_may_be_spelled_as_in_2022(served):
    area = an_area("old")
    _, scenes = post(served, "/catalog/scenes?spelling=2022", area=area)
    properties = scenes["features"][0]["properties"]
    assert {"GeometryWKT", "Tags", "Tiles"} <= properties.keys()
    status, tiles = post(
        served, "/catalog/tiles?spelling=2022", area=area, scenes=scenes
    )
    assert status == 200
    assert tiles["features"][2]["properties"]["Tiles"][0]["Previous"] is not None


# -- bad edits


def test_bad_edits_are_told_and_change_nothing(served):
    area = an_area("edited")
    _, tiles = post(
        served,
        "/catalog/tiles",
        area=area,
        scenes=post(served, "/catalog/scenes", area=area)[1],
    )
    before = len(served.records(REQUESTS.name)), _documents(served)
    tiles["features"][1]["properties"]["data"]["date"] = "yesterday"
    tiles["features"][2]["properties"]["tiles"][0]["anx_time"] = -1
    for path in ("/catalog/aoi", "/catalog/plan"):
        status, body = post(served, path, area=area, tiles=tiles)
        assert status == 400
        first, second = body["detail"]
        assert first.startswith("$.features[1].properties.data.date: ")
        assert '"yesterday"' in first
        assert second.startswith("$.features[2].properties.tiles[0].anx_time: ")
    assert (len(served.records(REQUESTS.name)), _documents(served)) == before


def _documents(system: System) -> int:
    prefix = f"{system.settings.storage_uri}/.documents/"
    return len(list(open_stores(system.settings).list(prefix)))


def test_product_of_another_sensor_is_refused_before_it_is_ingested(served):
    area = an_area("foreign")
    _, scenes = post(served, "/catalog/scenes", area=area)
    scenes["features"][0]["properties"]["source_id"] = "S2A_of_something"
    before = len(served.records(REQUESTS.name))
    status, body = post(served, "/catalog/aoi", area=area, scenes=scenes)
    assert status == 400
    assert body["detail"] == [
        "$.features[0].properties.source_id: 'S2A_of_something', "
        "expected a product of landsat"
    ]
    assert len(served.records(REQUESTS.name)) == before


def test_scenes_are_no_tiles(served):
    area = an_area("untiled")
    _, scenes = post(served, "/catalog/scenes", area=area)
    status, body = post(served, "/catalog/aoi", area=area, tiles=scenes)
    assert (status, "post it as 'scenes'" in body["detail"][0]) == (400, True)


def test_same_key_is_the_same_ingestion(served):
    body = {"json": {"area": an_area("once")}, "headers": {"Idempotency-Key": "k1"}}
    first = ask(served, "/catalog/aoi", **body)[1]["request"]
    assert ask(served, "/catalog/aoi", **body)[1]["request"] == first
    other = {**body, "headers": {"Idempotency-Key": "k2"}}
    assert ask(served, "/catalog/aoi", **other)[1]["request"] != first


# -- inventories that last


def test_inventory_is_fetched_later_under_its_id(served):
    area = an_area("later")
    status, waiting, headers = ask(
        served,
        "/catalog/scenes",
        json={"area": area},
        headers={"Prefer": "respond-async"},
    )
    assert status == 202
    assert waiting["state"] in ("WAITING", "RUNNING", "DONE")
    place = headers["Location"]

    def done() -> Any:
        found = ask(served, place, "GET")[1]
        return found if found["state"] == "DONE" else None

    found = wait_for(done)
    assert (found["scenes"], found["problems"]) == (3, [])
    status, document, _ = ask(served, found["document"], "GET")
    assert (status, names(document)) == (200, NAMES)
    # Another gateway, or this one after a restart, knows it too.
    stop(served, "gateway")
    served.start("gateway")
    assert wait_for(lambda: ask(served, place, "GET")[0] == 200)
    assert ask(served, found["document"], "GET")[1] == document


def test_inventory_waits_for_a_catalogue_that_is_away(served):
    stop(served, "catalogue")
    arguments = {"json": {"area": an_area("away")}, "headers": {"Prefer": "wait=1"}}
    status, waiting, headers = ask(served, "/catalog/scenes", **arguments)
    assert (status, waiting["state"]) == (202, "WAITING")
    served.start("catalogue")
    place = f"{headers['Location']}/document"
    wait_for(lambda: ask(served, place, "GET")[0] == 200)
    assert names(ask(served, place, "GET")[1]) == NAMES


def test_unknown_inventory_is_not_found(served):
    for path in ("/catalog/inventories/nosuch", "/catalog/inventories/nosuch/document"):
        status, body, _ = ask(served, path, "GET")
        assert (status, "nosuch" in body["detail"]) == (404, True)


def test_inventory_that_fails_says_so(served):
    failed = InventoryProgress("f1", InventoryState.FAILED, problems=("no answer",))
    late = InventoryProgress("f1", InventoryState.RUNNING)
    served.write(*(a_record(INVENTORY_PROGRESS.name, m) for m in (failed, late)))
    path = "/catalog/inventories/f1"
    wait_for(lambda: ask(served, path, "GET")[0] == 200)
    assert ask(served, path, "GET")[1]["state"] == "FAILED"
    assert ask(served, f"{path}/document", "GET")[:2] == (
        503,
        {"detail": ["no answer"]},
    )


PAYLOADS = Path(__file__).parents[3] / "shared" / "data" / "payloads"


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=f"no recorded payloads in {PAYLOADS}")
@pytest.mark.parametrize(
    "name", ["DenmarkDemoS2", "DenmarkDemoLandsat", "DenmarkDemoS1"]
)
def test_payloads_of_the_go_ingester_are_taken_as_they_are(served, name):
    payload = (PAYLOADS / f"{name}.json").read_text()
    status, answer, _ = ask(served, "/catalog/scenes", **_multipart(payload))
    assert status == 200, answer
    assert answer["type"] == "FeatureCollection"
    status, answer, _ = ask(served, "/catalog/plan", **_multipart(payload))
    assert status == 200, answer


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=f"no recorded payloads in {PAYLOADS}")
def test_recorded_answers_are_taken_back(served):
    area = json.loads((PAYLOADS / "DenmarkDemoS1.json").read_text())
    recorded = json.loads((PAYLOADS / "denmark-s1-tiles-response.json").read_text())
    status, plan = post(served, "/catalog/plan", area=area, tiles=recorded)
    assert status == 200, plan
    chains = {c["cell"]: len(c["tiles"]) for c in plan["plan"]["chains"]}
    assert chains == {"A44_IW1_8951": 3, "A44_IW1_8979": 3, "A44_IW1_9007": 3}
    status, answer = post(served, "/catalog/aoi", area=area, tiles=recorded)
    assert status == 202, answer
    found = wait_for(lambda: _listed(served, answer["request"]))
    assert (found.scenes, found.tiles) == (3, 9)
    wait_for(lambda: _projected(served, "DenmarkDemo", 9))
    roots = ask(served, "/aoi/DenmarkDemo/roottiles", "GET")[1]
    assert {tile["source_id"] for tile in roots} == set(chains)
