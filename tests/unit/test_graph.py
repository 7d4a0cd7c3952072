# SPDX-License-Identifier: Apache-2.0
"""Graphs that are sound: what is read, and what is checked where they are used."""

import json

import pytest

from agents.worker.graph.check import (
    indexed_layers,
    known_config,
    missing_config,
    scene_graph_problems,
)
from agents.worker.graph.conditions import Condition
from agents.worker.graph.load import library, load_graph
from agents.worker.graph.model import (
    EngineName,
    FileOf,
    Fixed,
    FromConfig,
    FromTile,
    InFile,
    OnEmpty,
    OutAction,
    TileKey,
)
from tests.graphs import UINT16, a_graph, a_step, an_output


@pytest.mark.parametrize("name", library())
def test_shipped_graph_loads_by_every_name_of_it(name):
    graph = load_graph(name)
    for other in (f"{name}.json", f"library/{name}.json", f"library/graph/{name}.json"):
        assert load_graph(other).digest == graph.digest


def test_graph_is_loaded_from_the_first_root_that_has_it(tmp_path):
    for number in (1, 2):
        (tmp_path / f"root{number}").mkdir()
        document = {"config": {"root": str(number)}}
        (tmp_path / f"root{number}/graph.json").write_text(json.dumps(document))
    roots = [tmp_path / "gone", tmp_path / "root2", tmp_path / "root1"]
    assert load_graph("graph.json", roots).config == {"root": "2"}


def test_absolute_path_below_a_root_is_a_name(tmp_path):
    (tmp_path / "graph.json").write_text("{}")
    assert load_graph(str(tmp_path / "graph.json"), [tmp_path]).steps == ()


def test_command_is_found_beside_its_graph_and_below_a_root(tmp_path):
    for folder in ("graphs", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "graphs/near.py").touch()
    (tmp_path / "tools/far.py").touch()
    document = {
        "processing_steps": [
            a_step(engine="python", command="near.py"),
            a_step(engine="python", command="tools/far.py"),
        ]
    }
    (tmp_path / "graphs/g.json").write_text(json.dumps(document))
    graph = load_graph("graphs/g.json", [tmp_path])
    assert [step.command for step in graph.steps] == [
        str(tmp_path / "graphs/near.py"),
        str(tmp_path / "tools/far.py"),
    ]


def test_native_functions_and_images_are_no_files(tmp_path):
    steps = [a_step(engine="native", command="f"), a_step(engine="docker", command="i")]
    graph = a_graph(tmp_path, processing_steps=steps)
    assert [step.command for step in graph.steps] == ["f", "i"]


def test_arguments_are_read_in_their_order(tmp_path):
    args = {
        "z": {"type": "fixed", "value": '"VV VH"'},
        "none": {"type": "fixed"},
        "a": {"type": "config", "value": "key"},
        "day": {"type": "tile", "value": "date"},
        "from": {"type": "in", "tile_index": 2, "layer": "p", "extension": "dim"},
        "to": {"type": "out", "layer": "*", "extension": "jp2"},
    }
    graph = a_graph(tmp_path, processing_steps=[a_step(args=args)])
    assert list(graph.steps[0].arguments.items()) == [
        ("z", Fixed('"VV VH"')),
        ("none", Fixed("")),
        ("a", FromConfig("key")),
        ("day", FromTile(TileKey.DATE)),
        ("from", FileOf(2, "p", "dim")),
        ("to", FileOf(0, "*", "jp2")),
    ]


@pytest.mark.parametrize("condition", [{}, {"condition": ""}, {"condition": None}])
def test_n1_no_condition_is_pass(condition, tmp_path):
    graph = a_graph(
        tmp_path,
        processing_steps=[a_step(**condition)],
        in_files=[[{"layer": "x", **condition}]],
        out_files=[[an_output(**condition)]],
    )
    assert graph.steps[0].condition is Condition.PASS
    assert graph.in_files[0][0].condition is Condition.PASS
    assert graph.out_files[0][0].condition is Condition.PASS


def test_keys_are_known_in_any_case(tmp_path):
    step = {"Engine": "native", "COMMAND": "f", "args": {"a": {"Type": "fixed"}}}
    graph = a_graph(tmp_path, Processing_Steps=[step])
    assert graph.steps[0].engine is EngineName.NATIVE
    assert graph.steps[0].arguments == {"a": Fixed("")}


def test_null_is_empty(tmp_path):
    graph = a_graph(
        tmp_path,
        config=None,
        envs=None,
        processing_steps=None,
        in_files=[None, [{"layer": "x"}]],
        out_files=None,
    )
    assert (graph.config, graph.steps, graph.envs) == ({}, (), ())
    assert graph.in_files == ((), (InFile("x", "", Condition.PASS, False),), ())
    assert graph.out_files == ((), (), ())


def test_configuration_becomes_text(tmp_path):
    graph = a_graph(tmp_path, config={"a": 20, "b": 0.5, "c": True, "d": None})
    assert graph.config == {"a": "20", "b": "0.5", "c": "true", "d": ""}


