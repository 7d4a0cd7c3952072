# SPDX-License-Identifier: Apache-2.0
"""STAC searches with APIs that page badly, and the ready-made configurations."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape

from agents.catalogue.filters import filters_of
from agents.catalogue.search import Query
from agents.catalogue.searches import sites
from agents.catalogue.searches.sites import Site, configured
from agents.catalogue.searches.stac import StacSearch
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import SearchError
from streams.model import LeftOut, Scene
from tests import netherlands
from tests.peers import peer, stac_api

RECORDED = Path(__file__).parents[3] / "shared/data/catalogue-responses"

QUICK = Manners(timeout_s=5, tries=2, per_second=10_000)

ITEMS = netherlands.items()[:45]


def query(sensor=None, **parameters):
    sensor = sensor or LandsatSensor()
    return Query(
        sensor,
        shapely.box(-180, -90, 180, 90),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
        tuple(filters_of(parameters, sensor.constellation)),
    )


def found(host, wanted=None, **site):
    search = StacSearch(Site(host.url, **site), Web(QUICK))
    return list(search.search(wanted or query()))


@pytest.mark.parametrize(
    "manners", [{}, {"gaps": True}, {"matched": 30}, {"method": "GET"}]
)
def test_every_page_is_read(manners):
    with peer(stac_api(ITEMS, **manners)) as host:
        assert len(found(host)) == 45


@pytest.mark.parametrize(
    ("manners", "says"),
    [
        ({"matched": 46}, "45 items came of 46 announced"),
        ({"again": True}, "the same items on every page"),
        ({"endless": True}, "the same items on every page"),
    ],
)
def test_page_that_leads_nowhere_is_an_error(manners, says):
    with peer(stac_api(ITEMS, **manners)) as host:
        with pytest.raises(SearchError, match=says):
            found(host)


def test_long_area_fits_a_url():
    area = shapely.Point(9, 55).buffer(0.5, quad_segs=500)
    with peer(stac_api(ITEMS[:1], method="GET")) as host:
        assert len(found(host, replace(query(), area=area))) == 1
    (asked,) = (asked for asked in host.asked if asked.path == "/search")
    assert len(asked.query["intersects"]) < 4000
    assert shape(json.loads(asked.query["intersects"])).contains(area)


def test_empty_pages_without_end_are_an_error():
    with peer(stac_api([], endless=True)) as host:
        with pytest.raises(SearchError, match="empty pages without end"):
            found(host)


def test_number_that_is_an_estimate_is_not_held_to():
    with peer(stac_api(ITEMS, matched=1000)) as host:
        assert len(found(host, counted=False)) == 45


@pytest.mark.parametrize("fault", ["503", "429 0", "cut", "html"])
@pytest.mark.parametrize("at", range(6))
def test_fault_on_a_page_changes_nothing(fault, at):
    with peer(stac_api(ITEMS)) as host:
        host.faults = [""] * at + [fault]
        assert len(found(host)) == 45


@pytest.mark.parametrize("at", range(6))
def test_page_that_never_comes_is_an_error(at):
    with peer(stac_api(ITEMS)) as host:
        host.faults = [""] * at + ["503", "503"]
        with pytest.raises(SearchError, match="status 503"):
            found(host)


@pytest.mark.parametrize(
    "odd",
    [
        {"properties": {"datetime": "yesterday"}},
        {"properties": {"datetime": "2020-01-01T00:00:00Z", "eo:cloud_cover": "much"}},
        {"properties": None},
    ],
)
def test_odd_item_does_not_hide_the_others(odd):
    site = {"only": ("x",), "counted": True}

    def made(served):
        answer = stac_api([*ITEMS[:3], {**ITEMS[3], **odd}])(served)

        def with_collection(asked):
            if asked.path != "/collections/x":
                return answer(asked)
            return {
                "type": "Collection",
                "id": "x",
                "description": "x",
                "license": "x",
                "stac_version": "1.0.0",
                "links": [],
                "extent": {
                    "spatial": {"bbox": [[-180, -90, 180, 90]]},
                    "temporal": {"interval": [[None, None]]},
                },
            }

        return with_collection

    with peer(made) as host:
        scenes = found(host, **site)
    assert [isinstance(item, Scene) for item in scenes] == [True, True, True, False]
    assert scenes[3].scene == ITEMS[3]["id"]
    assert "cannot be read" in scenes[3].reason


def test_item_without_geometry_is_for_the_inventory_to_leave_out():
    with peer(stac_api([{**ITEMS[0], "geometry": None}])) as host:
        (scene,) = found(host)
    assert scene.footprint == ""


def test_filters_are_handed_on_where_every_item_has_the_fact():
    wanted = query(cloudcoverpercentage="[0 TO 80]", relativeorbitnumber="44")
    with peer(stac_api(ITEMS)) as host:
        found(host, wanted, sure={"landsat": frozenset({"cloud_cover_pct"})})
        found(host, wanted)
    bodies = [asked.body for asked in host.asked if asked.path == "/search"]
    sure, unsure = bodies[0], bodies[5]
    assert sure["query"] == {"eo:cloud_cover": {"gte": 0.0, "lte": 80.0}}
    assert "query" not in unsure


@pytest.mark.parametrize(
    ("site", "sensor", "parameters", "collections"),
    [
        (sites.COPERNICUS, Sentinel1Sensor(), {}, ["sentinel-1-slc"]),
        (
            sites.COPERNICUS,
            Sentinel1Sensor(),
            {"producttype": "GRD"},
            ["sentinel-1-grd"],
        ),
        (
            sites.COPERNICUS,
            Sentinel1Sensor(),
            {"producttype": "*"},
            ["sentinel-1-slc", "sentinel-1-grd"],
        ),
        (sites.COPERNICUS, Sentinel2Sensor(), {}, ["sentinel-2-l1c"]),
        (
            sites.COPERNICUS,
            Sentinel2Sensor(),
            {"processinglevel": "L2A"},
            ["sentinel-2-l2a"],
        ),
        (
            sites.EARTH_SEARCH,
            Sentinel2Sensor(),
            {"producttype": "S2MSI2A"},
            ["sentinel-2-l2a"],
        ),
        (sites.EARTH_SEARCH, Sentinel1Sensor(), {}, []),
        (sites.EARTH_SEARCH, LandsatSensor(), {}, ["landsat-c2-l2"]),
        (sites.USGS, LandsatSensor(), {}, ["landsat-c2l1"]),
        (
            sites.USGS,
            LandsatSensor(),
            {"producttype": "LC_C02_L1TP"},
            ["landsat-c2l1"],
        ),
        (
            sites.USGS,
            LandsatSensor(),
            {"producttype": "LC_C2_L2SP"},
            ["landsat-c2l2-sr"],
        ),
        (sites.PLANETARY_COMPUTER, Sentinel2Sensor(), {}, []),
        (sites.PLANETARY_COMPUTER, LandsatSensor(), {}, ["landsat-c2-l2"]),
    ],
)
def test_collections_follow_the_product_type(site, sensor, parameters, collections):
    assert site.collections_of(query(sensor, **parameters)) == collections


def test_site_without_the_constellation_says_so():
    assert not StacSearch(sites.USGS).supports("sentinel1")
    assert StacSearch(sites.COPERNICUS).supports("sentinel1")


def test_options_map_properties():
    items = [
        {
            **ITEMS[0],
            "id": "made-by-us",
            "properties": {
                "datetime": "2020-01-01T10:00:00Z",
                "our:product": "LC08_L2SP_197023_20200101_20200107_02_T1",
                "our:clouds": 12,
            },
        }
    ]
    with peer(stac_api(items)) as host:
        options = {"name": "our:product", "cloud_cover_pct": "other:clouds,our:clouds"}
        site = configured(Site(host.url), options)
        (scene,) = StacSearch(site, Web(QUICK)).search(query())
    assert scene.name == "LC08_L2SP_197023_20200101_20200107_02_T1"
    assert scene.metadata["cloud_cover_pct"] == "12"
    assert scene.metadata["uuid"] == "made-by-us"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"counted": "maybe"}, "expected true or false"),
        ({"page_size": "0"}, "1 or more"),
    ],
)
def test_options_are_checked(options, says):
    with pytest.raises(ValueError, match=says):
        configured(Site("http://127.0.0.1"), options)


def recorded(name):
    file = RECORDED / name
    if not file.exists():
        pytest.skip(f"the recorded answer is not at {file}")
    return json.loads(file.read_text())["features"]


def test_recorded_answer_of_earth_search():
    items = recorded("earth-search-sentinel2.json")
    site = {"name": sites.EARTH_SEARCH.name}
    with peer(stac_api(items)) as host:
        (scene,) = found(host, query(Sentinel2Sensor()), **site)
    assert scene.name == "S2B_MSIL1C_20240206T131259_N0510_R081_T27VWK_20240206T133903"
    assert scene.metadata["cloud_cover_pct"] == "9.936048029"
    assert scene.tags["productType"] == "S2MSI1C"
    assert scene.tags["sunAzimuth"] == "175.2307541"


def test_recorded_answer_of_products_that_no_sensor_knows():
    items = recorded("stac-hls-items.json")
    with peer(stac_api(items)) as host:
        assert found(host) == []


def test_same_product_has_the_same_tags_from_every_catalogue():
    """Of a STAC API and of a folder: spelled alike, the name's facts first."""
    item = {
        **ITEMS[0],
        "id": "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768",
        "properties": {
            "datetime": "2020-05-11T13:51:17.603718Z",
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 71,
            "sat:absolute_orbit": 32518,
            "sar:polarizations": ["VH", "VV"],
            "product:type": "IW_SLC__1S",
            "s1:slice_number": "5",
        },
    }
    with peer(stac_api([item])) as host:
        (scene,) = found(host, query(Sentinel1Sensor()))
    assert not isinstance(scene, LeftOut)
    assert scene.tags == {
        "orbitDirection": "DESCENDING",
        "relativeOrbit": "71",
        "orbit": "32518",
        "polarisationMode": "VV&VH",
        "sliceNumber": "5",
        "productType": "SLC",
        "constellation": "SENTINEL1",
        "satellite": "SENTINEL1A",
    }
