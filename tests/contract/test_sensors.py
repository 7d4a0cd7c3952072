# SPDX-License-Identifier: Apache-2.0
"""What every sensor must do. A sensor is added with one of its products."""

from datetime import UTC, datetime

import pytest

from agents import plugins
from agents.catalogue.sensor import completed
from streams.model import Scene

PRODUCTS = {
    "landsat": "LC09_L1GT_166003_20250603_20250603_02_T2",
    "pleiades": "DS_PHR1A_201006181052297_FR1_PX_E001N43_0612_06488",
    "pleiadesneo": "ACQ_PNEO3_03232408226692",
    "sentinel1": "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_7F7C",
    "sentinel2": "S2B_MSIL1C_20190108T104429_N0207_R008_T32UNF_20190108T124859",
    "spot": "DS_SPOT6_201212051035424_FR1_FR1_FR1_FR1_E002N41_01174",
}
SENSORS = plugins.make_all("sensor", plugins.names("sensor"))
WHEN = datetime(2021, 5, 4, 10, 20, 30, tzinfo=UTC)

each = pytest.mark.parametrize("name", SENSORS)


def scene_of(name: str) -> Scene:
    sensor, product = SENSORS[name], PRODUCTS[name]
    fields = sensor.fields(product)
    assert fields is not None
    tags = sensor.tags(fields)
    scene = Scene(product, sensor.constellation, WHEN, fields=fields, tags=tags)
    return completed(scene)


@each
def test_it_answers_to_its_constellation(name):
    sensor = SENSORS[name]
    assert sensor.constellation in sensor.aliases
    assert all(alias == alias.lower() for alias in sensor.aliases)


def test_no_two_answer_to_the_same_name():
    aliases = [alias for sensor in SENSORS.values() for alias in sensor.aliases]
    assert len(aliases) == len(set(aliases))


@each
@pytest.mark.parametrize("product", PRODUCTS.values())
def test_it_reads_its_own_names_and_no_other(name, product):
    sensor = SENSORS[name]
    fields = sensor.fields(product)
    assert (fields is not None) is (product == PRODUCTS[name])
    assert sensor.problem(product) == ""


@each
def test_a_name_that_is_cut_off_is_a_problem_and_no_product(name):
    sensor, product = SENSORS[name], PRODUCTS[name]
    assert sensor.fields(product[:-1]) is None
    assert product[:-1] in sensor.problem(product[:-1])


@each
def test_its_scenes_have_what_every_pattern_may_ask_for(name):
    fields = scene_of(name).fields
    assert fields["SCENE"] == PRODUCTS[name]
    assert fields["DATE"] == fields["YEAR"] + fields["MONTH"] + fields["DAY"]
    assert fields["TIME"] == fields["HOUR"] + fields["MINUTE"] + fields["SECOND"]
    assert datetime.fromisoformat(fields["DATETIME"]).utcoffset() is not None
    assert f"{datetime.fromisoformat(fields['DATETIME']):%Y%m%d}" == fields["DATE"]


@each
def test_its_tags_can_be_those_of_a_record(name):
    tags = scene_of(name).tags
    assert {"constellation", "satellite"} <= set(tags)
    assert not any(set("*?") & set(key + value) for key, value in tags.items())


@each
@pytest.mark.parametrize("whole", [True, False])
def test_its_tiles_have_names_of_their_own_and_a_cell_on_each_grid(name, whole):
    sensor, scene = SENSORS[name], scene_of(name)
    parts = sensor.parts(scene)
    assert len({part.tile for part in parts}) == len(parts) > 0
    grids = sensor.grids(whole)
    assert len(set(grids)) == len(grids)
    assert "none" not in grids
    for grid in grids:
        assert grid == grid.lower()
        for part in parts:
            assert sensor.cell(scene, part, grid) == sensor.cell(scene, part, grid)
