# SPDX-License-Identifier: Apache-2.0
"""Broken graphs: each is told what is wrong, and where."""

import hashlib
import json

import pytest

from agents.worker.graph.load import load_graph
from streams.errors import InvalidGraph
from tests.graphs import UINT16, a_step, an_output


def _steps(**changes):
    return {"processing_steps": [a_step(**changes)]}


def _arg(**arg):
    return _steps(args={"a": arg})


def _outs(**changes):
    return {"out_files": [[an_output(**changes)]]}


STEP = "$.processing_steps[0]"
ARG = f"{STEP}.args.a"
OUT = "$.out_files[0][0]"

ZEROS = f"sha256:{'0' * 64}"

# The document (text stands for itself), and what its only problem says.
BROKEN = {
    "not JSON": ("{", "$: not JSON: Expecting property name"),
    "text after it": ("{} {}", "$: not JSON: Extra data"),
    "no object": ("[]", "$: expected a JSON object, found list"),
    "not UTF-8": (b'{"config": "\xff"}', "$: not JSON: 'utf-8' codec can't decode"),
    "too deep": ("[" * 100_000, "$: not JSON: maximum recursion depth exceeded"),
    "no number of JSON": ('{"config": NaN}', "$: not JSON: NaN is no number"),
    "unknown key": (
        {"outfiles": []},
        "$: unknown key 'outfiles', did you mean 'out_files'?",
    ),
    "unknown key of a step": (
        _steps(conditon="pass"),
        f"{STEP}: unknown key 'conditon', did you mean 'condition'?",
    ),
    "config is a list": ({"config": []}, "$.config: Input should be a valid dict"),
    "config of lists": ({"config": {"k": [1]}}, "$.config.k: Input should be a valid"),
    "steps are an object": ({"processing_steps": {}}, "$.processing_steps: Input sho"),
    "envs are a text": ({"envs": "A=1"}, "$.envs: Input should be a valid list"),
    "no engine": ({"processing_steps": [{"command": "x"}]}, f"{STEP}.engine: missing"),
    "unknown engine": (
        _steps(engine="perl"),
        f"{STEP}.engine: Input should be 'python', 'cmd', 'native', 'docker' or "
        "'snap', found \"perl\"",
    ),
    "no command": (
        {"processing_steps": [{"engine": "cmd"}]},
        f"{STEP}.command: missing",
    ),
    "empty command": (_steps(command=""), f"{STEP}.command: String should have at"),
    "command is not there": (
        _steps(engine="python", command="gone.py"),
        f"{STEP}.command: 'gone.py' is no file below ",
    ),
    "command elsewhere": (
        _steps(engine="cmd", command="/bin/sh"),
        f"{STEP}.command: '/bin/sh' is no file below ",
    ),
    "command above": (
        _steps(engine="cmd", command="../../../../../../bin/sh"),
        f"{STEP}.command: '../../../../../../bin/sh' is no file below ",
    ),
    "unknown condition": (
        _steps(condition="sometimes"),
        f"{STEP}.condition: Input should be 'pass', 'different_T0_T1', ",
    ),
    "condition in capitals": (
        _steps(condition="PASS"),
        f"{STEP}.condition: Input should be 'pass', ",
    ),
    "step on failure": (
        _steps(condition="on_fatal_failure"),
        f"{STEP}.condition: 'on_fatal_failure' is not for steps, expected one of ",
    ),
    "no time": (_steps(timeout_s=0), f"{STEP}.timeout_s: Input should be greater"),
    "time as text": (_steps(timeout_s="5"), f"{STEP}.timeout_s: Input should be a va"),
    "endless time": (
        '{"processing_steps": [{"engine": "native", "command": "x", '
        '"timeout_s": 1e999}]}',
        f"{STEP}.timeout_s: Input should be a finite number",
    ),
    "argument without type": (_arg(value="x"), f"{ARG}.type: missing"),
    "unknown type": (
        _arg(type="tile_in"),
        f"{ARG}.type: 'tile_in', expected one of 'fixed', 'config', 'tile', 'in', ",
    ),
    "argument is null": (_steps(args={"a": None}), f"{ARG}: Input should be a valid "),
    "value is a number": (
        _arg(type="fixed", value=5),
        f"{ARG}.value: Input should be a valid string, found 5",
    ),
    "argument named args": (
        _steps(args={"args": {"type": "fixed", "value": 5}}),
        f"{STEP}.args.args.value: Input should be a valid string, found 5",
    ),
    "no key of configuration": (_arg(type="config"), f"{ARG}.value: missing"),
    "unknown key of the tile": (
        _arg(type="tile", value="orbit"),
        f"{ARG}.value: Input should be 'swath', 'number', 'scene', 'date', 'cohdate' ",
    ),
    "fourth tile": (
        _arg(type="in", tile_index=3, layer="x"),
        f"{ARG}.tile_index: Input should be less than or equal to 2, found 3",
    ),
    "tile before the first": (
        _arg(type="in", tile_index=-1, layer="x"),
        f"{ARG}.tile_index: Input should be greater than or equal to 0, found -1",
    ),
    "tile is a truth": (
        _arg(type="in", tile_index=True, layer="x"),
        f"{ARG}.tile_index: Input should be a valid integer, found true",
    ),
    "old name of the product": (
        _arg(type="in", layer="product"),
        f"{ARG}.layer: 'product' was renamed, expected '__product__'",
    ),
    "old name of everything": (
        {"in_files": [[{"layer": "x", "extension": "all"}]]},
        "$.in_files[0][0].extension: 'all' was renamed, expected '*'",
    ),
    "four lists of inputs": (
        {"in_files": [[], [], [], []]},
        "$.in_files: Value should have at most 3 items",
    ),
    "input in no list": ({"in_files": [{}]}, "$.in_files[0]: Input should be a valid"),
    "input when a file exists": (
        {"in_files": [[], [{"layer": "x", "condition": "file_exists"}]]},
        "$.in_files[1][0].condition: 'file_exists' is not for in_files, expected one ",
    ),
    "optional as text": (
        {"in_files": [[{"layer": "x", "optional": "yes"}]]},
        "$.in_files[0][0].optional: Input should be a valid boolean",
    ),
    "four lists of outputs": (
        {"out_files": [[], [], [], [an_output()]]},
        "$.out_files: Value should have at most 3 items",
    ),
    "unknown action": (
        _outs(action="keep"),
        f"{OUT}.action: Input should be 'to_ignore', 'to_create', 'to_index' or ",
    ),
    "empty action": (_outs(action=""), f"{OUT}.action: Input should be 'to_ignore', "),
    "unknown data type": (
        _outs(datatype="uint12"),
        f"{OUT}.datatype: data type 'uint12' is unknown, expected one of complex64, ",
    ),
    "error condition about files": (
        _outs(error_condition="file_exists"),
        f"{OUT}.error_condition: 'file_exists' is not about errors, expected one of ",
    ),
    "data format of a tile": (
        _outs(dformat_out={"type": "tile", "value": "date"}),
        f"{OUT}.dformat_out.type: 'tile', expected one of 'fixed', 'config'",
    ),
    "data format of three fields": (
        _outs(dformat_out={"type": "fixed", "value": "uint16,0,1"}),
        f"{OUT}.dformat_out: 'uint16,0,1', expected dtype,nodata,min,max",
    ),
    "data format with a word": (
        _outs(dformat_out={"type": "fixed", "value": "uint16,x,0,1"}),
        f"{OUT}.dformat_out: 'uint16,x,0,1': 'x' is no number",
    ),
    "data format of the configuration": (
        {
            "config": {"format": "int99,0,0,1"},
            **_outs(dformat_out={"type": "config", "value": "format"}),
        },
        f"{OUT}.dformat_out: data type 'int99' is unknown, expected one of ",
    ),
    "indexed without data type": (
        _outs(**{**UINT16, "datatype": ""}),
        f"{OUT}: data type missing",
    ),
    "indexed without range": (
        _outs(**{**UINT16, "max_value": 0}),
        f"{OUT}: min 0.0 is not below max",
    ),
    "indexed without physical range": (
        _outs(**{**UINT16, "ext_max_value": 0}),
        f"{OUT}: external min 0.0 is not below max",
    ),
    "indexed beyond its type": (
        _outs(**{**UINT16, "max_value": 65536}),
        f"{OUT}: max 65536 does not fit in uint16",
    ),
    "no-data beyond its type": (
        _outs(**UINT16, nodata=-1),
        f"{OUT}: no-data -1 does not fit in uint16",
    ),
    "indexed with exponent 0": (
        _outs(**UINT16, exponent=0),
        f"{OUT}: exponent 0.0 is not above 0",
    ),
    "indexed without bands": (
        _outs(**UINT16, nbands=0),
        f"{OUT}.nbands: 0, expected at least 1",
    ),
    "negative bands": (_outs(nbands=-1), f"{OUT}.nbands: Input should be greater than"),
    "half a band": (_outs(nbands=1.5), f"{OUT}.nbands: Input should be a valid integ"),
    "nothing known of empty ones": (
        _outs(on_empty="drop"),
        f"{OUT}.on_empty: Input should be 'keep', 'skip' or 'fail', found ",
    ),
    "empty text": (
        _outs(extension="txt", on_empty="skip"),
        f"{OUT}.on_empty: 'skip' is for rasters that are stored (to_index, or ",
    ),
    "empty folder": (
        _outs(extension="SAFE", on_empty="fail"),
        f"{OUT}.on_empty: 'fail' is for rasters that are stored",
    ),
    "empty deletion": (
        _outs(action="to_delete", on_empty="skip"),
        f"{OUT}.on_empty: 'skip' is for rasters that are stored",
    ),
    "configuration as a text": (
        _outs(only_with={"values": "both"}),
        f"{OUT}.only_with.values: Input should be a valid list",
    ),
    "configuration without a word": (
        _outs(only_with={"values": []}),
        f"{OUT}.only_with.values: List should have at least 1 item",
    ),
    "variable without a value": (
        {"envs": ["LEVEL"]},
        "$.envs[0]: String should match pattern",
    ),
    "variables of a function": (
        _steps(envs=["LEVEL=1"]),
        f"{STEP}.envs: the engine 'native' has no containers, expected docker",
    ),
    "version of lists": ({"version": [1]}, "$.version: Input should be a valid string"),
    "no-data as text": (_outs(nodata="NaN"), f"{OUT}.nodata: Input should be a valid "),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_n2_n3_broken_graph_is_refused_with_the_place_and_the_problem(
    document, expected, tmp_path
):
    text = json.dumps(document) if isinstance(document, dict) else document
    content = text.encode() if isinstance(text, str) else text
    (tmp_path / "graph.json").write_bytes(content)
    with pytest.raises(InvalidGraph) as caught:
        load_graph("graph.json", [tmp_path])
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(expected)


def test_every_problem_of_a_graph_is_told_at_once(tmp_path):
    document = {
        "processing_steps": [
            a_step(engine="perl", args={"a": {"type": "in", "tile_index": 9}}),
            a_step(timeout=3, comand="x"),
        ],
        "out_files": [[an_output(action="keep")]],
    }
    (tmp_path / "graph.json").write_text(json.dumps(document))
    with pytest.raises(InvalidGraph) as caught:
        load_graph("graph.json", [tmp_path])
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        "$.processing_steps[0].engine",
        "$.processing_steps[0].args.a.tile_index",
        "$.processing_steps[1]",
        "$.out_files[0][0].action",
    ]
    assert caught.value.problems[2].count("unknown key") == 2


