# SPDX-License-Identifier: Apache-2.0
"""Searches against real folders, a static catalogue and a STAC API server."""

import json
import shutil
import socket
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import urllib3
from rasterio.transform import from_origin

from agents.catalogue.search import Query
from agents.catalogue.searches.local import LocalSearch, product_name
from agents.catalogue.searches.sites import Site
from agents.catalogue.searches.stac import StacSearch
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import SearchError
from tests import netherlands

SHARED = Path(__file__).parents[3] / "shared" / "data"

EVERYWHERE = shapely.box(-180, -90, 180, 90)
LONG_AGO, LATE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def query(sensor, area=EVERYWHERE, start=LONG_AGO, end=LATE):
    return Query(sensor, area, start, end)


NETHERLANDS = query(
    LandsatSensor(), shapely.box(*netherlands.AREA), netherlands.START, netherlands.END
)


# Hosts of tests need no sparing.
QUICK = Manners(timeout_s=5, tries=2, per_second=10_000)


def stac(url, **site):
    return StacSearch(Site(url, **site), Web(QUICK))


def chains(scenes):
    return Counter(scene.fields["PATH"] + scene.fields["ROW"] for scene in scenes)


@pytest.fixture(scope="module")
def stac_api(tmp_path_factory):
    """A real STAC API server with the 250 items."""
    items = tmp_path_factory.mktemp("stac") / "items.json"
    collection = {"type": "FeatureCollection", "features": netherlands.items()}
    items.write_text(json.dumps(collection))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = Path(sys.executable).with_name("rustac")
    process = subprocess.Popen(
        [server, "serve", items, "--addr", address, "--create-collections"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    retries = urllib3.Retry(total=50, backoff_factor=0.01, backoff_max=0.2)
    urllib3.PoolManager(retries=retries).request("GET", f"http://{address}")
    yield f"http://{address}"
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("page_size", [7, 50, 1000])
def test_stac_api_gives_every_page(stac_api, page_size):
    scenes = list(stac(stac_api, page_size=page_size).search(NETHERLANDS))
    assert len(scenes) == 250
    assert chains(scenes) == netherlands.CHAINS
    assert all(scene.date.tzinfo is UTC for scene in scenes)


def test_stac_api_is_asked_for_the_interval(stac_api):
    short = query(
        LandsatSensor(),
        NETHERLANDS.area,
        netherlands.START,
        datetime(2020, 1, 1, tzinfo=UTC),
    )
    found = list(stac(stac_api).search(short))
    assert 0 < len(found) < 250
    assert all(scene.date.year == 2019 for scene in found)


def test_stac_api_without_the_collection_is_an_error(stac_api):
    with pytest.raises(SearchError, match="collections/other: status 404"):
        list(stac(stac_api, only=("other",)).search(NETHERLANDS))


def test_static_catalogue_is_walked(tmp_path):
    root = netherlands.write_static_catalogue(tmp_path)
    scenes = list(stac(str(root)).search(NETHERLANDS))
    assert chains(scenes) == netherlands.CHAINS


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "/nowhere/catalog.json"], ids=["no server", "no file"]
)
def test_catalogue_that_does_not_answer_is_an_error(url):
    with pytest.raises(SearchError, match=url):
        list(stac(url).search(NETHERLANDS))


def test_catalogue_that_is_no_stac_is_an_error(tmp_path):
    (tmp_path / "catalog.json").write_text('{"hello": 1}')
    with pytest.raises(SearchError, match="STAC search at"):
        list(stac(str(tmp_path / "catalog.json")).search(NETHERLANDS))


# -- folders


def a_raster(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "width": 8,
        "height": 8,
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32632",
        "transform": from_origin(500_000, 6_100_000, 3000, 3000),
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(np.ones((1, 8, 8), np.uint16))


NAME = "LC08_L1TP_196022_20220104_20220301_02_T1"


@pytest.fixture
def folder(tmp_path):
    """A product folder, another below its date, one in an archive, and other things."""
    a_raster(tmp_path / NAME / f"{NAME}_B1.TIF")
    other = NAME.replace("20220104", "20220120")
    a_raster(tmp_path / "2022" / "01" / "20" / other / f"{other}_B1.TIF")
    third = NAME.replace("20220104", "20220205")
    a_raster(tmp_path / "aside" / third / f"{third}_B1.TIF")
    with zipfile.ZipFile(tmp_path / f"{third}.zip", "w") as archive:
        archive.write(tmp_path / "aside" / third / f"{third}_B1.TIF", f"{third}_B1.TIF")
    shutil.rmtree(tmp_path / "aside")
    (tmp_path / "readme.txt").write_text("hello")
    return tmp_path


def test_local_folder_has_folders_archives_and_dates(folder):
    scenes = list(LocalSearch(folder).search(query(LandsatSensor())))
    assert sorted(scene.fields["DATE"] for scene in scenes) == [
        "20220104",
        "20220120",
        "20220205",
    ]
    for scene in scenes:
        footprint = shapely.from_wkt(scene.footprint)
        assert footprint.intersects(shapely.Point(9.1, 55.0))


def test_local_folder_has_nothing_of_another_sensor(folder):
    assert list(LocalSearch(folder).search(query(Sentinel2Sensor()))) == []


def test_local_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SearchError, match="is not a folder"):
        list(LocalSearch(tmp_path / "none").search(query(LandsatSensor())))


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_damaged_product_in_the_folder_is_named(tmp_path, content):
    (tmp_path / f"{NAME}.zip").write_bytes(content)
    with pytest.raises(SearchError, match=NAME):
        list(LocalSearch(tmp_path).search(query(LandsatSensor())))


def test_product_without_raster_is_named(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(SearchError, match=f"{NAME}.*no raster"):
        list(LocalSearch(tmp_path).search(query(LandsatSensor())))


@pytest.mark.parametrize("name", ["X", "X.SAFE", "X.zip", "X.SAFE.zip"])
def test_product_name_is_without_its_packing(name):
    assert product_name(Path(name)) == "X"


def test_real_landsat_folder():
    products = SHARED / "landsat8-new-york-2018"
    if not products.exists():
        pytest.skip(f"the real Landsat scenes are not at {products}")
    scenes = list(LocalSearch(products).search(query(LandsatSensor())))
    assert chains(scenes) == {"014031": 5, "014032": 6}
    for scene in scenes:
        assert shapely.from_wkt(scene.footprint).contains(shapely.Point(-75.0, 41.0))


def test_real_sentinel2_archive_has_its_footprint_from_the_metadata():
    products = SHARED / "sentinel2"
    if not products.exists():
        pytest.skip(f"the real Sentinel-2 product is not at {products}")
    (scene,) = LocalSearch(products).search(query(Sentinel2Sensor()))
    assert scene.fields["TILE"] == "T31TDH"
    assert shapely.from_wkt(scene.footprint).contains(shapely.Point(2.2, 43.0))
