# SPDX-License-Identifier: Apache-2.0
"""What every search promises: the suite of the Protocol `SceneSearch`."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from agents.catalogue.found import FACTS
from agents.catalogue.search import Query
from agents.catalogue.searches.local import LocalSearch
from agents.catalogue.searches.odata import ODataSearch, Service
from agents.catalogue.searches.oneatlas import OneAtlasSearch
from agents.catalogue.searches.sites import Site
from agents.catalogue.searches.stac import StacSearch
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.pleiades import PleiadesSensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import SearchError
from streams.model import Scene
from tests import netherlands
from tests.integration.test_odata import PRODUCTS
from tests.integration.test_oneatlas import PRODUCTS as ORDERED
from tests.integration.test_searches import NAME, a_raster
from tests.peers import odata, peer, stac_api

QUICK = Manners(timeout_s=5, tries=1, per_second=10_000)


@contextmanager
def local(folder):
    for day in range(1, 6):
        name = NAME.replace("20220104", f"202201{day:02}")
        a_raster(folder / name / f"{name}_B1.TIF")
    yield LocalSearch(folder), LandsatSensor(), 5
    # What breaks next breaks it.
    (folder / f"{NAME}.zip").write_bytes(b"no archive")


@contextmanager
def static(folder):
    root = netherlands.write_static_catalogue(folder)
    yield StacSearch(Site(str(root))), LandsatSensor(), 250
    root.write_text("{}")


@contextmanager
def api(folder):
    with peer(stac_api(netherlands.items()[:45])) as host:
        yield StacSearch(Site(host.url), Web(QUICK)), LandsatSensor(), 45


@contextmanager
def service(folder):
    with peer(odata(PRODUCTS[:45])) as host:
        found = Service(host.url, "https://h/{Id}", page_size=10)
        yield ODataSearch(found, Web(QUICK)), Sentinel2Sensor(), 45


@contextmanager
def oneatlas(folder):
    def answer(asked):
        return {"totalResults": len(ORDERED), "features": ORDERED}

    with peer(lambda _: answer) as host:
        yield OneAtlasSearch(host.url, Web(QUICK)), PleiadesSensor(), len(ORDERED)


ALL = [local, static, api, service, oneatlas]


def query(sensor):
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return Query(sensor, shapely.box(-180, -90, 180, 90), start, start.replace(2100))


@pytest.fixture(params=ALL, ids=lambda made: made.__name__)
def made(request, tmp_path):
    with request.param(tmp_path) as made:
        yield made


def test_it_supports_what_it_finds(made):
    search, sensor, _ = made
    assert search.supports(sensor.constellation) is True


def test_it_finds_every_scene_once(made):
    search, sensor, many = made
    names = [scene.name for scene in search.search(query(sensor))]
    assert len(names) == len(set(names)) == many


def test_second_search_gives_the_same(made):
    search, sensor, _ = made
    assert list(search.search(query(sensor))) == list(search.search(query(sensor)))


def test_several_threads_get_the_same(made):
    search, sensor, _ = made
    alone = list(search.search(query(sensor)))
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: list(search.search(query(sensor))), range(4))
    assert all(answer == alone for answer in answers)


def test_scenes_are_described_in_our_words(made):
    search, sensor, _ = made
    for scene in search.search(query(sensor)):
        assert isinstance(scene, Scene)
        assert sensor.fields(scene.name) is not None
        assert scene.date.utcoffset() == timedelta(0)
        assert scene.parts == ()
        assert not shapely.from_wkt(scene.footprint).is_empty
        texts = [*scene.metadata.items(), *scene.tags.items()]
        assert all(isinstance(text, str) and text for pair in texts for text in pair)
        assert scene.metadata.keys() <= {*FACTS, *KEYS}


KEYS = ("uuid", "download_link", "stac_item", "s3_path", "md5", "online", "size_bytes")


@pytest.mark.parametrize("unmade", ALL, ids=lambda made: made.__name__)
def test_catalogue_that_is_gone_is_an_error(unmade, tmp_path):
    with unmade(tmp_path) as (search, sensor, _):
        pass
    with pytest.raises(SearchError):
        list(search.search(query(sensor)))
