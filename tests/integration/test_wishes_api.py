# SPDX-License-Identifier: Apache-2.0
"""Wishes over HTTP, answered with what the fold made of them; lists and lives."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import urllib3

from streams.events import (
    DownloadDone,
    DownloadFailed,
    IngestionAccepted,
    IngestionListed,
    IngestionRefused,
    TaskCreated,
)
from streams.failures import Failure
from streams.model import Delivery, Kind, Part, Scene, Settings, Tile
from tests.areas import ORIGIN, facts
from tests.system import System, wait_for

SCENES = 4


def an_area(name: str) -> list[Any]:
    """Facts of an area of one chain: the first scene is there, the others failed."""
    settings = Settings("Pass", "Pass")
    tasks, reports = [], []
    for number in range(SCENES):
        date = ORIGIN + timedelta(days=number)
        scene = Scene(f"s{number}_{name}", "landsat", date, parts=(Part("t"),))
        task = f"{name}/{scene.name}"
        tasks += [
            TaskCreated(name, task, Kind.DOWNLOAD, "i1", scene=scene),
            TaskCreated(
                name,
                f"{task}/t",
                Kind.PROCESS,
                "i1",
                tile=Tile("t", scene.name, date, "c"),
            ),
        ]
        reports.append(
            DownloadFailed(name, task, 1, "w1", Failure.STEP_FATAL, f"no {number}")
            if number
            else DownloadDone(name, task, 1, "w1", "local", (Delivery("t"),))
        )
    return [
        IngestionAccepted(name, "i1", settings, "{}", ORIGIN, ORIGIN, "tests"),
        *tasks,
        IngestionListed(name, "i1", SCENES, SCENES),
        *reports,
    ]


@pytest.fixture(scope="module")
def serving(shared_system):
    """The fold, the read model and the gateway; no worker."""
    shared_system.start("workflow", "projector", "gateway")
    return shared_system


@pytest.fixture
def area(serving, request):
    """An area of its own, projected."""
    name = f"a{abs(hash(request.node.nodeid))}"
    serving.write(*facts(an_area(name)))

    def projected() -> bool:
        found = serving.gateway.area(name)
        return bool(found) and found["downloads"]["failed"] == SCENES - 1

    wait_for(projected)
    return name


def call(
    system: System, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    answer = urllib3.request(
        method,
        system.settings.gateway_url + path,
        json=body,
        timeout=60,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return answer.status, json.loads(answer.data)


def first(area: str) -> str:
    return f"{area}/s0_{area}"


# -- wishes


def test_a_granted_wish_is_seen_by_who_asked(serving, area):
    task = f"{first(area)}/t"
    body = {"wish": "fail", "why": "cloudy"}
    code, answer = call(
        serving, "POST", f"/tasks/{task}/wishes", body, X_Ingester_By="ann"
    )
    assert (code, answer["granted"], answer["reason"]) == (200, True, "")
    _, found = call(serving, "GET", f"/tasks/{task}")
    assert found["status"] == "failed"
    (wish,) = found["wishes"]
    assert wish["id"] == answer["id"]
    assert (wish["wish"], wish["by"], wish["why"]) == ("fail", "ann", "cloudy")


def test_a_refused_wish_says_why(serving, area):
    path = f"/tasks/{first(area)}/wishes"
    code, answer = call(serving, "POST", path, {"wish": "retry"})
    assert (code, answer["granted"]) == (409, False)
    assert answer["reason"] == "cannot retry a task that is done; expected retry"


def test_a_wish_about_an_older_attempt_is_refused(serving, area):
    path = f"/tasks/{first(area)}/t/wishes"
    code, answer = call(serving, "POST", path, {"wish": "fail", "attempt": 0})
    assert code == 409
    assert "you saw attempt 0" in answer["reason"]


def test_a_wish_that_is_not_projected_in_time_is_accepted(serving, area):
    projector = next(p for p in serving.processes if p.name == "projector")
    projector.stop()
    serving.processes.remove(projector)
    try:
        path = f"/areas/{area}/wishes"
        code, answer = call(serving, "POST", path, {"wish": "pause"})
        assert (code, answer["granted"]) == (202, None)
    finally:
        serving.start("projector")
    wait_for(lambda: serving.gateway.area(area)["state"] == "paused")


def test_an_area_is_paused_limited_resumed_and_cancelled(serving, area):
    path = f"/areas/{area}/wishes"
    for wish, state in (("pause", "paused"), ("resume", "active")):
        assert call(serving, "POST", path, {"wish": wish})[0] == 200
        assert serving.gateway.area(area)["state"] == state
    limits = {"wish": "limit", "limits": {"downloads": 3, "processes": 0}}
    assert call(serving, "POST", path, limits | {"priority": 2})[0] == 200
    row = serving.table()[area]
    assert (row.limits.downloads, row.limits.priority) == (3, 2)
    assert call(serving, "POST", path, {"wish": "cancel"})[0] == 200
    code, answer = call(serving, "POST", path, {"wish": "resume"})
    assert (code, answer["granted"]) == (409, False)
    assert "final" in answer["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {"wish": "explode"},
        {"wish": "force"},
        {"wish": "force", "status": "gone"},
        {"wish": "retry", "wy": "typo"},
        {"wish": "retry", "why": "a\0b"},
        {"wish": "retry", "attempt": 1 << 40},
    ],
)
def test_a_wish_that_cannot_be_understood_is_not_written(serving, area, body):
    before = len(serving.records("ingester.tasks"))
    assert call(serving, "POST", f"/tasks/{first(area)}/wishes", body)[0] == 422
    assert len(serving.records("ingester.tasks")) == before


def test_wishes_about_what_is_not_there_are_not_found(serving):
    for path in ("/tasks/none/s/wishes", "/areas/none/wishes", "/areas/n/tasks/wishes"):
        wish = "pause" if path.startswith("/areas/none") else "retry"
        assert call(serving, "POST", path, {"wish": wish})[0] == 404


# -- many tasks at once


def test_many_tasks_are_counted_before_they_are_asked_for(serving, area):
    path = f"/areas/{area}/tasks/wishes"
    body = {"wish": "reopen", "preview": True}
    assert call(serving, "POST", path, body) == (
        200,
        {"matched": SCENES - 1, "granted": 0, "refused": [], "unknown": 0},
    )
    assert serving.gateway.area(area)["downloads"]["failed"] == SCENES - 1


def test_many_failed_scenes_are_reopened_with_their_tiles(serving, area):
    code, answer = call(
        serving, "POST", f"/areas/{area}/tasks/wishes", {"wish": "reopen"}
    )
    assert (code, answer["granted"], answer["refused"]) == (200, SCENES - 1, [])
    found = serving.gateway.area(area)
    assert (found["downloads"]["failed"], found["processes"]["failed"]) == (0, 0)


@pytest.mark.parametrize(
    ("filters", "matched"),
    [
        ({"cause": "STEP_FATAL"}, 3),
        ({"cause": "LOST"}, 0),
        ({"pattern": "s1_*"}, 1),
        ({"text": "NO 2"}, 1),
        ({"text": "NO%2"}, 0),
        ({"kind": "DOWNLOAD"}, 3),
        ({"status": "retry"}, 0),
        ({"wish": "fail", "kind": "PROCESS"}, 1),
        ({"standing": "failed"}, 3),
        ({"standing": "retry"}, 0),
        ({"wish": "force", "status": "pending"}, 7),
        ({"wish": "force", "status": "pending", "standing": "pending"}, 1),
        ({"wish": "force", "status": "done", "standing": "failed"}, 0),
    ],
)
def test_many_tasks_are_filtered(serving, area, filters, matched):
    body = {"wish": "reopen", "preview": True} | filters
    _, answer = call(serving, "POST", f"/areas/{area}/tasks/wishes", body)
    assert answer["matched"] == matched


def test_many_tasks_are_asked_for_in_turns(serving, area):
    path = f"/areas/{area}/tasks/wishes"
    body = {"wish": "reopen", "kind": "DOWNLOAD", "limit": 2}
    found = [call(serving, "POST", path, body)[1] for _ in range(3)]
    assert [(f["matched"], f["granted"]) for f in found] == [(3, 2), (1, 1), (0, 0)]


# -- lists


def test_tasks_come_in_pages_with_links(serving, area):
    path, seen = f"/areas/{area}/tasks?limit=3&kind=DOWNLOAD", []
    while path:
        answer = urllib3.request("GET", serving.settings.gateway_url + path)
        page = answer.json()
        seen += [task["id"] for task in page["tasks"]]
        assert page["total"] == int(answer.headers["X-Total-Count"]) == SCENES
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(page["next"])
        url = urlsplit(link.partition(">")[0].lstrip("<"))
        path = f"{url.path}?{url.query}" if link else ""
    assert seen == [f"{area}/s{number}_{area}" for number in range(SCENES)]


def test_areas_come_in_pages(serving, area):
    code, found = call(serving, "GET", f"/areas?pattern={area[:-2]}*")
    assert code == 200
    assert area in [row["name"] for row in found]
    assert call(serving, "GET", "/areas?limit=1&after=zzz") == (200, [])


def test_an_area_is_summed_up_in_numbers(serving, area):
    _, found = call(serving, "GET", f"/areas/{area}")
    assert found["status"] == "running"
    # 4 scenes and 3 tiles ended of 8 tasks
    assert found["progress"]["percentage"] == 87.5
    assert found["oldest_pending"]["id"] == f"{first(area)}/t"
    (cause,) = found["failures"]
    assert (cause["failure"], cause["tasks"]) == ("STEP_FATAL", SCENES - 1)


def test_an_area_whose_only_request_was_refused_is_summed_up_too(serving):
    refused = IngestionRefused("wrong", "i1", ("no such graph",), "tests")
    serving.write(*facts([refused]))
    found = wait_for(lambda: serving.gateway.area("wrong"))
    assert (found["status"], found["progress"]["total"]) == ("refused", 0)
    assert found["refusals"][0]["problems"] == ["no such graph"]
    shown = serving.command("status", "wrong")
    assert shown.returncode == 0, shown.stderr
    assert "no such graph" in shown.stdout


def test_products_are_found_in_every_area(serving, area):
    for product in (f"s1_{area}", f"s1_{area}.SAFE", f"?1_{area}"):
        _, found = call(serving, "GET", f"/search?product={quote(product)}")
        assert found["total"] == 2
        assert {task["scene"] for task in found["tasks"]} == {f"s1_{area}"}


def test_chains_are_in_order_of_acquisition(serving, area):
    _, found = call(serving, "GET", f"/areas/{area}/chains")
    assert (found["total"], found["next"]) == (1, None)
    (chain,) = found["chains"]
    assert chain["cell"] == "c"
    scenes = [tile["scene"] for tile in chain["tiles"]]
    assert scenes == [f"s{number}_{area}" for number in range(SCENES)]


def test_a_task_shows_its_life(serving, area):
    _, found = call(serving, "GET", f"/tasks/{area}/s1_{area}")
    (attempt,) = found["attempts"]
    assert (attempt["outcome"], attempt["failure"]) == ("failed", "STEP_FATAL")
    assert found["layers"] == found["wishes"] == []
