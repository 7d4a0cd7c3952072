# SPDX-License-Identifier: Apache-2.0
"""The cases by which the Go ingester tests its graphs, read and run here."""

import threading

import pytest

from agents.worker.graph.conditions import Condition
from agents.worker.graph.engines.python import PythonEngine
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import EngineName, FileOf, Fixed, FromConfig, FromTile
from agents.worker.graph.model import OutAction as Out
from agents.worker.graph.model import TileKey as Key
from agents.worker.graph.plan import make_plan
from agents.worker.graph.run import run_plan
from agents.worker.graph.select import select_outputs
from streams.errors import InvalidGraph, StepFatal
from tests.graphs import a_context, a_graph, a_step, an_output

SNAP = {
    "engine": "snap",
    "command": "snap_graph.xml",
    "condition": "pass",
    "args": {
        "input": {"type": "tile", "value": "scene"},
        "output": {"type": "out", "layer": "preprocessed", "extension": "dim"},
        "swath": {"type": "tile", "value": "swath"},
        "polar": {"type": "fixed", "value": '"VV VH"'},
        "burst": {"type": "tile", "value": "number"},
    },
}
PYTHON = {
    "engine": "python",
    "command": "python_command.py",
    "condition": "different_T0_T1",
    "args": {
        "file-in": {"type": "out", "layer": "coh_VH", "extension": "tif"},
        "file-out": {"type": "out", "layer": "coh_VH", "extension": "tif"},
        "no-data": {"type": "fixed", "value": "0"},
        "iterations": {"type": "config", "value": "coh_erode_iterations"},
    },
}


@pytest.fixture
def graph(tmp_path):
    """Loads a document, beside the commands that it names."""
    for name in ("snap_graph.xml", "python_command.py"):
        (tmp_path / name).touch()
    return lambda **document: a_graph(tmp_path, **document)


@pytest.mark.parametrize(
    "name",
    ["pass", "different_T0_T1", "different_T1_T2", "different_T0_T2"],
    ids=["G1", "G2", "G3", "G4"],
)
def test_condition_of_a_step_is_read(name, graph):
    (step,) = graph(processing_steps=[a_step(condition=name)]).steps
    assert step.condition is Condition(name)


def test_g5_step_on_fatal_failure_is_refused(graph):
    with pytest.raises(InvalidGraph, match="'on_fatal_failure' is not for steps"):
        graph(processing_steps=[a_step(condition="on_fatal_failure")])


@pytest.mark.parametrize(
    ("arg", "expected"),
    [
        ({"type": "fixed", "value": "fixed_arg"}, Fixed("fixed_arg")),
        ({"type": "config", "value": "config_flag"}, FromConfig("config_flag")),
        ({"type": "tile", "value": "scene"}, FromTile(Key.SCENE)),
        (
            {
                "type": "in",
                "tile_index": 2,
                "layer": "preprocessed",
                "extension": "dim",
            },
            FileOf(2, "preprocessed", "dim"),
        ),
        (
            {"type": "out", "layer": "coregistred", "extension": "dim"},
            FileOf(0, "coregistred", "dim"),
        ),
    ],
    ids=["G6", "G7", "G8", "G9", "G10"],
)
def test_argument_is_read(arg, expected, graph):
    (step,) = graph(processing_steps=[a_step(args={"a": arg})]).steps
    assert step.arguments == {"a": expected}


def test_g8_key_that_no_tile_has_is_refused_here_when_the_graph_is_read(graph):
    arg = {"type": "tile", "value": "tile_flag"}
    with pytest.raises(InvalidGraph, match=r"args\.a\.value: .* found \"tile_flag\""):
        graph(processing_steps=[a_step(args={"a": arg})])


def test_g11_step_of_snap_is_read(graph, tmp_path):
    (step,) = graph(processing_steps=[SNAP]).steps
    assert step.engine is EngineName.SNAP
    assert step.command == str(tmp_path / "snap_graph.xml")
    assert step.condition is Condition.PASS
    assert step.arguments == {
        "input": FromTile(Key.SCENE),
        "output": FileOf(0, "preprocessed", "dim"),
        "swath": FromTile(Key.SWATH),
        "polar": Fixed('"VV VH"'),
        "burst": FromTile(Key.NUMBER),
    }


