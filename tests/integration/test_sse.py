# SPDX-License-Identifier: Apache-2.0
"""Following an area with server-sent events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3

from streams.events import AreaPaused, AreaResumed
from tests.areas import an_area, facts
from tests.system import wait_for

CLIENTS = 3


@pytest.fixture(scope="module")
def serving(shared_system):
    """An area that waits for workers that are not there."""
    shared_system.start("projector", "gateway", gateway_events_clients=str(CLIENTS))
    for name in ("one", "other"):
        shared_system.write(*an_area(name, 2))
    wait_for(lambda: len(shared_system.gateway.areas()) == 2)
    wait_for(lambda: (shared_system.gateway.area("one") or {}).get("state") == "active")
    wait_for(lambda: shared_system.gateway.area("other")["downloads"]["pending"] == 2)
    wait_for(lambda: shared_system.gateway.area("one")["downloads"]["pending"] == 2)
    return shared_system


@contextmanager
def following(system: Any, area: str, **headers: str) -> Iterator[Any]:
    """The open stream of an area."""
    answer = urllib3.request(
        "GET",
        f"{system.settings.gateway_url}/areas/{area}/events",
        headers=headers,
        preload_content=False,
        timeout=60,
    )
    try:
        yield answer
    finally:
        answer.close()


def events(answer: Any) -> Iterator[dict[str, str]]:
    """The events of a stream as they come; comments are left out."""
    fields: dict[str, str] = {}
    for line in iter(lambda: answer.readline().decode(), ""):
        name, _, value = line.rstrip("\n").partition(": ")
        if name and value and not line.startswith(":"):
            fields[name] = value
        elif not name:
            if "data" in fields:
                yield fields
            fields = {}


def steer(system: Any, area: str, *wishes: type) -> None:
    system.write(*facts([wish(area, "tests", "") for wish in wishes]))


def test_a_client_gets_a_snapshot_at_once(serving):
    with following(serving, "one") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event = next(events(answer))
    assert event["event"] == "progress"
    data = json.loads(event["data"])
    assert (data["name"], data["downloads"]["pending"]) == ("one", 2)
    assert data["progress"]["total"] == 4


def test_a_client_gets_what_changes(serving):
    with following(serving, "one") as answer:
        coming = events(answer)
        assert json.loads(next(coming)["data"])["state"] == "active"
        steer(serving, "one", AreaPaused)
        assert json.loads(next(coming)["data"])["state"] == "paused"
        steer(serving, "one", AreaResumed)
        assert json.loads(next(coming)["data"])["state"] == "active"


def test_a_client_is_not_told_of_other_areas(serving):
    with following(serving, "one") as answer:
        coming = events(answer)
        first = next(coming)
        steer(serving, "other", AreaPaused, AreaResumed)
        steer(serving, "one", AreaPaused)
        second = json.loads(next(coming)["data"])
        assert (second["name"], second["state"]) == ("one", "paused")
        assert json.loads(first["data"])["state"] == "active"
    steer(serving, "one", AreaResumed)
    wait_for(lambda: serving.gateway.area("one")["state"] == "active")


def test_a_client_that_comes_back_is_not_told_again(serving):
    with following(serving, "one") as answer:
        known = next(events(answer))["id"]
    with following(serving, "one", **{"Last-Event-ID": known}) as answer:
        steer(serving, "one", AreaPaused)
        assert json.loads(next(events(answer))["data"])["state"] == "paused"
    with following(serving, "one", **{"Last-Event-ID": known}) as answer:
        assert json.loads(next(events(answer))["data"])["state"] == "paused"
    steer(serving, "one", AreaResumed)
    wait_for(lambda: serving.gateway.area("one")["state"] == "active")


def test_an_unknown_area_cannot_be_followed(serving):
    with following(serving, "none") as answer:
        assert answer.status == 404


def test_too_many_clients_are_asked_to_come_back(serving):
    with (
        following(serving, "one") as a,
        following(serving, "one") as b,
        following(serving, "other") as c,
    ):
        assert all(next(events(answer)) for answer in (a, b, c))
        with following(serving, "one") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"]

    def has_room() -> bool:
        with following(serving, "one") as answer:
            return answer.status == 200

    wait_for(has_room)


def test_streams_end_when_the_gateway_stops(serving):
    gateway = next(p for p in serving.processes if p.name == "gateway")
    with following(serving, "one") as answer:
        coming = events(answer)
        assert next(coming)
        gateway.stop()
        assert list(coming) == []
    serving.processes.remove(gateway)
    assert not gateway.says("Traceback")
