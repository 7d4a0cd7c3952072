# SPDX-License-Identifier: Apache-2.0
"""What is known of the graphs of a request before it is sent."""

import hashlib
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.catalogue.agent import open_catalogue
from agents.settings import Settings, load_settings
from agents.worker.graph.check import withheld
from streams.errors import InvalidRequest
from streams.payload import read_payload
from tests.graphs import UINT16, a_graph, a_step, an_output

EXAMPLE = Path(__file__).parents[2] / "examples/landsat-denmark.json"


def checked(graph, **settings):
    """Check the example with another tile graph; the problems."""
    request = read_payload(EXAMPLE.read_bytes(), request="r", by="tests")
    request = replace(request, tile_graph=str(graph), layers={})
    catalogue = open_catalogue(Settings(catalogue_searches=(), **settings))
    try:
        catalogue.check(request)
    except InvalidRequest as error:
        return list(error.problems)
    return []


@pytest.fixture
def graph(tmp_path):
    """Writes a graph of one native step."""

    def write(command="extract_landsat_bands", **changes):
        file = tmp_path / "graph.json"
        document = {
            "processing_steps": [a_step(command=command, **changes)],
            "out_files": [[an_output(**UINT16)]],
        }
        file.write_text(json.dumps(document))
        return file

    return write


def test_graph_below_a_root_is_accepted(graph, tmp_path):
    assert checked(graph(), graph_roots=(str(tmp_path),)) == []


def test_native_function_that_nobody_registered_is_refused(graph, tmp_path):
    (problem,) = checked(graph("extract_moon"), graph_roots=(str(tmp_path),))
    assert "$.processing_steps[0].command: no function 'extract_moon' is" in problem
    assert "only: extract_landsat_bands, " in problem


def test_n4_configuration_that_nobody_gives_is_refused(graph, tmp_path):
    file = graph(args={"a": {"type": "config", "value": "lost"}})
    assert checked(file, graph_roots=(str(tmp_path),)) == [
        f"$.graph_config: graph '{file}' needs the configuration 'lost' "
        "(at $.processing_steps[0].args.a)"
    ]


def test_script_that_is_not_there_is_refused(graph, tmp_path):
    file = graph("gone.py", engine="python")
    (problem,) = checked(file, graph_roots=(str(tmp_path),))
    assert "'gone.py' is no file below" in problem


def test_graph_outside_of_the_roots_is_refused_with_what_would_allow_it(graph):
    (problem,) = checked(graph(), graph_roots=("/somewhere/else",))
    assert "may not be run: expected a file below /somewhere/else or with" in problem
    assert "INGESTER_GRAPH_DIGESTS" in problem


def test_graph_outside_of_the_roots_is_accepted_by_its_digest(graph):
    file = graph()
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert checked(file, graph_digests=digest) == []
    file.write_text(file.read_text() + " ")
    assert checked(file, graph_digests=digest) != []


def wanted(graph, *layers, **config):
    """Problems of the example with these layers and this configuration."""
    request = read_payload(EXAMPLE.read_bytes(), request="r", by="tests")
    target = next(iter(request.layers.values()))
    request = replace(
        request,
        tile_graph=graph,
        layers=dict.fromkeys(layers, target),
        graph_config=config,
    )
    try:
        open_catalogue(Settings(catalogue_searches=())).check(request)
    except InvalidRequest as error:
        return list(error.problems)
    return []


def test_layer_that_needs_other_configuration_is_refused():
    assert wanted("ExtractLandsatBands", "B04", "TOA_B04", bands="B04") == [
        "$.layers.TOA_B04: graph 'ExtractLandsatBands' gives it only by the "
        "graph_config 'values' with 'physical' or 'both', not 'numbers'"
    ]


@pytest.mark.parametrize(
    ("graph", "layer", "config"),
    [
        ("ExtractLandsatBands", "TOA_B04", {"values": "physical"}),
        ("ExtractLandsatBands", "BT_B10", {"values": "both", "bands": "B04, B10"}),
        ("ExtractLandsatBands", "B06_VCID_1", {"values": ""}),
        ("ExtractLandsatBands", "SR_B4", {"values": "physical"}),
        ("ExtractLandsatBands", "QA_PIXEL", {}),
        ("ExtractS2BandsCog", "SCL", {"bands": "SCL"}),
        ("S1GrdSigma0", "sigma0_VV", {"quantity": ""}),
        ("S1GrdSigma0Db", "gamma0_VH", {"quantity": "gamma0", "polarisations": "VH"}),
    ],
)
def test_layer_that_its_configuration_gives_is_accepted(graph, layer, config):
    assert wanted(graph, layer, **config) == []


@pytest.mark.parametrize(
    ("graph", "layer", "config"),
    [
        ("ExtractLandsatBands", "B04", {"values": "physical"}),
        ("ExtractLandsatBands", "B04", {"bands": "B05"}),
        ("ExtractLandsatBands", "BT_B10", {"values": "both", "bands": "B04,QA_PIXEL"}),
        ("ExtractS2BandsCog", "SCL", {"bands": "B04,B08"}),
        ("S1GrdSigma0", "beta0_VV", {}),
        ("S1GrdSigma0Db", "sigma0_VV", {"polarisations": "VH"}),
    ],
)
def test_layer_that_its_configuration_leaves_out_is_refused(graph, layer, config):
    (problem,) = wanted(graph, layer, **config)
    assert problem.startswith(f"$.layers.{layer}: graph '{graph}' gives it only by ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("uint17,0,0,1", "data type 'uint17' is unknown, expected one of complex64, "),
        ("int16,0,0", "'int16,0,0', expected dtype,nodata,min,max"),
        ("uint8,0,0,1000", "max 1000 does not fit in uint8"),
    ],
)
def test_data_format_that_no_index_takes_is_refused_once(text, why):
    (problem,) = wanted("S1GrdSigma0", "sigma0_VV", dformat_out=text)
    start = "$.graph_config: graph 'S1GrdSigma0': configuration 'dformat_out': "
    assert problem.startswith(start + why)


def test_layer_that_one_of_two_out_files_gives_is_accepted(tmp_path):
    outputs = [
        an_output(**UINT16, only_with={"unit": [unit]}) for unit in ("db", "linear")
    ]
    graph = a_graph(tmp_path, config={"unit": "linear"}, out_files=[outputs])
    assert withheld(graph, "B01", {"unit": "db"}) == ""
    assert withheld(graph, "B01", {"unit": "both"}) == "'unit' with 'db', not 'both'"


@pytest.mark.parametrize("digest", ["sha256:12", "md5:" + "0" * 64, "0" * 64])
def test_digest_that_is_none_is_refused_by_its_setting(digest):
    with pytest.raises(InvalidRequest, match=r"INGESTER_GRAPH_DIGESTS: .*sha256: and"):
        load_settings(graph_digests=digest)
