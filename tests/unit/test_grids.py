# SPDX-License-Identifier: Apache-2.0
"""Which tiles are one chain: the grid of a request, and the cells of its tiles."""

from datetime import UTC, datetime

import pytest
import shapely
from msgspec.structs import replace

from agents import plugins
from agents.catalogue.catalogue import Catalogue
from agents.catalogue.cells import grid_of
from agents.catalogue.inventory import Inventory
from agents.catalogue.plan import plan, settings_of
from agents.catalogue.sensor import find_sensor
from streams.chains import Chain, inserted, links
from streams.errors import InvalidRequest
from streams.events import TaskCreated
from streams.model import Part, Scene, Tile
from streams.orders import IngestionRequest

SENSORS = plugins.make_all("sensor", plugins.names("sensor"))
START = datetime(2022, 1, 1, tzinfo=UTC)
END = datetime(2023, 1, 1, tzinfo=UTC)
AREA = shapely.to_geojson(shapely.box(9, 54, 11, 56))


def a_request(constellation, *, graph="Any", **members) -> IngestionRequest:
    return IngestionRequest(
        "demo", "r1", AREA, START, END, constellation, graph, "Pass", **members
    )


def grid(constellation, **members) -> str:
    return grid_of(
        a_request(constellation, **members), find_sensor(constellation, SENSORS)
    )


WHOLE = "CopyProductToStorage"


@pytest.mark.parametrize(
    ("constellation", "graph", "default"),
    [
        ("sentinel1", "S1Preprocessing", "burst"),
        ("sentinel1", WHOLE, "track-slice"),
        ("sentinel1", f"library/graph/{WHOLE}.json", "track-slice"),
        ("sentinel2", WHOLE, "mgrs-orbit"),
        ("sentinel2", "Any", "mgrs-orbit"),
        ("landsat", WHOLE, "path-row"),
        ("pleiades", WHOLE, "none"),
        ("spot", WHOLE, "none"),
        ("pneo", WHOLE, "none"),
    ],
)
def test_default_is_the_first_grid_of_sensor_and_graph(constellation, graph, default):
    assert grid(constellation, graph=graph) == default


@pytest.mark.parametrize(
    ("constellation", "cells"),
    [
        ("sentinel1", "burst"),
        ("sentinel1", "none"),
        ("sentinel2", "mgrs"),
        ("sentinel2", "MGRS-Orbit"),
        ("sentinel2", "none"),
        ("landsat", "path-row"),
        ("spot", "none"),
    ],
)
def test_request_chooses_its_grid_among_those_of_the_sensor(constellation, cells):
    assert grid(constellation, cells=cells) == cells.lower()


def test_no_chain_is_no_grid():
    assert grid("landsat", chain=False) == "none"


@pytest.mark.parametrize(
    ("constellation", "graph", "cells", "known"),
    [
        ("landsat", "Any", "burst", "path-row, none"),
        ("sentinel2", "Any", "path-row", "mgrs-orbit, mgrs, none"),
        ("sentinel1", "Any", "track-slice", "burst, none"),
        ("sentinel1", WHOLE, "burst", "track-slice, none"),
        ("spot", "Any", "mgrs", "none"),
    ],
)
def test_unknown_grid_is_refused_when_it_is_published(
    constellation, graph, cells, known
):
    catalogue = Catalogue(SENSORS, lambda name: None, (), ())
    request = a_request(constellation, graph=graph, cells=cells)
    with pytest.raises(InvalidRequest) as refused:
        catalogue.check(request)
    name = find_sensor(constellation, SENSORS).constellation
    assert (
        f"$.cells: '{cells}' is unknown for {name} and graph '{graph}', "
        f"expected one of {known}"
    ) in refused.value.problems


S1 = "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_7F7C"
GRD = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8"
S2 = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"
S2_LONG = (
    "S2A_OPER_PRD_MSIL1C_PDMC_20160318T145513_R022_V20160318T101514_20160318T101520"
)
SLICE = {"relativeOrbit": "44", "sliceNumber": "17"}


def a_scene(name: str, date: datetime = START, **tags: str) -> Scene:
    sensor = find_sensor(name, SENSORS)
    fields = sensor.fields(name) or {}
    return Scene(name, sensor.constellation, date, fields=fields, tags=tags)


