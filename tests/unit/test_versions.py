# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from agents.catalogue.found import Listing, scene_of
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from agents.catalogue.versions import Rule, choose
from streams.model import LeftOut

BOX = shapely.box(9, 54, 10, 55)


def a_scene(name, published="", footprint=BOX):
    sensor = {"S1": Sentinel1Sensor, "S2": Sentinel2Sensor}.get(name[:2], LandsatSensor)
    date = datetime(2022, 1, 4, tzinfo=UTC)
    return scene_of(
        Listing(name, date, footprint.wkt, {"published": published}), sensor()
    )


def kept(*scenes, rule=Rule.NEWEST):
    return [scene.name for scene in choose(scenes, rule)[0]]


PASS = "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_"


def test_radar_product_published_last_is_kept():
    """Case C1 of the reference, with another pass that must stay."""
    other = a_scene(PASS.replace("025491", "025492") + "041D", "2019-01-01T00:00:00Z")
    scenes = [
        a_scene(f"{PASS}041D", "2019-01-01T00:00:00Z"),
        a_scene(f"{PASS}06BD", "2019-01-02T00:00:00Z"),
        a_scene(f"{PASS}1242", "2019-01-01T00:00:00Z"),
        other,
    ]
    assert kept(*scenes) == [f"{PASS}06BD", other.name]


def test_radar_product_processed_again_may_begin_seconds_elsewhere():
    again = "S1A_IW_SLC__1SDV_20190115T170108_20190115T170135_025491_02D361_06BD"
    first = a_scene(f"{PASS}041D", "2019-01-01T00:00:00Z")
    assert kept(first, a_scene(again, "2020-01-01T00:00:00Z")) == [again]


@pytest.mark.parametrize(
    "other",
    [
        # the slice that follows, with two seconds of overlap
        "S1A_IW_SLC__1SDV_20190115T170131_20190115T170158_025491_02D361_06BD",
        # another kind of product, another polarisation, another satellite
        "S1A_IW_GRDH_1SDV_20190115T170106_20190115T170133_025491_02D361_06BD",
        "S1A_IW_SLC__1SSV_20190115T170106_20190115T170133_025491_02D361_06BD",
        "S1B_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_06BD",
    ],
)
def test_other_radar_products_are_kept(other):
    assert len(kept(a_scene(f"{PASS}041D"), a_scene(other))) == 2


def test_slice_across_midnight_is_compared_rightly():
    names = [
        f"S1A_IW_SLC__1SDV_20190131T235950_20190201T000017_025491_02D361_{unique}"
        for unique in ("041D", "06BD")
    ]
    assert kept(*map(a_scene, names)) == [names[1]]


OLD = "S2A_MSIL1C_20220104T103421_N0301_R108_T32UNG_20220104T123507"
NEW = "S2A_MSIL1C_20220104T103421_N0510_R108_T32UNG_20240423T092858"


def test_highest_baseline_is_kept_whenever_published():
    """Case B10 of the reference's gaps."""
    scenes = a_scene(OLD, "2030-01-01T00:00:00Z"), a_scene(NEW, "2024-04-23T00:00:00Z")
    assert choose(scenes) == (
        [scenes[1]],
        [LeftOut(OLD, f"'{NEW}' is a newer version of it")],
    )


def test_of_one_baseline_the_latest_publication_is_kept():
    first, later = OLD, OLD.replace("20220104T123507", "20220105T010101")
    scenes = a_scene(first, "2022-01-06T00:00:00Z"), a_scene(later, "2022-01-05T00:00Z")
    assert kept(*scenes) == [first]


def test_halves_of_a_tile_from_two_data_strips_are_both_kept():
    west, east = shapely.box(9, 54, 9.6, 55), shapely.box(9.5, 54, 10, 55)
    other = OLD.replace("20220104T123507", "20220104T124000")
    assert len(kept(a_scene(OLD, "", west), a_scene(other, "", east))) == 2


@pytest.mark.parametrize(
    "other",
    [
        OLD.replace("L1C", "L2A"),
        OLD.replace("T32UNG", "T32UNF"),
        OLD.replace("S2A", "S2B"),
        OLD.replace("20220104T103421", "20220107T103421"),
    ],
)
def test_other_optical_products_are_kept(other):
    assert len(kept(a_scene(OLD), a_scene(other))) == 2


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("LC08_L1TP_196022_20220104_20220104_02_RT", "…20220110_02_T1"),
        ("LC08_L1GT_196022_20220104_20220111_02_T2", "…20220110_02_T1"),
        ("LC08_L1GT_196022_20220104_20220104_02_RT", "…20220104_02_T2"),
        ("LC08_L1TP_196022_20220104_20220120_01_T1", "…20220110_02_T1"),
        ("LC08_L1TP_196022_20220104_20220110_02_T1", "…20220210_02_T1"),
        ("LC08_L2SR_196022_20220104_20220110_02_T1", "LC08_L2SP_…20220110_02_T1"),
    ],
)
def test_landsat_goes_by_collection_category_processing_and_day(older, newer):
    prefix, _, suffix = newer.rpartition("…")
    level = "T2" if suffix.endswith("T2") else "T1"
    start = f"{prefix or ('LC08_L1GT_' if level == 'T2' else 'LC08_L1TP_')}"
    newer = f"{start}196022_20220104_{suffix}"
    assert kept(a_scene(newer), a_scene(older)) == [newer]


def test_levels_one_and_two_are_different_products():
    one = a_scene("LC08_L1TP_196022_20220104_20220110_02_T1")
    two = a_scene("LC08_L2SP_196022_20220104_20220110_02_T1")
    assert len(kept(one, two)) == 2


def test_oldest_and_all_can_be_wanted():
    scenes = a_scene(OLD), a_scene(NEW)
    assert kept(*scenes, rule=Rule.OLDEST) == [OLD]
    assert kept(*scenes, rule=Rule.ALL) == [OLD, NEW]


VERSIONS = [
    a_scene(name, published)
    for name, published in [
        (OLD, "2022-01-04T00:00:00Z"),
        (NEW, ""),
        (OLD.replace("N0301", "N0400"), "2023-01-01T00:00:00Z"),
        (f"{PASS}041D", "2019-01-01T00:00:00Z"),
        (f"{PASS}06BD", "2019-01-01T00:00:00Z"),
        ("LC08_L1TP_196022_20220104_20220104_02_RT", ""),
        ("LC08_L1TP_196022_20220104_20220110_02_T1", ""),
    ]
]


@given(order=st.permutations(VERSIONS), rule=st.sampled_from(Rule))
def test_order_of_arrival_does_not_matter(order, rule):
    assert choose(order, rule) == choose(VERSIONS, rule)


@given(order=st.permutations(VERSIONS), rule=st.sampled_from(Rule))
def test_every_scene_is_kept_or_left_out(order, rule):
    scenes, left_out = choose(order, rule)
    names = [scene.name for scene in scenes] + [item.scene for item in left_out]
    assert sorted(names) == sorted(scene.name for scene in VERSIONS)
