# SPDX-License-Identifier: Apache-2.0
"""Searches as the settings describe them, from a payload to the facts."""

import json

import pytest

from agents.catalogue.agent import open_catalogue
from agents.settings import load_settings
from streams.errors import InvalidRequest, SearchError
from streams.events import IngestionListed
from streams.payload import read_payload
from tests.integration.test_odata import PRODUCTS
from tests.peers import odata, peer

PAYLOAD = {
    "name": "als",
    "type": "Polygon",
    "coordinates": [
        [[9.8, 54.9], [10.1, 54.9], [10.1, 55.1], [9.8, 55.1], [9.8, 54.9]]
    ],
    "start_time": "2022-01-01T00:00:00Z",
    "end_time": "2022-01-02T00:00:00+01:00",
    "scene_type": {
        "constellation": "sentinel2",
        "parameters": {"cloudcoverpercentage": "[0 TO 80]"},
    },
    "scene_graph_name": "CopyProductToStorage",
    "tile_graph_name": "Pass",
}


def a_request(payload=PAYLOAD, **changes):
    return read_payload(json.dumps(payload | changes), request="r1", by="me")


@pytest.fixture
def hosts(monkeypatch):
    """CREODIAS, which is broken, and Copernicus, which is not."""
    with peer(odata([])) as broken, peer(odata(PRODUCTS)) as good:
        broken.faults = ["503"] * 99
        monkeypatch.setenv("INGESTER_SEARCH_CREODIAS_URL", broken.url)
        monkeypatch.setenv("INGESTER_SEARCH_COPERNICUS_ODATA_URL", good.url)
        yield broken, good


def a_catalogue(**settings):
    quick = {"catalogue_tries": 2, "catalogue_per_second": 1000.0}
    searches = ("creodias", "copernicus-odata")
    return open_catalogue(
        load_settings(catalogue_searches=searches, **quick, **settings)
    )


def listed(facts):
    (fact,) = (fact for fact in facts if isinstance(fact, IngestionListed))
    return fact


def test_next_search_answers_for_one_that_fails_and_the_log_tells(hosts):
    broken, _ = hosts
    fact = listed(a_catalogue().plan(a_request()))
    # One product every two hours until 23:00 UTC.
    assert fact.scenes == 12
    failed, found = fact.searched
    assert failed.startswith("creodias: failed: http://127.0.0.1")
    assert "status 503: not now (after 2 tries)" in failed
    assert found == "copernicus-odata: listed 12"
    assert len(broken.asked) == 2


def test_first_search_decides_when_it_is_told_to(hosts):
    with pytest.raises(SearchError, match="status 503"):
        a_catalogue(catalogue_fallback="never").plan(a_request())


def test_request_may_name_its_searches(hosts):
    broken, _ = hosts
    fact = listed(a_catalogue().plan(a_request(searches=["copernicus-odata"])))
    assert fact.scenes == 12
    assert broken.asked == []


def test_nothing_found_is_refused_when_it_is_told_to(hosts):
    catalogue = a_catalogue(catalogue_nothing="refuse")
    late = {"start_time": "2030-01-01T00:00:00Z", "end_time": "2030-01-02T00:00:00Z"}
    with pytest.raises(InvalidRequest, match="copernicus-odata: listed 0"):
        catalogue.plan(a_request(searches=["copernicus-odata"], **late))


def test_too_many_scenes_are_refused(hosts):
    with pytest.raises(InvalidRequest, match="lists more than 11 scenes"):
        a_catalogue(catalogue_most_scenes=11).plan(a_request())


def test_everything_wrong_with_a_request_is_said_before_any_search(hosts):
    wrong = {"constellation": "sentinel2", "parameters": {"clouds": "1", "path": "x"}}
    request = a_request(scene_type=wrong, searches=["no-such"])
    with pytest.raises(InvalidRequest) as caught:
        a_catalogue().plan(request)
    text = str(caught.value)
    assert "$.scene_type.parameters.clouds: unknown, expected one of" in text
    assert "$.scene_type.parameters.path: 'x', expected a whole number" in text
    assert "$.searches: search 'no-such' is not installed" in text
    assert hosts[1].asked == []
