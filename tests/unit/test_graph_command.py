# SPDX-License-Identifier: Apache-2.0
"""`ingester graph`: what is told of a graph, and what it would do for a tile."""

import json
import sys
from xml.etree import ElementTree

import pytest

from agents.cli import main

STEP = {
    "engine": "cmd",
    "command": "ndvi",
    "args": {
        "red": {"type": "in", "layer": "B04", "extension": "tif"},
        "before": {"type": "in", "tile_index": 1, "layer": "mask", "extension": "tif"},
        "to": {"type": "out", "layer": "ndvi", "extension": "tif"},
        "dformat": {"type": "config", "value": "dformat_out"},
    },
}
GRAPH = {
    "config": {"dformat_out": "uint16,0,1,10001"},
    "processing_steps": [STEP, {**STEP, "condition": "different_T0_T1"}],
    "in_files": [
        [{"layer": "B04", "extension": "tif"}],
        [{"layer": "mask", "extension": "tif"}],
    ],
    "out_files": [
        [
            {
                "layer": "ndvi",
                "extension": "tif",
                "action": "to_index",
                "dformat_out": {"type": "config", "value": "dformat_out"},
                "ext_min_value": -1,
                "ext_max_value": 1,
            },
            {
                "layer": "mask",
                "extension": "dim",
                "action": "to_create",
                "condition": "file_exists",
                "error_condition": "on_failure",
            },
        ],
        [{"layer": "mask", "action": "to_delete", "condition": "equal_T1_T2"}],
    ],
}
TILE = ("--tile", "S2A_20220104/T32UNG_1")


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "ndvi").touch()
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(GRAPH))
    return file


