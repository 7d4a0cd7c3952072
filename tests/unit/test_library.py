# SPDX-License-Identifier: Apache-2.0
"""The graphs that come with us: they are there, whole, and say what they should."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agents import plugins
from agents.worker.graph.check import (
    indexed_layers,
    loose_ends,
    missing_config,
    scene_graph_problems,
    unregistered_steps,
)
from agents.worker.graph.load import LIBRARY, library, load_graph
from agents.worker.graph.model import EngineName
from streams.errors import InvalidGraph
from tests.graphs import a_graph, a_step

SCENE_GRAPHS = (
    *("CopyProductToStorage", "Pass"),
    *("S1Preprocessing", "PhrPreProcessing", "SpotPreProcessing"),
)

S1 = {
    "snap_cpu_parallelism": "1",
    "terrain_correction_range": "4",
    "terrain_correction_azimuth": "1",
    "coherence_range": "16",
    "coherence_azimuth": "4",
    "dem_name": "SRTM 3Sec",
    "dem_file": "",
    "dem_nodata": "0",
    "dem_egm_correction": "True",
    "dem_resampling": "BILINEAR_INTERPOLATION",
    "img_resampling": "BICUBIC_INTERPOLATION",
    "bkg_resampling": "BISINC_21_POINT_INTERPOLATION",
    "resolution": "20",
    "projection": "EPSG:4326",
    "bs_erode_iterations": "10",
    "coh_erode_iterations": "10",
    "dformat_out": "float32,0,0,1",
}
OPTICAL = {"dformat_out": "uint16,0,0,32767"}

# Name → configuration and indexed layers.
GRAPHS = {
    "S1Preprocessing": (S1, []),
    "S1BackscatterCoherence": (S1, ["sigma0_VV", "sigma0_VH", "coh_VV", "coh_VH"]),
    "S1CoregExtract": (S1, []),
    "S1Clean": ({}, []),
    "CopyProductToStorage": ({}, []),
    "Pass": ({}, []),
    "PhrPreProcessing": (OPTICAL, []),
    "PhrProcessing": (OPTICAL, ["MS", "P"]),
    "SpotPreProcessing": (OPTICAL, []),
    "SpotProcessing": (OPTICAL, ["MS", "P"]),
    "ExtractS2Bands": (
        {"dformat_out": "uint16,0,0,10000"},
        [f"B{number:02}" for number in range(1, 13)],
    ),
}

# Operators of SNAP and their parameters, by its sources: the Sentinel-1 Toolbox 9 for
# those of radar, snap-engine for the others. No installed SNAP was at hand.
OPERATORS = {
    "Read": "file",
    "Write": "file formatName",
    "BandMaths": "targetBands",
    "BandMerge": "sourceBands geographicError",
    "BandSelect": "selectedPolarisations sourceBands bandNamePattern",
    "TOPSAR-Split": (
        "subswath selectedPolarisations firstBurstIndex lastBurstIndex wktAoi"
    ),
    "TOPSAR-Deburst": "selectedPolarisations",
    "Apply-Orbit-File": "orbitType polyDegree continueOnFail",
    "Calibration": (
        "sourceBands auxFile externalAuxFile outputImageInComplex outputImageScaleInDb "
        "createGammaBand createBetaBand selectedPolarisations outputSigmaBand "
        "outputGammaBand outputBetaBand"
    ),
    "Back-Geocoding": (
        "demName demResamplingMethod externalDEMFile externalDEMNoDataValue "
        "resamplingType maskOutAreaWithoutElevation outputRangeAzimuthOffset "
        "outputDerampDemodPhase disableReramp"
    ),
    "Coherence": (
        "cohWinAz cohWinRg subtractFlatEarthPhase srpPolynomialDegree srpNumberPoints "
        "orbitDegree squarePixel subtractTopographicPhase demName externalDEMFile "
        "externalDEMNoDataValue externalDEMApplyEGM tileExtensionPercent singleMaster"
    ),
    "Multilook": "sourceBands nRgLooks nAzLooks outputIntensity grSquarePixel",
    "Terrain-Correction": (
        "sourceBands demName externalDEMFile externalDEMNoDataValue "
        "externalDEMApplyEGM demResamplingMethod imgResamplingMethod "
        "pixelSpacingInMeter pixelSpacingInDegree mapProjection alignToStandardGrid "
        "standardGridOriginX standardGridOriginY nodataValueAtSea saveDEM saveLatLon "
        "saveIncidenceAngleFromEllipsoid saveLocalIncidenceAngle "
        "saveProjectedLocalIncidenceAngle saveSelectedSourceBand outputComplex "
        "applyRadiometricNormalization"
    ),
}

CHAINS = {
    "S1_SLC_BurstSplit_AO_CAL": (
        "Read TOPSAR-Split Apply-Orbit-File Calibration Write",
        "input output swath polar burst",
    ),
    "S1_SLC_BkG": (
        "Read Read Back-Geocoding Write",
        "master slave output dem_name dem_file dem_nodata dem_resampling resampling",
    ),
    "S1_SLC_SlvExtract": ("Read BandSelect Write", "input output"),
    "S1_SLC_Deb_BetaSigma_ML_TC_RNKELL": (
        "Read TOPSAR-Deburst BandMaths BandMaths BandMerge Multilook "
        "Terrain-Correction BandMaths Write BandMaths Write",
        "input outputVV outputVH swath img_suffix range_multilook azimuth_multilook "
        "dem_name dem_file dem_nodata dem_egm dem_resampling img_resampling "
        "projection resolution grid_align band trig",
    ),
    "S1_SLC_Coh_BSel_Deb_ML_TC": (
        "Read Coherence BandSelect TOPSAR-Deburst Multilook Terrain-Correction "
        "BandSelect Write BandSelect Write",
        "input outputVV outputVH coherence_azimuth coherence_range sel_date "
        "range_multilook azimuth_multilook dem_name dem_file dem_nodata dem_egm "
        "dem_resampling img_resampling projection resolution grid_align",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_has_its_configuration_and_layers(name):
    graph = load_graph(name)
    config, layers = GRAPHS[name]
    assert graph.config == config
    assert indexed_layers(graph) == layers


@pytest.mark.parametrize("name", library())
def test_graph_is_sound_where_it_is_used(name):
    graph = load_graph(name)
    assert missing_config(graph, {}) == []
    assert loose_ends(graph) == []
    assert unregistered_steps(graph, plugins.names("step")) == []
    if name in SCENE_GRAPHS:
        assert scene_graph_problems(graph) == []


@pytest.mark.parametrize("name", library())
def test_commands_of_a_graph_are_files_of_the_library(name):
    for step in load_graph(name).steps:
        if step.engine is not EngineName.NATIVE:
            command = Path(step.command)
            assert command.is_file()
            assert command.is_relative_to(LIBRARY)


def test_every_shipped_file_is_used_or_for_others():
    used = {Path(s.command).name for n in library() for s in load_graph(n).steps}
    shipped = {f.name for f in LIBRARY.glob("snap/*")} | {
        f.name for f in LIBRARY.glob("scripts/[!_]*.py")
    }
    assert shipped - used == {"create_cog.py"}


@pytest.mark.parametrize(
    "command", ["convert.py", "python/convert.py", "/x/convert.py"]
)
def test_graphs_of_others_find_our_scripts_by_their_names(command, tmp_path):
    step = a_step(engine="python", command=command)
    graph = a_graph(tmp_path, processing_steps=[step])
    assert graph.steps[0].command == str(LIBRARY / "scripts/convert.py")


def test_script_of_ones_own_is_taken_before_ours(tmp_path):
    (tmp_path / "convert.py").touch()
    step = a_step(engine="python", command="convert.py")
    graph = a_graph(tmp_path, processing_steps=[step])
    assert graph.steps[0].command == str(tmp_path / "convert.py")


def test_what_is_in_our_folder_but_no_script_is_not_found(tmp_path):
    step = a_step(engine="python", command="__init__.py")
    with pytest.raises(InvalidGraph, match=r"'__init__\.py' is no file below"):
        a_graph(tmp_path, processing_steps=[step])


def _snap(name):
    text = (LIBRARY / f"snap/{name}.xml").read_text()
    return text, ElementTree.fromstring(text)


def test_every_snap_graph_is_described():
    assert {path.stem for path in LIBRARY.glob("snap/*")} == set(CHAINS)


@pytest.mark.parametrize("name", CHAINS)
def test_snap_graph_is_a_chain_of_known_operators(name):
    _, graph = _snap(name)
    chain, _ = CHAINS[name]
    assert graph.findtext("version") == "1.0"
    assert [node.findtext("operator") for node in graph.iter("node")] == chain.split()
    known = set()
    for node in graph.iter("node"):
        # Each source is written before it is used, and parameters are SNAP's.
        for source in node.find("sources"):
            assert source.get("refid") in known
        known.add(node.get("id"))
        operator = node.findtext("operator")
        parameters = {parameter.tag for parameter in node.find("parameters")}
        assert parameters <= set(OPERATORS[operator].split()), operator
    assert len(known) == len(chain.split())


@pytest.mark.parametrize("name", CHAINS)
def test_snap_graph_uses_the_parameters_that_steps_give(name):
    text, _ = _snap(name)
    _, parameters = CHAINS[name]
    shown = re.sub("<!--.*?-->", "", text, flags=re.DOTALL)
    assert set(re.findall(r"\$\{(\w+)\}", shown)) == set(parameters.split())
    steps = [
        step
        for graph in map(load_graph, library())
        for step in graph.steps
        if Path(step.command).stem == name
    ]
    assert steps
    for step in steps:
        assert set(step.arguments) == set(parameters.split())