def test_g12_step_of_python_is_read(graph, tmp_path):
    (step,) = graph(processing_steps=[PYTHON]).steps
    assert step.engine is EngineName.PYTHON
    assert step.command == str(tmp_path / "python_command.py")
    assert step.condition is Condition.DIFFERENT_T0_T1
    assert step.arguments == {
        "file-in": FileOf(0, "coh_VH", "tif"),
        "file-out": FileOf(0, "coh_VH", "tif"),
        "no-data": Fixed("0"),
        "iterations": FromConfig("coh_erode_iterations"),
    }


def test_g13_whole_graph_is_read(graph):
    def out(layer, action, condition):
        return {
            "layer": layer,
            "extension": "dim",
            "action": action,
            "condition": condition,
            "error_condition": "pass",
            "exponent": 0,
            "nbands": 0,
        }

    preprocessed = {"layer": "preprocessed", "extension": "dim"}
    read = graph(
        config={"coh_erode_iterations": "10"},
        processing_steps=[SNAP, PYTHON],
        in_files=[
            [{**preprocessed, "condition": "pass"}],
            [],
            [{**preprocessed, "condition": "different_T0_T2"}],
        ],
        out_files=[
            [
                out("coregextract", "to_create", "different_T0_T1"),
                out("preprocessed", "to_delete", "different_T1_T2"),
            ],
            [out("coregextract", "to_delete", "different_T0_T1")],
            [],
        ],
    )
    assert read.config == {"coh_erode_iterations": "10"}
    assert len(read.steps) == 2
    assert [[(f.layer, f.condition) for f in group] for group in read.in_files] == [
        [("preprocessed", Condition.PASS)],
        [],
        [("preprocessed", Condition.DIFFERENT_T0_T2)],
    ]
    left = [[(o.layer, o.action, o.condition) for o in g] for g in read.out_files]
    assert left == [
        [
            ("coregextract", Out.CREATE, Condition.DIFFERENT_T0_T1),
            ("preprocessed", Out.DELETE, Condition.DIFFERENT_T1_T2),
        ],
        [("coregextract", Out.DELETE, Condition.DIFFERENT_T0_T1)],
        [],
    ]
    for one in (o for group in read.out_files for o in group):
        assert (one.data_format.exponent, one.bands) == (0, 0)
        assert one.error_condition is Condition.PASS


@pytest.mark.parametrize(
    "name",
    ["S1CoregExtract", "S1BackscatterCoherence", "CopyProductToStorage", "Pass"],
    ids=["G14", "G15", "G16", "G17"],
)
def test_graph_file_of_the_library_is_read(name):
    steps = {"S1CoregExtract": 2, "S1BackscatterCoherence": 13}
    assert len(load_graph(f"library/{name}.json").steps) == steps.get(name, 0)


def run(graph, workdir):
    """Run a graph on scenes 1, 1 and 2; the error, and what is to be deleted where."""
    settings = a_context(graph, workdir, "AAB")
    error = None
    try:
        run_plan(
            make_plan(graph, settings),
            settings,
            lambda name: {"python": PythonEngine()}[name],
            timeout_s=60,
            cancelled=threading.Event(),
            log=lambda level, line: None,
        )
    except StepFatal as fatal:
        error = fatal
    left = select_outputs(graph, settings, error, retriable=False)
    return error, [out.position for out in left if out.action is Out.DELETE]


FATAL = {"action": "to_delete", "condition": "on_fatal_failure"}


def test_g18_nothing_is_deleted_when_a_graph_without_steps_succeeds(graph, tmp_path):
    assert run(graph(out_files=[[an_output(**FATAL)]]), tmp_path) == (None, [])


def test_g19_deletions_of_a_fatal_failure_follow_the_tiles(graph, tmp_path):
    (tmp_path / "fatal_error.py").write_text('raise Exception("FATAL ERROR: test")')
    also = {"action": "to_delete", "error_condition": "on_fatal_failure"}
    error, deleted = run(
        graph(
            processing_steps=[{"engine": "python", "command": "fatal_error.py"}],
            out_files=[
                [an_output(**FATAL)],
                [an_output(**also, condition="different_T0_T1")],
                [an_output(**also, condition="different_T0_T2")],
            ],
        ),
        tmp_path,
    )
    assert "FATAL ERROR: test" in str(error)
    assert deleted == [0, 2]
