# SPDX-License-Identifier: Apache-2.0
"""Searches as plug-ins: their options, their secrets, and those of extras."""

from datetime import UTC, datetime
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import shapely

from agents import plugins
from agents.catalogue.filters import filters_of
from agents.catalogue.found import scene_of
from agents.catalogue.search import Query
from agents.catalogue.searches import areas, asf, eodag
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.settings import plugin_options
from streams.errors import PluginError
from streams.model import Scene

READY = ["copernicus", "copernicus-odata", "creodias", "earth-search", "usgs"]
READY += ["planetary-computer"]

S1 = "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_7F7C"


@pytest.mark.parametrize("name", READY)
def test_ready_made_search_needs_no_options(name):
    supported = {"sentinel1", "sentinel2", "landsat"}
    assert any(map(plugins.make("search", name).supports, supported))


@pytest.mark.parametrize("name", ["stac", "oneatlas", "local"])
def test_search_that_lacks_an_option_says_where_it_is_set(name):
    with pytest.raises(PluginError, match=f"INGESTER_SEARCH_{name.upper()}_"):
        plugins.make("search", name)


def test_search_can_be_used_under_several_names(monkeypatch):
    monkeypatch.setenv("INGESTER_SEARCH_STAC_OURS_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("INGESTER_SEARCH_STAC_OURS_PAGE_SIZE", "7")
    assert plugins.make("search", "stac:ours").supports("landsat")
    with pytest.raises(PluginError, match="INGESTER_SEARCH_STAC_THEIRS_"):
        plugins.make("search", "stac:theirs")


def test_option_may_be_a_file_of_the_folder_of_secrets(tmp_path):
    (tmp_path / "ingester_search_oneatlas_password").write_text("from a file\n")
    (tmp_path / "INGESTER_SEARCH_ONEATLAS_USER").write_text("me")
    environment = {
        "INGESTER_SECRETS_DIR": str(tmp_path),
        "INGESTER_SEARCH_ONEATLAS_USER": "the variable wins",
    }
    assert plugin_options("search", "oneatlas", environment) == {
        "password": "from a file",
        "user": "the variable wins",
    }


@pytest.mark.parametrize(
    ("name", "module"), [("asf", "asf_search"), ("eodag", "eodag")]
)
def test_search_of_an_extra_that_is_not_installed_names_it(name, module):
    if find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(PluginError, match=rf"kafka-geocube-ingester\[{name}\]"):
        plugins.make("search", name)


def test_asf_is_asked_for_what_the_request_wants():
    filters = filters_of(
        {"relativeorbitnumber": "44", "orbitdirection": "ascending"}, "sentinel1"
    )
    start, end = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC)
    area = shapely.box(9.7, 54.8, 10.1, 55.1)
    question = asf.question_of(
        Query(Sentinel1Sensor(), area, start, end, tuple(filters)), area
    )
    wkt = question.pop("intersectsWith")
    assert shapely.from_wkt(wkt).equals(area)
    assert question == {
        "dataset": "SENTINEL-1",
        "start": start,
        "end": end,
        "processingLevel": ["SLC"],
        "relativeOrbit": [44],
        "flightDirection": "ASCENDING",
        "beamMode": ["IW"],
    }


GEOMETRY = shapely.box(9, 54, 10, 55)


def test_product_of_asf_is_a_scene_like_any_other():
    product = SimpleNamespace(
        geometry=shapely.geometry.mapping(GEOMETRY),
        properties={
            "sceneName": S1,
            "fileID": f"{S1}-SLC",
            "startTime": "2019-01-15T17:01:06Z",
            "flightDirection": "DESCENDING",
            "pathNumber": 44,
            "orbit": 25491,
            "polarization": "VV+VH",
            "beamModeType": "IW",
            "processingDate": "2019-01-15T20:00:00Z",
            "url": "https://h/x.zip",
        },
    )
    scene = scene_of(asf.listing_of(product), Sentinel1Sensor())
    assert isinstance(scene, Scene)
    assert scene.tags["relativeOrbit"] == "44"
    assert scene.tags["polarisationMode"] == "VV&VH"
    assert scene.metadata["download_link"] == "https://h/x.zip"


@pytest.mark.parametrize(
    ("geometry", "known"),
    [(GEOMETRY, True), (shapely.box(-180, -90, 180, 90), False), (None, False)],
)
def test_product_of_eodag_is_a_scene_like_any_other(geometry, known):
    product = SimpleNamespace(
        geometry=geometry,
        location="https://h/x.zip",
        provider="cop_dataspace",
        properties={
            "id": S1,
            "start_datetime": "2019-01-15T17:01:06Z",
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 44,
            "sar:polarizations": ["VV", "VH"],
        },
    )
    scene = scene_of(eodag.listing_of(product), Sentinel1Sensor())
    assert isinstance(scene, Scene)
    assert scene.tags["orbitDirection"] == "DESCENDING"
    assert bool(scene.footprint) is known


# -- areas


ROUND = shapely.Point(9, 55).buffer(0.5, quad_segs=500)
FIJI = shapely.MultiPolygon(
    [shapely.box(179, -18, 180, -16), shapely.box(-180, -18, -179, -16)]
)


@pytest.mark.parametrize(
    ("area", "number"),
    [(GEOMETRY, 1), (ROUND, 1), (FIJI, 2)],
    ids=["box", "round", "Fiji"],
)
def test_hulls_cover_the_area_and_are_short(area, number):
    found = areas.hulls(area, 1500)
    assert len(found) == number
    assert shapely.union_all(found).covers(area)
    assert all(len(areas.plain(hull)) <= 1500 for hull in found)
    assert sum(hull.area for hull in found) < 2 * area.area


def test_area_is_written_in_plain_decimals():
    assert "e" not in areas.plain(shapely.box(1e-6, 0, 1, 1e-5)).lower()[7:]
