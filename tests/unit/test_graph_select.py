# SPDX-License-Identifier: Apache-2.0
"""Which files a graph leaves, well ended or failed, and what becomes of them."""

import pytest

from agents.worker.graph.dformat import DataFormat
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import OutAction
from agents.worker.graph.select import expected_outputs, select_outputs
from streams.errors import InvalidGraph, StepFailed, StepFatal, StepTransient
from tests.graphs import UINT16, a_context, a_graph, a_place, an_output

FAILED = StepFailed("failed")
FATAL = StepFatal("FATAL ERROR: fatal")
TRANSIENT = StepTransient("Temporary failure")


def _kept(folder, outputs, error=None, *, retriable=True, scenes="CBA", **config):
    """Layers of the outputs that are kept, by position."""
    graph = a_graph(folder, out_files=outputs)
    found = select_outputs(
        graph, a_context(graph, folder, scenes, **config), error, retriable=retriable
    )
    return [(out.position, out.layer) for out in found]


def _named(**outputs):
    """T0's outputs, the layer named like the argument."""
    return [[an_output(layer=name, **output) for name, output in outputs.items()]]


OF_ERRORS = _named(
    success={},
    both={"error_condition": "on_failure"},
    both_fatal={"error_condition": "on_fatal_failure"},
    failure={"condition": "on_failure"},
    fatal={"condition": "on_fatal_failure"},
    absent={"condition": "file_exists", "error_condition": "on_failure"},
    not_there={"condition": "file_not_exist", "error_condition": "on_failure"},
    neighbour={"condition": "equal_T0_T1", "error_condition": "on_failure"},
    either={"condition": "on_failure", "error_condition": "on_fatal_failure"},
    tiles={"error_condition": "pass"},
)

ON_FAILURE = {"both", "failure", "not_there"}
ON_FATAL = ON_FAILURE | {"both_fatal", "fatal", "either"}


@pytest.mark.parametrize(
    ("error", "retriable", "expected"),
    [
        (None, True, {"success", "both", "both_fatal", "not_there", "tiles"}),
        (FAILED, True, ON_FAILURE),
        (FATAL, True, ON_FATAL),
        (FAILED, False, ON_FATAL),
        (FATAL, False, ON_FATAL),
        # What a passing failure deletes would be missing at the next attempt.
        (TRANSIENT, True, ON_FAILURE),
        (TRANSIENT, False, ON_FAILURE),
    ],
)
def test_n12_n13_n14_n15_outputs_follow_how_the_graph_ended(
    error, retriable, expected, tmp_path
):
    kept = _kept(tmp_path, OF_ERRORS, error, retriable=retriable)
    assert {layer for _, layer in kept} == expected


def test_n19_file_is_looked_for_under_the_name_of_its_position(tmp_path):
    # T0 is of 15 January, T1 of 3 January.
    (tmp_path / "20190103_T1_B01.tif").touch()
    there, absent = {"condition": "file_exists"}, {"condition": "file_not_exist"}
    outputs = [
        [an_output(**there), an_output(layer="absent", **absent)],
        [an_output(**there), an_output(layer="absent", **absent)],
    ]
    expected = [(0, "absent"), (1, "B01"), (1, "absent")]
    assert _kept(tmp_path, outputs) == expected


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ("both", {"any", "of_two"}),
        ("physical", {"any", "of_two"}),
        ("plain, both", {"any", "of_two"}),
        ("plain", {"any"}),
        ("", {"any", "empty"}),
        (" ,", {"any", "empty"}),
    ],
)
def test_file_is_left_only_with_its_configuration(values, kept, tmp_path):
    outputs = _named(
        any={},
        of_two={"only_with": {"values": ["physical", "both"]}},
        empty={"only_with": {"values": [""]}},
        neither={"only_with": {"values": ["", "both"], "other": ["x"]}},
    )
    found = _kept(tmp_path, outputs, values=values, other="y")
    assert {layer for _, layer in found} == kept