@pytest.mark.parametrize(
    "name",
    ["Nothing", "gone.json", "../secret.json", "a\0b", "", "linked"],
)
def test_graph_that_may_not_be_read_is_unknown(name, tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InvalidGraph, match="unknown; shipped: CopyProductToStorage, "):
        load_graph(name, [root])


@pytest.mark.parametrize("name", ["/etc/hostname", "/etc/no-such-file"])
def test_file_outside_of_the_roots_is_refused_whether_it_is_there_or_not(
    name, tmp_path
):
    with pytest.raises(InvalidGraph) as caught:
        load_graph(name, [tmp_path], [ZEROS])
    assert caught.value.problems == (
        f"may not be run: expected a file below {tmp_path} or with a digest of "
        "INGESTER_GRAPH_DIGESTS",
    )


def test_file_with_a_digest_of_the_list_may_be_run_from_anywhere(tmp_path):
    file = tmp_path / "graph.json"
    file.write_text('{"config": {"a": "1"}}')
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert load_graph(str(file), [], [ZEROS, digest]).config == {"a": "1"}
    assert load_graph(str(file), [tmp_path / "other"], [digest.upper()]).steps == ()


def test_file_that_changed_since_its_digest_was_taken_is_refused(tmp_path):
    file = tmp_path / "graph.json"
    file.write_text("{}")
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    file.write_text("{ }")
    with pytest.raises(InvalidGraph, match="may not be run"):
        load_graph(str(file), [], [digest])


