# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import pytest

from agents.catalogue.sensor import find_sensor
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import InvalidRequest
from streams.model import Part, Scene

LANDSAT, SENTINEL2 = LandsatSensor(), Sentinel2Sensor()
SENSORS = {"landsat": LANDSAT, "sentinel2": SENTINEL2}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "LC08_L1TP_014031_20180106_20180119_01_T1",
            {
                "PATH": "014",
                "ROW": "031",
                "DATE": "20180106",
                "COLLECTION": "oli-tirs",
                "COLLECTION_NUMBER": "01",
                "CATEGORY": "T1",
                "MISSION_ID": "L08",
            },
        ),
        ("LC09_L1GT_166003_20250603_20250603_02_T2", {"PATH": "166", "CATEGORY": "T2"}),
        ("LC08_L2SP_197023_20220324_02_T1", {"PROCESSED": "", "DATE": "20220324"}),
        ("LE07_L1TP_014031_20000106_20200119_02_RT", {"COLLECTION": "etm"}),
    ],
)
def test_landsat_names(name, fields):
    found = LANDSAT.fields(name)
    assert found is not None
    assert found["SCENE"] == name
    assert fields.items() <= found.items()


def test_sentinel2_name():
    name = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"
    found = SENTINEL2.fields(f"{name}.SAFE")
    assert found is not None
    assert found["SCENE"] == name
    assert found["TILE"] == "T31TDH"
    assert found["RELATIVE_ORBIT"] == "051"
    assert datetime.fromisoformat(found["DATETIME"]) == datetime(
        2018, 1, 1, 10, 54, 41, tzinfo=UTC
    )
    # Shifted against MGRS, as patterns in use expect.
    assert (found["LATITUDE_BAND"], found["GRID_SQUARE"], found["GRANULE_ID"]) == (
        "31",
        "T",
        "DH",
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "LC08",
        "LC08_L1TP_014031_20180106_20180119_01_T9",
        "XC08_L1TP_014031_20180106_20180119_01_T1",
        "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH",
        "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768",
        "readme.txt",
    ],
)
def test_other_names_are_nobodys(name):
    assert LANDSAT.fields(name) is None
    assert SENTINEL2.fields(name) is None


@pytest.mark.parametrize(
    ("sensor", "name", "cell"),
    [
        (LANDSAT, "LC08_L1TP_014031_20180106_20180119_01_T1", "014031"),
        (LANDSAT, "LE07_L1TP_014031_20000106_20200119_02_RT", "014031"),
        (
            SENTINEL2,
            "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911",
            "T31TDH-R051",
        ),
    ],
)
def test_cell_is_the_place_whatever_satellite_and_date(sensor, name, cell):
    fields = sensor.fields(name)
    scene = Scene(name, sensor.constellation, datetime.now(UTC), fields=fields)
    (part,) = sensor.parts(scene)
    assert part == Part(name)
    assert sensor.cell(scene, part, sensor.grids(False)[0]) == cell


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("landsat89", LANDSAT),
        ("Landsat", LANDSAT),
        ("sentinel-2", SENTINEL2),
        ("LC08_L1TP_014031_20180106_20180119_01_T1", LANDSAT),
    ],
)
def test_request_may_name_a_constellation_or_a_product(asked, found):
    assert find_sensor(asked, SENSORS) is found


def test_unknown_constellation_is_refused_with_those_known():
    with pytest.raises(
        InvalidRequest, match=r"'modis' is unknown.*landsat89.*sentinel2"
    ):
        find_sensor("modis", SENSORS)