@pytest.fixture
def ingester(monkeypatch, capsys):
    """Runs a command; its output and errors, and its status."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ingester", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return out, err, ended.value.code

    return run


def test_sound_graph_is_summed_up(ingester, graph, monkeypatch):
    monkeypatch.setenv("INGESTER_GRAPH_ROOTS", str(graph.parent))
    out, err, status = ingester("graph", "check", graph)
    assert out.endswith(": sound; steps: 2; indexed layers: ndvi\n")
    assert (err, status) == ("", 0)


def test_version_of_a_graph_is_shown(ingester, graph):
    graph.write_text(json.dumps({**GRAPH, "version": "2.1"}))
    out, _, _ = ingester("graph", "check", graph)
    assert "graph.json version 2.1: sound;" in out


def test_broken_graph_is_told_with_place_value_and_what_is_allowed(ingester, graph):
    steps = [{**STEP, "engine": "perl"}]
    graph.write_text(json.dumps({**GRAPH, "processing_steps": steps}))
    _, err, status = ingester("graph", "check", graph)
    assert "$.processing_steps[0].engine: Input should be 'python', 'cmd'" in err
    assert 'found "perl"' in err
    assert status == 2


def test_graph_of_a_scene_is_told_what_a_scene_has_not(ingester, graph):
    _, err, status = ingester("graph", "check", graph, "--scene-graph")
    assert "files of position 1: a scene graph has only T0" in err
    assert status == 2


def test_data_format_that_no_index_takes_is_told(ingester):
    wrong = "dformat_out=uint8,0,0,1000"
    _, err, status = ingester("graph", "check", "S1GrdSigma0", "--config", wrong)
    assert "configuration 'dformat_out': max 1000 does not fit in uint8" in err
    assert status == 2


def test_notes_are_about_what_may_be_right_elsewhere(ingester, graph, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    native = {"engine": "native", "command": "nobody", "args": STEP["args"]}
    docker = {"engine": "docker", "command": "image", "envs": ["TOKEN=x"]}
    steps = [native, docker]
    graph.write_text(json.dumps({"processing_steps": steps, "envs": ["LEVEL=1"]}))
    _, err, status = ingester("graph", "check", graph)
    for note in (
        "workers load graphs below INGESTER_GRAPH_ROOTS",
        "needs the configuration 'dformat_out' (at $.processing_steps[0].args.dformat)",
        "$.processing_steps[0].args.before: nothing fetches 'mask' of T1",
        "$.processing_steps[0].command: no function 'nobody' is registered",
        "here no container can be run: no Docker engine answers at",
        "$.processing_steps[1].command: image 'image' is neither pinned by digest",
        "$.envs[0]: variables LEVEL of the graph are not among",
        "$.processing_steps[1].envs[0]: variables TOKEN of the graph are not among",
        "the engine 'native' is unknown to the Go ingester",
    ):
        assert note in err
    assert status == 0


def test_plan_shows_files_and_commands_of_a_first_tile(ingester, graph):
    out, _, status = ingester("graph", "plan", graph, *TILE)
    _, *lines = out.splitlines()
    assert lines == [
        "fetch  20220104_T32UNG_1_B04.tif",
        "fetch  20220104_T32UNG_1_mask.tif",
        f"run    {graph.parent}/ndvi --red=20220104_T32UNG_1_B04.tif "
        "--before=20220104_T32UNG_1_mask.tif --to=20220104_T32UNG_1_ndvi.tif "
        "--dformat=uint16,0,1,10001",
        "leave  20220104_T32UNG_1_ndvi.tif  to_index of T0, on success",
        "leave  20220104_T32UNG_1_mask.zip  to_create of T0, if file_exists, "
        "on success also on_failure",
        "leave  20220104_T32UNG_1_mask  to_delete of T1, on success",
    ]
    assert status == 0


def test_plan_of_a_later_tile_as_json(ingester, graph):
    out, _, _ = ingester(
        *("graph", "plan", graph, *TILE, "--json", "-c", "dformat_out=u1,0,1,2"),
        *("--previous", "S2A_X/T32UNG_1@2021-12-30"),
        *("--reference", "S2A_20210101/T32UNG_1"),
    )
    planned = json.loads(out)
    assert planned["fetch"][1] == "20211230_T32UNG_1_mask.tif"
    assert len(planned["commands"]) == 2
    assert planned["commands"][1][-1] == "--dformat=u1,0,1,2"
    assert [out["position"] for out in planned["outputs"]] == [0, 0]


def test_plan_of_every_engine_is_a_command_line(ingester, tmp_path):
    (tmp_path / "x").touch()
    args = {"a": {"type": "fixed", "value": "1 2"}}
    steps = [
        {"engine": engine, "command": "x", "args": args}
        for engine in ("python", "cmd", "snap", "native", "docker")
    ]
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"processing_steps": steps}))
    out, _, _ = ingester("graph", "plan", file, *TILE, "--json")
    x = str(tmp_path / "x")
    assert json.loads(out)["commands"] == [
        [sys.executable, "-u", x, "--a=1 2"],
        [x, "--a=1 2"],
        ["gpt", x, "-x", "-q", "1", "-J-Xmx9000m", "-Pa=1 2"],
        ["native", "x", "--a=1 2"],
        ["docker", "x", "--a=1 2"],
    ]


def test_graphs_of_graphpath_are_found_where_no_roots_are_set(
    ingester, graph, monkeypatch
):
    monkeypatch.setenv("GRAPHPATH", str(graph.parent))
    out, _, _ = ingester("graph", "check", graph.name)
    assert graph.name in out
    monkeypatch.setenv("INGESTER_GRAPH_ROOTS", "/somewhere/else")
    _, err, status = ingester("graph", "check", graph.name)
    assert status == 2, err


def test_plan_is_drawn(ingester, graph, tmp_path):
    dot, svg = tmp_path / "p.dot", tmp_path / "p.svg"
    ingester("graph", "plan", graph, *TILE, "--dot", dot, "--svg", svg)
    lines = dot.read_text().splitlines()
    assert '  "20220104_T32UNG_1_B04.tif" -> "step 1";' in lines
    assert '  "step 1" -> "20220104_T32UNG_1_ndvi.tif";' in lines
    assert '  "step 2" [label="2. cmd ndvi", shape=box, style=dashed];' in lines
    drawn = ElementTree.parse(svg).getroot()
    texts = ["".join(t.itertext()) for t in drawn.findall(".//{*}title")]
    assert texts[:4] == [
        "20220104_T32UNG_1_B04.tif",
        "20220104_T32UNG_1_mask.tif",
        "1. cmd ndvi",
        "2. cmd ndvi",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tile", "S2A/T"), "no date in 'S2A/T', expected SCENE/TILE@YYYY-MM-DD"),
        ((*TILE, "-c", "key"), "'key', expected KEY=VALUE"),
    ],
)
def test_option_that_makes_no_sense_is_told(words, told, ingester, graph):
    _, err, status = ingester("graph", "plan", graph, *words)
    assert told in err
    assert status == 2


def test_schema_is_the_published_one(ingester):
    out, _, _ = ingester("graph", "schema")
    with open("docs/reference/graph.schema.json") as file:
        assert json.loads(out) == json.load(file)
