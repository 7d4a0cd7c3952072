# SPDX-License-Identifier: Apache-2.0
import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.errors import InvalidRequest
from streams.model import LayerTarget
from streams.payload import read_payload, written

SQUARE = [[[9.8, 54.9], [10.1, 54.9], [10.1, 55.1], [9.8, 55.1], [9.8, 54.9]]]

GOOD = {
    "name": "fyn-2022",
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": SQUARE},
    "start_time": "2022-01-01T00:00:00Z",
    "end_time": "2022-02-10T00:00:00+01:00",
    "scene_type": {
        "constellation": "landsat89",
        "parameters": {"cloudcoverpercentage": "[0 TO 80]"},
    },
    "scene_graph_name": "CopyProductToStorage",
    "tile_graph_name": "ExtractLandsatBands",
    "graph_config": {"threads": 4, "quick": True},
    "layers": {"B04": {"variable": "B04", "instance": "raw"}},
    "record_tags": {"source": "tutorial"},
    "is_retriable": True,
    "retry_count": 1,
}

SHARED = Path(__file__).parents[3] / "shared" / "data" / "payloads"


def read(payload, **more):
    return read_payload(json.dumps(payload), request="r1", by="me", **more)


def broken(**changes):
    """The good payload with members replaced; None takes a member away."""
    payload = {**deepcopy(GOOD), **changes}
    return {key: value for key, value in payload.items() if value is not None}


def test_good_payload_is_a_request():
    request = read(GOOD)
    assert request.name == "fyn-2022"
    assert request.request == "r1"
    assert request.start_time == datetime(2022, 1, 1, tzinfo=UTC)
    assert request.end_time == datetime(2022, 2, 9, 23, tzinfo=UTC)
    assert request.graph_config == {"threads": "4", "quick": "true"}
    assert request.layers == {"B04": LayerTarget("B04", "raw")}
    assert json.loads(request.geometry)["type"] == "Polygon"
    assert request.retriable


def test_members_are_known_in_any_case():
    shouting = {key.upper(): value for key, value in GOOD.items() if key != "geometry"}
    del shouting["TYPE"]
    assert read({**shouting, "type": "Polygon", "coordinates": SQUARE}) == read(
        {**GOOD, "type": "Polygon", "coordinates": SQUARE, "geometry": None}
    )


def test_name_can_be_given():
    assert read(GOOD, name="other").name == "other"


@pytest.mark.parametrize(
    "name", ["DenmarkDemoLandsat", "DenmarkDemoS1", "DenmarkDemoS2"]
)
def test_payloads_of_the_reference_are_read(name):
    file = SHARED / f"{name}.json"
    if not file.exists():
        pytest.skip(f"the reference's payloads are not at {SHARED}")
    assert read_payload(file.read_bytes(), request="r", by="me").layers


def test_polygons_of_a_collection_are_dissolved():
    feature = {"type": "Feature", "geometry": GOOD["geometry"]}
    beside = deepcopy(feature)
    beside["geometry"]["coordinates"] = [[[x + 0.25, y] for x, y in SQUARE[0]]]
    collection = {"type": "FeatureCollection", "features": [feature, beside, feature]}
    request = read({**broken(geometry=None), **collection})
    area = json.loads(request.geometry)
    assert area["type"] == "Polygon"


def ring(*positions):
    return {"type": "Polygon", "coordinates": [list(map(list, positions))]}