def test_version_is_a_text(tmp_path):
    assert [a_graph(tmp_path, version=v).version for v in ("1.2", 3)] == ["1.2", "3"]
    assert a_graph(tmp_path).version == ""


def test_output_is_read_whole(tmp_path):
    written = an_output(
        action="to_delete",
        condition="different_T1_T2",
        error_condition="on_fatal_failure",
        dformat_out={"type": "config", "value": "format"},
        datatype="U2",
        nodata=-1,
        min_value=2,
        max_value=3.5,
        ext_min_value=4,
        ext_max_value=5,
        exponent=0,
        nbands=0,
        only_with={"values": ["", "both"]},
    )
    (out,) = a_graph(tmp_path, out_files=[[], [written]]).out_files[1]
    assert (out.layer, out.extension, out.action) == ("B01", "tif", OutAction.DELETE)
    assert out.condition is Condition.DIFFERENT_T1_T2
    assert out.error_condition is Condition.ON_FATAL_FAILURE
    assert out.dformat_out == FromConfig("format")
    assert out.only_with == {"values": ("", "both")}
    f = out.data_format
    assert (f.dtype, f.no_data, f.min_value, f.max_value) == ("uint16", -1, 2, 3.5)
    assert (f.ext_min_value, f.ext_max_value, f.exponent, out.bands) == (4, 5, 0, 0)


def test_output_has_the_defaults_of_the_reference(tmp_path):
    (out,) = a_graph(tmp_path, out_files=[[{}]]).out_files[0]
    assert (out.action, out.bands, out.data_format.exponent) == (OutAction.IGNORE, 1, 1)
    assert (out.on_empty, out.only_with) == (OnEmpty.KEEP, {})


def test_error_condition_of_tiles_is_taken_for_none(tmp_path):
    graph = a_graph(tmp_path, out_files=[[an_output(error_condition="pass")]])
    assert graph.out_files[0][0].error_condition is Condition.PASS


def test_digest_is_of_the_meaning_and_not_of_the_layout(tmp_path):
    file = tmp_path / "graph.json"
    digests = set()
    for text in (
        '{"config": {"a": "1"}, "envs": []}',
        '{ "envs":[],\n"config":{"a":"1"} }',
    ):
        file.write_text(text)
        digests.add(load_graph("graph.json", [tmp_path]).digest)
    assert len(digests) == 1
    file.write_text('{"config": {"a": "2"}, "envs": []}')
    assert load_graph("graph.json", [tmp_path]).digest not in digests


def test_n4_configuration_that_nobody_gives_is_missing(tmp_path):
    graph = a_graph(
        tmp_path,
        config={"default": "1"},
        processing_steps=[
            a_step(
                args={
                    "a": {"type": "config", "value": "default"},
                    "b": {"type": "config", "value": "given"},
                    "c": {"type": "config", "value": "lost"},
                    "d": {"type": "config", "value": "workdir"},
                }
            )
        ],
        out_files=[
            [
                an_output(dformat_out={"type": "config", "value": "format"}),
                an_output(only_with={"default": ["1"], "unit": ["db"]}),
            ]
        ],
    )
    assert missing_config(graph, {"given": "1"}) == [
        "graph 'graph.json' needs the configuration 'lost' "
        "(at $.processing_steps[0].args.c)",
        "graph 'graph.json' needs the configuration 'format' "
        "(at $.out_files[0][0].dformat_out)",
        "graph 'graph.json' needs the configuration 'unit' "
        "(at $.out_files[0][1].only_with)",
    ]
    keys = {"default", "given", "lost", "format", "unit", "workdir"}
    assert known_config(graph) == keys | {"snap_cpu_parallelism"}


def test_indexed_layers_are_those_of_every_position_once(tmp_path):
    index = an_output(**UINT16)
    graph = a_graph(
        tmp_path,
        out_files=[[{**index, "layer": "b"}, an_output(layer="c")], [], [index, index]],
    )
    assert indexed_layers(graph) == ["b", "B01"]


def test_scene_graph_may_not_look_at_other_tiles_nor_index(tmp_path):
    graph = a_graph(
        tmp_path,
        processing_steps=[
            a_step(condition="equal_T0_T1"),
            a_step(
                args={
                    "a": {"type": "in", "tile_index": 1, "layer": "x"},
                    "b": {"type": "tile", "value": "cohdate"},
                    "c": {"type": "tile", "value": "date"},
                }
            ),
        ],
        in_files=[[{"layer": "x", "condition": "different_T0_T2"}], [{"layer": "x"}]],
        out_files=[
            [an_output(**UINT16), an_output(condition="different_T1_T2")],
            [],
            [an_output()],
        ],
    )
    assert [problem.partition(": ")[0] for problem in scene_graph_problems(graph)] == [
        "$.processing_steps[0].condition",
        "$.in_files[0][0].condition",
        "$.out_files[0][1].condition",
        "$.processing_steps[1].args.a",
        "$.processing_steps[1].args.b",
        "files of position 1",
        "files of position 2",
        "$.out_files[0][0].action",
    ]


def test_shipped_scene_graph_can_be_run_on_a_scene():
    assert scene_graph_problems(load_graph("CopyProductToStorage")) == []
