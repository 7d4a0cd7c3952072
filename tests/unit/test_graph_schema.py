# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of graphs against the loader: they take and refuse the same."""

import json

import jsonschema
import pytest
from pydantic import ValidationError

from agents.worker.graph.load import LIBRARY, library
from agents.worker.graph.shape import GraphShape, json_schema
from tests.graphs import UINT16, a_graph, a_step, an_output
from tests.unit.test_graph_errors import BROKEN


def _problems(document):
    return list(jsonschema.Draft202012Validator(json_schema()).iter_errors(document))


def test_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", library())
def test_shipped_graph_fits_the_schema(name):
    assert _problems(json.loads((LIBRARY / f"{name}.json").read_text())) == []


@pytest.mark.parametrize(
    "document",
    [
        {"$schema": "graph.schema.json"},
        {"config": {"a": 1, "b": True, "c": None, "d": "x"}},
        dict.fromkeys(("config", "envs", "processing_steps", "in_files", "out_files")),
        {"in_files": [None, [], [{"layer": "x"}]]},
        {"processing_steps": [a_step(condition=None, args=None)]},
        {"processing_steps": [a_step(condition="", cpus=1, memory_mb=2)]},
        {"out_files": [[an_output(**{**UINT16, "datatype": "UInt16"})]]},
        {"out_files": [[an_output(error_condition=None, dformat_out=None)]]},
        {"out_files": [[an_output(on_empty="skip", only_with={"a": ["", "b"]})]]},
        {"out_files": [[an_output(only_with=None)]], "version": 2},
        {"processing_steps": [a_step(engine="docker", envs=["A=1"])]},
        {"processing_steps": [a_step(envs=None)], "version": None, "envs": ["A=b=c"]},
    ],
    ids=str,
)
def test_what_the_loader_takes_fits_the_schema(document, tmp_path):
    a_graph(tmp_path, **document)
    assert _problems(document) == []


def _is_refused_by_its_shape(document):
    try:
        GraphShape.model_validate(document)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (document, _) in BROKEN.items()
        if isinstance(document, dict) and _is_refused_by_its_shape(document)
    ],
)
def test_what_the_loader_refuses_by_its_shape_does_not_fit(name):
    assert _problems(BROKEN[name][0]) != []
