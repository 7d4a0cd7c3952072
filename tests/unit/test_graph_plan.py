# SPDX-License-Identifier: Apache-2.0
"""What a graph will do for a tile: tokens, names, inputs."""

import locale
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agents.worker.graph.engines.command import tokens
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import Position, context
from agents.worker.graph.picture import draw
from agents.worker.graph.plan import make_plan
from streams.errors import InvalidGraph
from streams.model import Scene, Tile
from tests.graphs import a_context, a_graph, a_place, a_step, an_output

WORK = Path("/work-folder")
FRENCH = "fr_FR.ISO-8859-1"


def _argument(folder, argument, scenes="CBA", **config):
    """What a step is told by one argument."""
    graph = a_graph(folder, processing_steps=[a_step(args={"a": argument})])
    plan = make_plan(graph, a_context(graph, WORK, scenes, **config))
    return plan.commands[0].arguments["a"]


def test_command_line_of_the_documented_example(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/ndvi").touch()
    red_and_nir = [{"layer": "B04", "extension": "tif"}, {"layer": "B08"}]
    graph = a_graph(
        tmp_path,
        config={"dformat_out": "uint16,0,1,10001"},
        processing_steps=[
            {
                "engine": "cmd",
                "command": "tools/ndvi",
                "args": {
                    "red": {"type": "in", "layer": "B04", "extension": "tif"},
                    "nir": {"type": "in", "layer": "B08", "extension": "tif"},
                    "to": {"type": "out", "layer": "ndvi", "extension": "tif"},
                    "dformat": {"type": "config", "value": "dformat_out"},
                },
            }
        ],
        in_files=[red_and_nir],
    )
    date = datetime(2022, 1, 4, 10, tzinfo=UTC)
    place = Position(Scene("S2A", "sentinel2", date), Tile("T32UNG_1", "S2A", date))
    plan = make_plan(graph, context(graph, (place,) * 3, {}, WORK))
    assert plan.commands[0].command == str(tmp_path / "tools/ndvi")
    assert tokens(plan.commands[0].arguments) == [
        "--red=20220104_T32UNG_1_B04.tif",
        "--nir=20220104_T32UNG_1_B08.tif",
        "--to=20220104_T32UNG_1_ndvi.tif",
        "--dformat=uint16,0,1,10001",
    ]
    names = [fetch.name for fetch in plan.inputs]
    assert names == ["20220104_T32UNG_1_B04.tif", "20220104_T32UNG_1_B08"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("swath", "IW1"),
        ("number", "7"),
        ("scene", "C"),
        ("date", "15Jan2019"),
        ("constellation", "Sentinel1"),
    ],
)
def test_argument_tells_about_the_current_tile(key, value, tmp_path):
    assert _argument(tmp_path, {"type": "tile", "value": key}) == value


@pytest.mark.parametrize(
    ("scenes", "date"),
    # The first date that SNAP saw: of T0 when T1 is T2, else of T2.
    [("AAA", "22Dec2018"), ("BAA", "03Jan2019"), ("CBA", "22Dec2018")],
)
def test_n8_date_of_coherence_follows_the_series(scenes, date, tmp_path):
    assert _argument(tmp_path, {"type": "tile", "value": "cohdate"}, scenes) == date