BROKEN = [
    (broken(name=None), "$.name: missing"),
    (broken(name=""), "$.name: expected up to 200 letters"),
    (broken(name="a" * 201), "$.name: expected up to 200 letters"),
    (broken(graph_config={"a": "b\0"}), "$.graph_config.a: holds a NUL character"),
    (broken(name="a b"), "letters, digits, '-', ':' and '_' only"),
    (broken(name=7), "$.name: Input should be a valid string, found 7"),
    (broken(start_time=None), "$.start_time: missing"),
    (
        broken(start_time="2022-01-01T00:00:00"),
        "$.start_time: Input should have timezone",
    ),
    (broken(start_time="soon"), "$.start_time: Input should be a valid datetime"),
    (broken(end_time=None), "$.end_time: missing"),
    (broken(end_time="2021-01-01T00:00:00Z"), "$.end_time: expected later than start"),
    (broken(scene_type=None), "$.scene_type: missing"),
    (broken(scene_type="landsat"), "$.scene_type: Input should be a valid dict"),
    (broken(scene_type={}), "$.scene_type.constellation: missing"),
    (
        broken(scene_type={"constellation": ""}),
        "$.scene_type.constellation: String should have at least 1 character",
    ),
    (
        broken(scene_type={"constellation": "landsat", "parameters": {"a": [1]}}),
        "$.scene_type.parameters.a: Input should be a valid string",
    ),
    (
        broken(scene_type={"constellation": "landsat", "parameter": {}}),
        "$.scene_type.parameter: Extra inputs are not permitted",
    ),
    (broken(scene_graph_name=None), "$.scene_graph_name: missing"),
    (broken(tile_graph_name=""), "$.tile_graph_name: String should have at least"),
    (
        broken(graph_config={"a": {}}),
        "$.graph_config.a: Input should be a valid string",
    ),
    (broken(graph_config="fast"), "$.graph_config: Input should be a valid dict"),
    (
        broken(layers={"B04": {"variable": "B04"}}),
        "$.layers.B04: expected 'variable' and 'instance', or 'instance_id'",
    ),
    (
        broken(layers={"B04": {"variable": "B04", "instances": "raw"}}),
        "$.layers.B04.instances: Extra inputs are not permitted",
    ),
    (broken(layers=["B04"]), "$.layers: Input should be a valid dict"),
    (broken(record_tags={"a": "b*"}), "tag 'a': the index allows neither '*' nor '?'"),
    (
        broken(retry_count=-1),
        "$.retry_count: Input should be greater than or equal to 0",
    ),
    (broken(retry_count="1"), "$.retry_count: Input should be a valid integer"),
    (broken(is_retriable="yes"), "$.is_retriable: Input should be a valid boolean"),
    (broken(limit=-4), "$.limit: Input should be greater than or equal to 0"),
    (broken(page=1.5), "$.page: Input should be a valid integer"),
    (broken(storage_uri="ftp://host"), "$.storage_uri: expected s3://bucket/prefix"),
    (broken(retrycount=1), "$.retrycount: unknown member; did you mean 'retry_count'?"),
    (broken(layer={}), "$.layer: unknown member; did you mean 'layers'?"),
    (broken(aoi={}), "$.aoi: unknown member"),
    (broken(searches="stac"), "$.searches: Input should be a valid list"),
    (broken(chain="no"), "$.chain: Input should be a valid boolean"),
    (broken(type=None), "$.type: missing; a GeoJSON type is expected"),
    (broken(type="Square"), "$.type: 'Square' is no GeoJSON type"),
    (broken(geometry=None), "$.geometry: expected a GeoJSON object"),
    (
        broken(geometry={"type": "Point", "coordinates": [1, 2]}),
        "$.geometry: a Point has no area",
    ),
    (
        broken(geometry={"type": "Polygon", "coordinates": []}),
        "$.geometry.coordinates: empty",
    ),
    (
        broken(geometry=ring((0, 0), (1, 0), (0, 0))),
        "$.geometry.coordinates: a ring has at least 4 positions",
    ),
    (
        broken(geometry=ring((0, 0), (1, 0), (1, 1), (0, 1))),
        "$.geometry.coordinates: a ring must be closed: [0, 0] is not [0, 1]",
    ),
    (
        broken(geometry=ring((0, 0), (400, 0), (1, 1), (0, 0))),
        "[400, 0] is outside longitude ±360, latitude ±90",
    ),
    (
        broken(geometry=ring((0, 0), (1, "x"), (1, 1), (0, 0))),
        "[1, 'x'] is not [longitude, latitude]",
    ),
    (
        broken(geometry=ring((0, 0), (1, 1), (1, 0), (0, 1), (0, 0))),
        "not a valid area: Self-intersection",
    ),
    (
        broken(geometry={"type": "MultiPolygon", "coordinates": 3}),
        "$.geometry.coordinates: expected a list of polygons",
    ),
    (
        broken(type="FeatureCollection", features=[]),
        "$.features: expected a list that is not empty",
    ),
]


@pytest.mark.parametrize(
    ("payload", "says"), BROKEN, ids=[says[:50] for _, says in BROKEN]
)
def test_broken_payload_is_refused_in_words(payload, says):
    with pytest.raises(InvalidRequest) as refused:
        read(payload)
    assert any(says in problem for problem in refused.value.problems), refused.value


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\xff"])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(InvalidRequest, match=r"\$: "):
        read_payload(text, request="r", by="me")


def test_everything_wrong_is_said_at_once():
    with pytest.raises(InvalidRequest) as refused:
        read({"name": "a b", "type": "Point", "typo": 1})
    assert len(refused.value.problems) >= 7


def test_long_values_are_cut_in_messages():
    with pytest.raises(InvalidRequest) as refused:
        read(broken(name="ä" * 500))
    assert all(len(problem) < 200 for problem in refused.value.problems)


def test_a_request_is_written_as_the_document_that_asks_for_it():
    limits = {"downloads": 2, "processes": 3}
    more = {"searches": ["stac"], "cells": "none", "chain": False, "limits": limits}
    layers = {"B04": {"instance_id": "abc"}, "B03": {"variable": "v", "instance": "i"}}
    asked = read({**GOOD, **more, "layers": layers, "versions": "all", "priority": -1})
    assert written(asked)["layers"] == layers
    assert read(written(asked)) == asked