def test_file_that_is_too_large_to_be_a_graph_is_not_looked_into(tmp_path):
    file = tmp_path / "graph.json"
    with file.open("wb") as opened:
        opened.truncate(256 * 1024 * 1024 + 1)  # takes no place on the disk
    with pytest.raises(InvalidGraph, match="may not be run"):
        load_graph(str(file), [], [ZEROS])


def test_command_outside_of_the_roots_needs_a_digest_of_its_own(tmp_path):
    script = tmp_path / "elsewhere/script.py"
    script.parent.mkdir()
    script.write_text("print()")
    root = tmp_path / "root"
    root.mkdir()
    step = {"engine": "python", "command": str(script)}
    (root / "g.json").write_text(json.dumps({"processing_steps": [step]}))
    with pytest.raises(InvalidGraph, match=r"script\.py' is no file below .*root or"):
        load_graph("g.json", [root], [ZEROS])
    digest = f"sha256:{hashlib.sha256(script.read_bytes()).hexdigest()}"
    graph = load_graph("g.json", [root], [digest])
    assert graph.steps[0].command == str(script)


def test_graph_of_no_root_is_told_which_setting_names_them():
    with pytest.raises(InvalidGraph, match="INGESTER_GRAPH_ROOTS is empty"):
        load_graph("mine.json")