def test_files_that_may_be_left_are_told_with_their_conditions(tmp_path):
    outputs = _named(
        skipped={"on_empty": "skip"},
        looked_for={"on_empty": "skip", "condition": "file_exists"},
        never={"on_empty": "skip", "only_with": {"values": ["x"]}},
        kept={"on_empty": "fail"},
    )
    graph = a_graph(tmp_path, out_files=outputs)
    found = expected_outputs(graph, a_context(graph, tmp_path, values="y"))
    assert [(out.name, out.when) for out in found] == [
        ("20181222_T1_skipped.tif", "on success, unless it is empty"),
        (
            "20181222_T1_looked_for.tif",
            "if file_exists, on success, unless it is empty",
        ),
        ("20181222_T1_kept.tif", "on success"),
    ]


def test_folder_of_a_layer_exists_too(tmp_path):
    (tmp_path / "C.SAFE").mkdir()
    output = {"layer": "__product__", "extension": "SAFE", "condition": "file_exists"}
    assert _kept(tmp_path, [[output]]) == [(0, "__product__")]


def test_outputs_keep_their_order_action_place_and_bands(tmp_path):
    outputs = [
        [an_output(layer="b", action="to_ignore"), an_output(layer="a", nbands=4)],
        [an_output(action="to_delete")],
    ]
    graph = a_graph(tmp_path, out_files=outputs)
    found = select_outputs(
        graph, a_context(graph, tmp_path, "CBA"), None, retriable=True
    )
    assert [(out.layer, out.action, out.bands) for out in found] == [
        ("b", OutAction.IGNORE, 1),
        ("a", OutAction.CREATE, 4),
        ("B01", OutAction.DELETE, 1),
    ]
    assert [out.place for out in found] == [a_place("C"), a_place("C"), a_place("B")]


def _format(folder, output, error=None, **config):
    graph = a_graph(folder, out_files=[[an_output(**output)]])
    (out,) = select_outputs(
        graph, a_context(graph, folder, "AAA", **config), error, retriable=True
    )
    return out.data_format


def test_data_format_is_that_of_the_fields(tmp_path):
    assert _format(tmp_path, UINT16) == DataFormat("uint16", 0, 0, 10000, 0, 1)


def test_text_of_the_configuration_overrides_the_fields(tmp_path):
    override = {"dformat_out": {"type": "config", "value": "format"}}
    found = _format(tmp_path, UINT16 | override, format="int16,-32768,0,1000")
    assert found == DataFormat("int16", -32768, 0, 1000, 0, 1)


def test_text_overrides_also_when_the_graph_failed(tmp_path):
    output = {
        **UINT16,
        "condition": "on_failure",
        "dformat_out": {"type": "fixed", "value": "uint8,0,1,255"},
    }
    assert _format(tmp_path, output, FAILED).dtype == "uint8"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, r"dformat_out: no configuration 'format'"),
        ({"format": "uint16,0"}, r"dformat_out: 'uint16,0', expected dtype,nodata"),
        ({"format": "uint8,0,0,256"}, r"max 256 does not fit in uint8"),
    ],
)
def test_bad_data_format_of_a_request_is_named(config, problem, tmp_path):
    override = {"dformat_out": {"type": "config", "value": "format"}}
    with pytest.raises(InvalidGraph, match=rf"\$\.out_files\[0\]\[0\].*{problem}"):
        _format(tmp_path, UINT16 | override, **config)


def test_data_format_of_a_file_that_is_not_kept_is_not_looked_at(tmp_path):
    output = {
        "condition": "on_failure",
        "dformat_out": {"type": "config", "value": "format"},
    }
    assert _kept(tmp_path, [[an_output(**output)]], format="nonsense") == []


def test_shipped_landsat_graph_indexes_what_is_there(tmp_path):
    graph = load_graph("ExtractLandsatBands")
    settings = a_context(graph, tmp_path, "AAA")
    (tmp_path / "20181222_T1_B04.tif").touch()
    (out,) = select_outputs(graph, settings, None, retriable=True)
    assert (out.layer, out.action) == ("B04", OutAction.INDEX)