@pytest.fixture
def french(tmp_path, monkeypatch):
    """Speaks French, in a locale made for the test."""
    if not shutil.which("localedef"):
        pytest.skip("no localedef here, which makes a French locale")
    made = subprocess.run(
        ["localedef", "-i", "fr_FR", "-f", "ISO-8859-1", str(tmp_path / FRENCH)],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip(f"no French locale can be made here: {made.stderr.decode()}")
    monkeypatch.setenv("LOCPATH", str(tmp_path))
    before = locale.setlocale(locale.LC_TIME)
    locale.setlocale(locale.LC_TIME, FRENCH)
    yield
    locale.setlocale(locale.LC_TIME, before)


def test_n7_date_is_english_whatever_the_locale(french, tmp_path):
    assert f"{datetime(2019, 1, 15):%b}" == "janv."  # noqa: DTZ001 (of a month alone)
    argument = {"type": "tile", "value": "date"}
    assert _argument(tmp_path, argument) == "15Jan2019"


def test_dates_are_utc(tmp_path):
    graph = a_graph(
        tmp_path,
        processing_steps=[
            a_step(
                args={
                    "day": {"type": "tile", "value": "date"},
                    "to": {"type": "out", "layer": "x", "extension": "tif"},
                }
            )
        ],
    )
    late = datetime(2019, 1, 15, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    place = Position(Scene("S", "landsat", late), Tile("T", "S", late))
    plan = make_plan(graph, context(graph, (place,) * 3, {}, WORK))
    assert plan.commands[0].arguments == {"day": "16Jan2019", "to": "20190116_T_x.tif"}


def test_n9_layer_of_every_kind_is_a_pattern_for_the_command(tmp_path):
    argument = {"type": "out", "layer": "*", "extension": "jp2"}
    graph = a_graph(tmp_path, processing_steps=[a_step(args={"a": argument})])
    date = datetime(2022, 1, 4, tzinfo=UTC)
    place = Position(Scene("S", "sentinel2", date), Tile("X", "S", date))
    plan = make_plan(graph, context(graph, (place,) * 3, {}, WORK))
    assert plan.commands[0].arguments == {"a": "20220104_X_*.jp2"}


def test_input_argument_names_the_file_of_its_position(tmp_path):
    argument = {"type": "in", "tile_index": 1, "layer": "x", "extension": "dim"}
    assert _argument(tmp_path, argument) == "20190103_T1_x.dim"


def test_product_is_named_like_its_scene(tmp_path):
    argument = {"type": "in", "layer": "__product__", "extension": "SAFE"}
    assert _argument(tmp_path, argument) == "C.SAFE"


def test_n10_value_is_one_token_whatever_is_in_it():
    arguments = {"k": "a b", "empty": "", "quoted": '"VV VH"', "n": "x=y\nz"}
    assert tokens(arguments) == [
        "--k=a b",
        "--empty=",
        '--quoted="VV VH"',
        "--n=x=y\nz",
    ]


def test_n5_request_overrides_the_defaults_and_never_the_work_folder(tmp_path):
    graph = a_graph(tmp_path, config={"a": "default", "b": "default"})
    found = a_context(graph, WORK, b="given", c="new", workdir="/elsewhere").config
    assert found == {"a": "default", "b": "given", "c": "new", "workdir": str(WORK)}


def test_work_folder_is_a_configuration(tmp_path):
    assert _argument(tmp_path, {"type": "config", "value": "workdir"}) == str(WORK)


def test_configuration_that_is_missing_is_named(tmp_path):
    with pytest.raises(InvalidGraph, match="argument 'a': no configuration 'lost'"):
        _argument(tmp_path, {"type": "config", "value": "lost"})


def test_steps_whose_condition_does_not_hold_are_left_out(tmp_path):
    steps = [
        a_step(command="always"),
        a_step(command="later", condition="different_T0_T1"),
        # What it would be told is not looked at.
        a_step(
            command="first",
            condition="equal_T0_T1",
            args={"a": {"type": "config", "value": "lost"}},
        ),
    ]
    graph = a_graph(tmp_path, processing_steps=steps)
    plan = make_plan(graph, a_context(graph, WORK, "BAA"))
    assert [command.command for command in plan.commands] == ["always", "later"]


def test_n21_tile_without_previous_is_its_own_and_fetched_once(tmp_path):
    file = {"layer": "x", "extension": "dim"}
    graph = a_graph(tmp_path, in_files=[[file, file], [file], [file]])
    alone = make_plan(graph, a_context(graph, WORK, "AAA"))
    assert [(f.position, f.name) for f in alone.inputs] == [(0, "20181222_T1_x.dim")]
    later = make_plan(graph, a_context(graph, WORK, "CBA"))
    assert [fetch.position for fetch in later.inputs] == [0, 1, 2]


def test_variables_of_a_step_win_over_those_of_the_graph(tmp_path):
    steps = [a_step(engine="docker", envs=["B=step", "C=x=y"]), a_step(engine="docker")]
    graph = a_graph(tmp_path, envs=["A=", "B=graph"], processing_steps=steps)
    plan = make_plan(graph, a_context(graph, WORK))
    assert [command.envs for command in plan.commands] == [
        {"A": "", "B": "step", "C": "x=y"},
        {"A": "", "B": "graph"},
    ]


def test_inputs_follow_their_conditions(tmp_path):
    extract = {"layer": "coregextract", "condition": "different_T1_T2"}
    prepared = {"layer": "preprocessed", "condition": "different_T0_T2"}
    graph = a_graph(
        tmp_path, in_files=[[{"layer": "preprocessed"}], [extract], [prepared]]
    )
    fetched = [
        [
            (fetch.position, fetch.file.layer)
            for fetch in make_plan(graph, a_context(graph, WORK, scenes)).inputs
        ]
        for scenes in ("AAA", "BAA", "CBA")
    ]
    assert fetched == [
        [(0, "preprocessed")],
        [(0, "preprocessed"), (2, "preprocessed")],
        [(0, "preprocessed"), (1, "coregextract"), (2, "preprocessed")],
    ]


def test_layers_of_two_scenes_with_one_name_are_refused(tmp_path):
    # In the work folder the second would be taken for the first.
    file = {"layer": "x", "extension": "tif"}
    graph = a_graph(tmp_path, in_files=[[file], [file]])
    tiles = (a_place("A1"), a_place("A2"), a_place("A2"))
    with pytest.raises(InvalidGraph, match=r"_T1_x\.tif' of scenes A1 and A2"):
        make_plan(graph, context(graph, tiles, {}, WORK))


def test_plan_names_its_graph_and_the_digest():
    graph = load_graph("Pass")
    plan = make_plan(graph, a_context(graph, WORK))
    assert (plan.graph, plan.digest) == ("Pass", graph.digest)
    assert plan.inputs == plan.commands == ()


def test_picture_shows_files_that_would_be_kept_and_no_others(tmp_path):
    outputs = [
        an_output(layer="always"),
        an_output(layer="maybe", condition="file_exists"),
        an_output(layer="later", condition="different_T0_T1"),
        an_output(layer="other", only_with={"values": ["both"]}),
        an_output(layer="ignored", action="to_ignore"),
        an_output(layer="deleted", action="to_delete"),
    ]
    graph = a_graph(tmp_path, config={"values": "one"}, out_files=[outputs])
    boxes = draw(graph, a_context(graph, WORK, "AAA")).boxes
    assert [box.text.split("_")[-1] for box in boxes] == ["always.tif", "maybe.tif"]
