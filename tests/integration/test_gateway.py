# SPDX-License-Identifier: Apache-2.0
"""The gateway over HTTP: areas, tasks, STAC, health; errors that say what is wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pystac_client
import pytest
import urllib3

from agents.worker.equipment import open_stores
from streams.events import IngestionRefused, ProcessDone
from streams.model import Action, Layer
from tests.areas import SQUARE, an_area, facts
from tests.system import System, wait_for
from tests.tables import wait_until_ended

AREA = "demo"
SCENES = 5


@pytest.fixture
def served(system):
    """Areas `demo`, downloaded and processed, and `refused`; behind a gateway."""
    system.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "null"
    system.start("workflow", "downloader", "processor", "projector", "gateway")
    refused = IngestionRefused("refused", "i9", ("no such graph",), "me")
    system.write(*facts([refused]), *an_area(AREA, SCENES, cells=1))
    wait_until_ended(system, AREA)
    return system


def get(system: System, path: str) -> tuple[int, Any]:
    url = system.environment["INGESTER_GATEWAY_URL"] + path
    answer = urllib3.request("GET", url)
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.status, json.loads(answer.data) if is_json else answer.data.decode()


def test_areas_and_tasks_are_served_and_paged(served):
    status, area = get(served, f"/areas/{AREA}")
    assert (status, area["status"]) == (200, "done")
    assert area["processes"]["done"] == SCENES
    assert [a["name"] for a in get(served, "/areas")[1]] == [AREA]

    pages, after = [], ""
    while after is not None:
        query = f"/areas/{AREA}/tasks?limit=3&kind=PROCESS&after={after}"
        _, page = get(served, query)
        pages.append([task["id"] for task in page["tasks"]])
        after = page["next"]
    assert [len(page) for page in pages] == [3, 2]
    assert [task for page in pages for task in page] == [
        f"{AREA}/s{n:03}/t{n:03}" for n in range(SCENES)
    ]
    assert get(served, f"/areas/{AREA}/tasks?status=failed")[1]["tasks"] == []

    _, task = get(served, f"/tasks/{AREA}/s001/t001")
    assert (task["status"], task["attempt"]) == ("done", 1)
    assert task["previous"] == f"{AREA}/s000/t000"
    _, refused = get(served, "/areas/refused")
    assert refused["status"] == "refused"
    assert refused["refusals"][0]["problems"] == ["no such graph"]
    check_what_is_wrong_is_said(served)
    check_health_and_pages(served)


WRONG = {
    "/areas/nosuch": (404, "nosuch"),
    "/tasks/demo/s999": (404, "demo/s999"),
    "/stac/collections/nosuch": (404, "nosuch"),
    f"/stac/collections/{AREA}/items/nosuch": (404, "nosuch"),
    f"/areas/{AREA}/tasks?limit=0": (422, "limit"),
    f"/areas/{AREA}/tasks?limit=5000": (422, "limit"),
    f"/areas/{AREA}/tasks?status=finished": (422, "status"),
    f"/stac/collections/{AREA}/items?limit=x": (422, "limit"),
    "/nosuch": (404, "Not Found"),
}


def check_what_is_wrong_is_said(system: System) -> None:
    for path, (status, word) in WRONG.items():
        found, body = get(system, path)
        assert found == status, path
        assert word in json.dumps(body["detail"]), path


def check_health_and_pages(system: System) -> None:
    assert get(system, "/healthz") == (200, "alive\n")
    assert "process_cpu_seconds_total" in get(system, "/metrics")[1]
    assert get(system, "/docs")[0] == 200
    paths = get(system, "/openapi.json")[1]["paths"]
    assert {"/areas", "/areas/{name}", "/tasks/{task}", "/stac"} <= paths.keys()


def an_item(number: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"s{number:03}",
        "geometry": SQUARE,
        "bbox": [9, 55, 10, 56],
        "properties": {"datetime": datetime(2023, 1, 1, tzinfo=UTC).isoformat()},
        "links": [],
        "assets": {},
    }


@pytest.fixture
def described(system, tmp_path):
    """An area whose processed tiles have STAC items in the object store."""
    store = open_stores(system.settings)
    done = []
    for number in range(SCENES):
        item = an_item(number)
        file = tmp_path / f"{item['id']}.json"
        file.write_text(json.dumps(item))
        uri = f"{system.settings.storage_uri}/{AREA}/{file.name}"
        size, digest = store.put(uri, file)
        layer = Layer(item["id"], "json", uri, size, digest, Action.DESCRIBE)
        task = f"{AREA}/s{number:03}/t{number:03}"
        done.append(ProcessDone(AREA, task, 1, "w", (layer,)))
    system.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "null"
    system.start("workflow", "downloader", "projector", "gateway")
    system.write(*an_area(AREA, SCENES, cells=SCENES))
    wait_for(lambda: len(system.replayed().outgoing) >= 2 * SCENES, every_s=0.5)
    system.write(*facts(done))
    wait_until_ended(system, AREA)
    return system


@pytest.mark.filterwarnings("ignore::pystac_client.warnings.PystacClientWarning")
def test_stac_client_reads_the_indexed_tiles(described):
    url = described.environment["INGESTER_GATEWAY_URL"]
    client = pystac_client.Client.open(f"{url}/stac")
    (collection,) = client.get_collections()
    assert collection.id == AREA
    items = list(collection.get_items())
    assert sorted(item.id for item in items) == [f"s{n:03}" for n in range(SCENES)]
    assert client.get_collection(AREA).get_item("s003").id == "s003"
    # A page at a time gives the same.
    path = f"/stac/collections/{AREA}/items?limit=2"
    seen = []
    while path:
        _, page = get(described, path)
        seen += [feature["id"] for feature in page["features"]]
        following = [e["href"] for e in page["links"] if e["rel"] == "next"]
        path = following[0].removeprefix(url) if following else ""
    assert seen == sorted(item.id for item in items)
    assert {e["rel"] for e in page["links"]} >= {"self", "root"}
