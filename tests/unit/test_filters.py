# SPDX-License-Identifier: Apache-2.0
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.catalogue.filters import KNOWN, filters_of
from agents.catalogue.found import Listing, scene_of
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import InvalidRequest

PAYLOADS = Path(__file__).parents[3] / "shared/data/payloads"

DATE = datetime(2022, 1, 4, tzinfo=UTC)
S1 = "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_7F7C"
S2 = "S2A_MSIL1C_20220104T103421_N0301_R108_T32UNG_20220104T123507"
L8 = "LC08_L1TP_196022_20220104_20220110_02_T1"


def a_scene(name, **facts):
    sensor = {"S1": Sentinel1Sensor, "S2": Sentinel2Sensor}.get(name[:2], LandsatSensor)
    return scene_of(Listing(name, DATE, "", facts), sensor())


def reasons(scene, constellation="", **parameters):
    found = (f(scene) for f in filters_of(parameters, constellation))
    return [reason for reason in found if reason]


@pytest.mark.parametrize(
    ("name", "value", "scene", "other"),
    [
        ("producttype", "SLC", S1, S1.replace("SLC_", "GRDH")),
        ("productType", "IW_SLC__1S", S1, S1.replace("SLC_", "GRDH")),
        ("producttype", "S2MSI1C", S2, S2.replace("L1C", "L2A")),
        ("producttype", "LC_C2_L1TP", L8, L8.replace("L1TP", "L1GT")),
        ("producttype", "L1TP", L8, L8.replace("L1TP", "L1GT")),
        ("polarisationmode", "VV VH", S1, S1.replace("1SDV", "1SSV")),
        ("polarisationmode", "VH&VV", S1, S1.replace("1SDV", "1SDH")),
        ("sensoroperationalmode", "IW", S1, S1.replace("_IW_", "_EW_")),
        ("platformname", "Sentinel-1", S1, S2),
        ("platformname", "SENTINEL-1A", S1, S1.replace("S1A", "S1C")),
        ("platform", "S2A", S2, S2.replace("S2A", "S2B")),
        ("platformname", "LANDSAT_8", L8, L8.replace("LC08", "LC09")),
        ("relativeorbitnumber", "108", S2, S2.replace("R108", "R008")),
        ("orbitnumber", "25491", S1, S1.replace("025491", "025492")),
        ("processinglevel", "L1C", S2, S2.replace("L1C", "L2A")),
        ("processinglevel", "Level-2A", S2.replace("L1C", "L2A"), S2),
        ("processinglevel", "L1TP", L8, L8.replace("L1TP", "L1GT")),
        ("tileid", "32UNG", S2, S2.replace("T32UNG", "T32UNF")),
        ("tileid", "T32UNG", S2, S2.replace("T32UNG", "T32UNF")),
        ("collectioncategory", "T1,T2", L8, L8.replace("_T1", "_RT")),
        ("path", "196", L8, L8.replace("196022", "197022")),
        ("row", "22", L8, L8.replace("196022", "196023")),
        ("filename", "*_R108_*", S2, S2.replace("R108", "R008")),
        ("filename", "*507.SAFE", S2, S2.replace("123507", "123508")),
        ("acquisitionidentifier", S2, S2, S1),
    ],
)
def test_filter_keeps_what_it_names(name, value, scene, other):
    assert reasons(a_scene(scene), **{name: value}) == []
    assert len(reasons(a_scene(other), **{name: value})) == 1


@pytest.mark.parametrize(
    ("name", "value", "fact", "kept", "other"),
    [
        ("cloudcoverpercentage", "[0 TO 80]", "cloud_cover_pct", "80.00", "80.01"),
        ("cloudCover", "[10, 80]", "cloud_cover_pct", "10", "9.9"),
        ("incidenceangle", "[-10 TO 10.5]", "incidence_angle", "-9", "11"),
        ("relativeorbitnumber", "044", "relative_orbit", "44", "45"),
        ("orbitdirection", "ascending", "orbit_direction", "ASCENDING", "descending"),
        ("slicenumber", "17", "slice", "17", "16"),
    ],
)
def test_filter_keeps_what_the_catalogue_tells(name, value, fact, kept, other):
    assert reasons(a_scene(S1, **{fact: kept}), **{name: value}) == []
    assert len(reasons(a_scene(S1, **{fact: other}), **{name: value})) == 1


def test_what_is_not_known_is_said():
    assert reasons(a_scene(S1), relativeorbitnumber="44") == [
        "its relative orbit is not known"
    ]


def test_clouds_that_nobody_counted_leave_nothing_out():
    assert reasons(a_scene(S1), cloudcoverpercentage="[0 TO 10]") == []


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"orbit": "44"}, f"orbit: unknown, expected one of .*{sorted(KNOWN)[0]}"),
        ({"cloudcoverpercentage": "80"}, "expected a range such as '.0 TO 80.'"),
        ({"cloudcoverpercentage": "[0 TO 8.0.0]"}, "expected a range such as"),
        ({"cloudcoverpercentage": "[80 TO 0]"}, "expected a range within 0 and 100 %"),
        ({"cloudcoverpercentage": ""}, "empty, expected a value"),
        ({"relativeorbitnumber": "A44"}, "'A44', expected a whole number from 1"),
        ({"relativeorbitnumber": "0"}, "'0', expected a whole number from 1"),
        ({"polarisationmode": "DV"}, "'DV', expected channels such as 'VV VH'"),
        ({"orbitdirection": "up"}, "'up', expected ASCENDING or DESCENDING"),
        ({"tileid": "32I"}, "'32I', expected an MGRS tile such as '32UNF'"),
    ],
)
def test_parameter_that_makes_no_sense_is_refused(parameters, says):
    with pytest.raises(InvalidRequest, match=says):
        filters_of(parameters)


def test_part_of_oneatlas_is_for_what_it_has():
    assert filters_of({"workspace": "public"}, "spot")
    with pytest.raises(InvalidRequest, match="workspace: is for pleiades, pleiadesneo"):
        filters_of({"workspace": "public"}, "sentinel2")


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(InvalidRequest) as caught:
        filters_of({"orbit": "1", "path": "x", "row": "22"})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("constellation", "scene", "other"),
    [
        ("sentinel1", S1, S1.replace("SLC_", "GRDH")),
        ("sentinel1", S1, S1.replace("_IW_", "_EW_")),
        ("sentinel1", S1, S1.replace("1SDV", "1SSV")),
        ("sentinel2", S2, S2.replace("L1C", "L2A")),
    ],
)
def test_usual_products_are_what_is_wanted_unless_it_is_said(
    constellation, scene, other
):
    assert reasons(a_scene(scene), constellation) == []
    assert len(reasons(a_scene(other), constellation)) == 1


def test_default_is_left_out_by_a_star_and_by_other_choices_of_a_product():
    other = a_scene(S2.replace("L1C", "L2A"))
    assert reasons(other, "sentinel2", producttype="*") == []
    assert reasons(other, "sentinel2", producttype="S2MSI2A") == []
    assert reasons(other, "sentinel2", processinglevel="L2A") == []
    assert reasons(other, "sentinel2", filename="*MSIL2A*") == []


@pytest.mark.parametrize("name", ["S1", "S2", "Landsat"])
def test_parameters_of_the_tutorials_are_understood(name):
    file = PAYLOADS / f"DenmarkDemo{name}.json"
    if not file.exists():
        pytest.skip(f"the tutorial's payload is not at {file}")
    parameters = json.loads(file.read_text())["scene_type"]["parameters"]
    assert filters_of(parameters)