@pytest.mark.parametrize(
    ("name", "tags", "grid", "cell"),
    [
        ("LC08_L1TP_014031_20180106_20180119_01_T1", {}, "path-row", "014031"),
        ("LE07_L1TP_014031_20000106_20200119_02_RT", {}, "path-row", "014031"),
        ("LM05_L1TP_014031_19900106_20200119_02_T2", {}, "path-row", "014031"),
        # Landsat 1 to 3 flew another grid: the same numbers are another place.
        ("LM01_L1GS_014031_19720726_20200909_02_T2", {}, "path-row", "wrs1-014031"),
        (S2, {}, "mgrs-orbit", "T31TDH-R051"),
        (S2, {}, "mgrs", "T31TDH"),
        # A strip of many tiles is no place of the grid.
        (S2_LONG, {}, "mgrs-orbit", ""),
        (S2_LONG, {}, "mgrs", ""),
        # Not cut in bursts: by track and slice, where the catalogue tells them.
        (GRD, SLICE, "burst", "044-IW-DV-17"),
        (S1, SLICE, "track-slice", "044-IW-DV-17"),
        (S1, {"relativeOrbit": "44", "sliceNumber": "undefined"}, "track-slice", ""),
        (S1, {"sliceNumber": "17"}, "track-slice", ""),
        ("DS_PHR1A_201006181052297_FR1_PX_E001N43_0612_06488", {}, "none", ""),
    ],
)
def test_cell_is_the_place_whatever_satellite_and_date(name, tags, grid, cell):
    sensor = find_sensor(name, SENSORS)
    scene = a_scene(name, **tags)
    (part,) = sensor.parts(scene)
    assert sensor.cell(scene, part, grid) == cell


def test_cell_of_a_burst_is_its_official_id():
    scene = a_scene(S1, **SLICE)
    part = Part("071_151199_IW3", "IW3", 4)
    assert find_sensor(S1, SENSORS).cell(scene, part, "burst") == "071_151199_IW3"


def planned(request: IngestionRequest, *scenes: Scene) -> list[Tile]:
    sensor = find_sensor(request.constellation, SENSORS)
    inventory = Inventory(scenes, ())
    events = plan(request, settings_of(request, {}), inventory, sensor)
    return [e.tile for e in events if isinstance(e, TaskCreated) and e.tile]


BURSTS = ("044_092121_IW1", "044_092122_IW1", "044_092123_IW1")
DATES = (
    datetime(2022, 1, 11, 17, 1, 24, 370_000, UTC),
    datetime(2022, 1, 23, 17, 1, 23, 721_000, UTC),
    datetime(2022, 2, 4, 17, 1, 23, 133_000, UTC),
)


def demo_scenes() -> list[Scene]:
    """Three dates of three bursts, as in the reference's demo over Denmark."""
    return [
        replace(
            a_scene(
                f"S1A_IW_SLC__1SDV_{date:%Y%m%dT%H%M%S}_{date:%Y%m%d}T170150"
                f"_04159{n}_04F274_160{n}",
                date,
            ),
            parts=tuple(
                Part(burst, "IW1", 4 + place, anx_time=8951 + 28 * place)
                for place, burst in enumerate(BURSTS)
            ),
        )
        for n, date in enumerate(DATES)
    ]


def neighbours(tiles: list[Tile]) -> dict[tuple[int, str], tuple[str, str]]:
    """Dates of previous and reference, by date and burst."""
    found = {}
    for cell in {tile.cell for tile in tiles}:
        chain = Chain()
        dates = {}
        for tile in tiles:
            if tile.cell == cell:
                chain = inserted(chain, (tile.date, tile.scene))
                dates[tile.scene] = f"{tile.date:%m-%d}"
        for member in chain.members:
            linked = links(chain, member)
            key = (dates[member[1]], cell)
            found[key] = (
                dates.get(linked.previous, ""),
                dates.get(linked.reference, ""),
            )
    return found


def test_worked_example_of_three_dates_and_three_bursts():
    """B1."""
    tiles = planned(a_request("sentinel1"), *demo_scenes())
    assert len(tiles) == 9
    assert neighbours(tiles) == {
        (date, burst): links
        for burst in BURSTS
        for date, links in {
            "01-11": ("", ""),
            "01-23": ("01-11", "01-11"),
            "02-04": ("01-23", "01-11"),
        }.items()
    }


def test_tiles_carry_what_is_known_of_their_burst():
    (first, *_) = planned(a_request("sentinel1"), *demo_scenes())
    assert (first.swath, first.number, first.anx_time) == ("IW1", 4, 8951)


def test_tiles_without_a_grid_are_alone():
    tiles = planned(a_request("sentinel1", cells="none"), *demo_scenes())
    assert {tile.cell for tile in tiles} == {""}


def test_request_is_checked_for_its_area_and_a_problem_is_said_once():
    catalogue = Catalogue(SENSORS, lambda name: None, (), ())
    wrong = S2.replace("R051", "R144")
    request = replace(a_request("landsat"), geometry="{}", constellation=wrong)
    with pytest.raises(InvalidRequest) as refused:
        catalogue.check(request)
    problems = refused.value.problems
    assert len([p for p in problems if "relative orbit '144'" in p]) == 1
    assert len([p for p in problems if p.startswith("$.geometry.type")]) == 1


def test_area_over_the_180th_meridian_is_warned_of():
    catalogue = Catalogue(SENSORS, lambda name: None, (), ())
    fiji = shapely.to_geojson(shapely.box(175, -20, 185, -15))
    request = replace(a_request("landsat", graph=WHOLE), geometry=fiji)
    (warning,) = catalogue.check(request)
    assert warning.startswith("the area crosses the 180th meridian")
