# SPDX-License-Identifier: Apache-2.0
"""The STAC search with stac-fastapi on PostgreSQL: its tokens, its filters."""

from datetime import UTC, datetime

import pytest
import shapely

from agents.catalogue.filters import filters_of
from agents.catalogue.inventory import take_inventory
from agents.catalogue.search import Query
from agents.catalogue.searches.sites import Site
from agents.catalogue.searches.stac import StacSearch
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.landsat import LandsatSensor
from streams.errors import SearchError
from tests import netherlands
from tests.pgstac import stac_fastapi

WEB = Web(Manners(per_second=10_000))


@pytest.fixture(scope="module")
def url():
    with stac_fastapi() as url:
        yield url


def query(**parameters):
    return Query(
        LandsatSensor(),
        shapely.box(*netherlands.AREA),
        netherlands.START,
        netherlands.END,
        tuple(filters_of(parameters)),
    )


def chains(scenes):
    """Names of the scenes of each chain, in order."""
    found = {}
    for scene in scenes:
        place = scene.fields["PATH"] + scene.fields["ROW"]
        found.setdefault(place, []).append(scene.name)
    return found


def taken(search, wanted):
    return take_inventory(
        search.search(wanted),
        wanted.area,
        wanted.start,
        wanted.end,
        wanted.filters,
    ).scenes


@pytest.fixture(scope="module")
def expected(url):
    return chains(taken(StacSearch(Site(url, page_size=100), WEB), query()))


@pytest.mark.parametrize("page_size", [7, 50, 1000])
def test_pages_of_all_sizes_give_the_same_five_chains(url, expected, page_size):
    search = StacSearch(Site(url, page_size=page_size), WEB)
    found = chains(taken(search, query()))
    assert {place: len(names) for place, names in found.items()} == netherlands.CHAINS
    assert found == expected


def test_filter_of_the_api_keeps_what_ours_keeps(url):
    wanted = query(cloudcoverpercentage="[0 TO 20]")
    sure = {"landsat": frozenset({"cloud_cover_pct"})}
    theirs = list(StacSearch(Site(url, sure=sure), WEB).search(wanted))
    ours = taken(StacSearch(Site(url), WEB), wanted)
    assert 0 < len(theirs) < 250
    assert sorted(s.name for s in theirs) == sorted(s.name for s in ours)


def test_interval_is_asked_for(url):
    wanted = Query(
        LandsatSensor(),
        shapely.box(*netherlands.AREA),
        netherlands.START,
        datetime(2020, 1, 1, tzinfo=UTC),
    )
    found = list(StacSearch(Site(url), WEB).search(wanted))
    assert 0 < len(found) < 250
    assert {scene.date.year for scene in found} == {2019}


def test_collection_that_is_not_there_is_an_error(url):
    with pytest.raises(SearchError, match="collections/other: status 404"):
        list(StacSearch(Site(url, only=("other",)), WEB).search(query()))
