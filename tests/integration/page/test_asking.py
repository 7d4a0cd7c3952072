# SPDX-License-Identifier: Apache-2.0
"""The form of the operator's page: what is read from files, and what is asked for."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from streams.events import IngestionAccepted
from streams.model import Settings
from streams.orders import IngestionRequest
from streams.payload import read_payload
from streams.topics import REQUESTS
from tests.areas import SQUARE, a_document, a_record, a_request, facts
from tests.system import System, wait_for

ELSEWHERE = {
    "type": "Polygon",
    "coordinates": [[[20, 45], [21, 45], [21, 46], [20, 45]]],
}
EVERYTHING = {
    "end_time": "2023-12-31T23:59:59.999Z",
    "scene_type": {
        "constellation": "sentinel1",
        "parameters": {"orbitdirection": "ASCENDING", "relativeorbitnumber": "44"},
    },
    "graph_config": {"bands": "B02,B03", "empty": ""},
    "layers": {
        "B02": {"instance_id": "abc"},
        "B03": {"variable": "red", "instance": "raw"},
    },
    "record_tags": {"source": "tests"},
    "annotations_urls": ["s3://annotations/{SCENE}", "file:///annotations"],
    "is_retriable": True,
    "retry_count": 4,
    "page": 1,
    "limit": 20,
    "storage_uri": "s3://elsewhere/prefix",
    "searches": ["stac", "local"],
    "chain": False,
    "cells": "none",
    "versions": "all",
    "priority": -2,
    "limits": {"downloads": 3, "processes": 7},
}


@pytest.fixture(scope="module")
def serving(shared_system: System) -> System:
    """The read model and who shows it; requests are published, nobody takes them."""
    shared_system.start("projector", "gateway", gateway_wait_s="0.2")
    return shared_system


def drop(page: Page, **files: Any) -> None:
    """Give the page these files, JSON unless they are text."""
    page.get_by_label("GeoJSON files or requests").set_input_files(
        [
            {
                "name": f"{name}.json",
                "mimeType": "application/json",
                "buffer": (
                    content if isinstance(content, str) else json.dumps(content)
                ).encode(),
            }
            for name, content in files.items()
        ]
    )


def published(page: Page) -> IngestionRequest:
    """What the button asks for."""
    with page.expect_request("**/catalog/aoi") as asked:
        page.get_by_role("button", name="Publish", exact=True).click()
    return _read(asked.value.post_data_json["area"])


def _read(document: Any) -> IngestionRequest:
    return read_payload(json.dumps(document), request="", by="")


def test_files_of_a_batch_take_nothing_from_one_another(window, serving):
    page = window.open("#/new")
    page.get_by_label("Scene graph name").fill("Pass")
    page.get_by_label("Name", exact=False).first.fill("named-here")
    drop(
        page,
        first=a_document("first", is_retriable=True, retry_count=5)
        | {"graph_config": {"bands": "B02"}},
        second={
            name: value
            for name, value in a_document("second", geometry=ELSEWHERE).items()
            if name != "scene_graph_name"
        },
        third={**ELSEWHERE, "Name": "third"},
        broken="{",
    )
    table = page.get_by_role("region", name="Batch")
    expect(table.get_by_role("row").filter(has_text="broken.json")).to_contain_text(
        "not JSON"
    )
    expect(page.get_by_label("Name", exact=False).first).to_have_value("named-here")
    page.get_by_role("button", name="Publish all 3").click()
    expect(table.locator(".chip.done")).to_have_count(2)
    # It lacks what the form lacks too, whatever stood in the files before it.
    third = table.get_by_role("row").filter(has_text="third.json")
    expect(third).to_contain_text("$.start_time: missing")
    sent = {m.message.name: m.message for m in serving.messages(REQUESTS.name)}
    first, second = sent["first"], sent["second"]
    assert (first.retry_count, first.graph_config) == (5, {"bands": "B02"})
    assert (second.retriable, second.retry_count) == (False, 0)
    assert (second.graph_config, second.scene_graph) == ({}, "Pass")
    assert (
        second.geometry
        == _read(a_document("second", geometry=ELSEWHERE)).geometry
        != first.geometry
    )
    assert "named-here" not in sent


def test_a_request_in_a_file_is_published_with_all_its_members(window):
    page = window.open("#/new")
    page.get_by_label("Is retriable").check()
    drop(page, former=a_document("former", **EVERYTHING))
    assert published(page) == _read(a_document("former", **EVERYTHING))


def test_nothing_of_a_request_stays_when_another_is_read(window):
    page = window.open("#/new")
    drop(page, former=a_document("former", **EVERYTHING))
    expect(page.get_by_text("Read former.json.")).to_be_visible()
    drop(page, plain=a_document("plain"))
    expect(page.get_by_text("Read plain.json.")).to_be_visible()
    assert published(page) == _read(a_document("plain"))


def test_a_file_that_is_no_area_is_told_and_the_map_goes_on(window):
    page = window.open("#/new")
    for wrong, told in (
        ("null", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ({"type": "Polygon"}, "$.coordinates: expected rings"),
        ({"type": "Polygon", "coordinates": [[None]]}, "$.coordinates: expected"),
        ({"type": "MultiPolygon", "coordinates": 5}, "$.coordinates: expected"),
        ({"features": [{"geometry": {"type": "Polygon"}}]}, "$.features[0].geometry"),
        ({"features": [None]}, "$.features[0]: expected a GeoJSON object"),
        ({"geometries": {}}, "$.geometries: expected a list"),
    ):
        drop(page, wrong=wrong)
        expect(page.get_by_role("alert").filter(has_text=told)).to_contain_text(
            "wrong.json: "
        )
    drop(page, right=SQUARE)
    expect(page.get_by_text("Read right.json.")).to_be_visible()
    # What scripts of the page threw would fail the window.
    page.get_by_role("button", name="Nearer").click()


def test_an_area_is_asked_again_with_all_that_was_asked(window, serving):
    asked = replace(a_request("again", **EVERYTHING), request="r7", by="ann")
    serving.write(
        a_record(REQUESTS.name, a_request("again")),
        a_record(REQUESTS.name, asked),
        a_record(REQUESTS.name, replace(asked, request="r8", retry_count=9)),
    )
    accept(serving, asked, Settings("Pass", "Pass"))
    page = window.open("#/new?from=again")
    expect(page.get_by_label("Name", exact=False).first).to_have_value("again")
    assert published(page) == replace(asked, request="", by="")


def test_what_is_not_known_of_a_request_any_more_is_told(window, serving):
    asked = replace(a_request("lost"), request="r1")
    accept(serving, asked, Settings("A", "B", instances={"B02": "abc"}, retry_count=3))
    page = window.open("#/new?from=lost")
    note = page.locator(".note")
    expect(note).to_contain_text("no request 'r1' is known")
    expect(note).to_contain_text("constellation and filters")
    page.get_by_text("More settings").click()
    expect(page.get_by_label("Layers: instance_id")).to_have_value("abc")
    page.get_by_label("Constellation").fill("landsat")
    again = published(page)
    assert (again.scene_graph, again.tile_graph, again.retry_count) == ("A", "B", 3)
    assert again.geometry == asked.geometry


def accept(serving: System, asked: IngestionRequest, settings: Settings) -> None:
    """Tell that a request was accepted, until the read model has it."""
    accepted = IngestionAccepted(
        asked.name,
        asked.request,
        settings,
        asked.geometry,
        asked.start_time,
        asked.end_time,
        asked.by,
    )
    serving.write(*facts([accepted]))
    wait_for(lambda: serving.gateway.area(asked.name))
