# SPDX-License-Identifier: Apache-2.0
"""OneAtlas against a server that answers in its form."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import shapely

from agents.catalogue.filters import filters_of
from agents.catalogue.inventory import page, take_inventory
from agents.catalogue.search import Query
from agents.catalogue.searches.oneatlas import OneAtlasSearch, make
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.pleiades import PleiadesSensor
from streams.errors import SearchError
from streams.model import Scene
from tests.peers import peer

START = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2025, 1, 1, 1, tzinfo=UTC)
AREA = shapely.box(1, 43, 2, 44)


def a_product(day):
    return {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(AREA),
        "_links": {
            "download": [
                {"name": "thumbnail", "type": "HTTP", "href": "http://h/t"},
                {"name": "Download", "type": "HTTP", "href": f"http://h/{day}"},
            ]
        },
        "properties": {
            "id": f"uuid-{day}",
            "sourceIdentifier": "not a name of the sensor",
            "acquisitionIdentifier": (
                f"DS_PHR1A_202006{day:02}1052297_FR1_PX_E001N43_0612_06488"
            ),
            "acquisitionDate": f"2020-06-{day:02}T10:52:29.700Z",
            "processingDate": f"2021-06-{day:02}T10:52:29.700Z",
            "cloudCover": 10 * day,
            "incidenceAngle": 12.5,
            "productType": "bundle",
            "constellation": "PHR",
            "platform": "PHR1A",
        },
    }


PRODUCTS = [a_product(day) for day in range(1, 10)]


@contextmanager
def oneatlas(products=PRODUCTS, page_size=5, total=None):
    def made(_):
        def answer(asked):
            begin = asked.body["itemsPerPage"] * (asked.body["startPage"] - 1)
            return {
                "error": False,
                "totalResults": len(products) if total is None else total,
                "features": products[begin : begin + asked.body["itemsPerPage"]],
            }

        return answer

    with peer(made) as host:
        quick = Web(Manners(timeout_s=5, tries=2, per_second=10_000))
        yield OneAtlasSearch(host.url, quick, page_size), host


def query(**parameters):
    return Query(PleiadesSensor(), AREA, START, END, tuple(filters_of(parameters)))


# Case C7 of the reference: pages of five, nine products.
@pytest.mark.parametrize(
    ("number", "limit", "kept"),
    [(0, 10, 9), (0, 3, 3), (1, 9, 0), (1, 5, 4), (1, 2, 2)],
)
def test_pages_of_the_request(number, limit, kept):
    with oneatlas() as (search, _):
        found = take_inventory(search.search(query()), AREA, START, END)
    assert len(page(found, number, limit).scenes) == kept


def test_what_is_told_of_a_product_stands_in_its_scene():
    with oneatlas(PRODUCTS[:1]) as (search, _):
        (scene,) = search.search(query())
    assert isinstance(scene, Scene)
    assert scene.date == datetime(2020, 6, 1, 10, 52, 29, 700_000, UTC)
    assert scene.metadata["published"] == "2021-06-01T10:52:29.700000Z"
    assert scene.metadata["cloud_cover_pct"] == "10"
    assert scene.metadata["download_link"] == "http://h/1"
    assert scene.metadata["uuid"] == "uuid-1"


def test_filters_are_handed_on_and_applied():
    wanted = query(cloudCover="[0, 80]", incidenceangle="[0 TO 20]", workspace="public")
    with oneatlas() as (search, host):
        found = take_inventory(search.search(wanted), AREA, START, END, wanted.filters)
    assert len(found.scenes) == 8
    body = host.asked[0].body
    assert body["cloudCover"] == "[0,80]"
    assert body["workspace"] == "public"
    assert body["constellation"] == "PHR"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"total": 10}, "9 products came of 10 announced"),
        ({"total": 10, "page_size": 3}, "9 products came of 10 announced"),
    ],
)
def test_fewer_products_than_announced_are_an_error(broken, says):
    with oneatlas(**broken) as (search, _), pytest.raises(SearchError, match=says):
        list(search.search(query()))


def test_nothing_there_is_no_error():
    with oneatlas([]) as (search, host):
        assert list(search.search(query())) == []
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            {"error": True, "message": "bad key"},
            "an error instead of products: bad key",
        ),
        ({"totalResults": 3}, "an answer without products"),
    ],
)
def test_answer_that_is_no_oneatlas_is_an_error(answer, says):
    with peer(lambda _: lambda asked: answer) as host:
        with pytest.raises(SearchError, match=says):
            list(OneAtlasSearch(host.url, Web()).search(query()))


def test_key_is_sent_to_it():
    with oneatlas() as (_, host):
        list(make({"url": host.url, "password": "hush"}).search(query()))
    # "APIKEY:hush"
    assert host.asked[0].headers["Authorization"] == "Basic QVBJS0VZOmh1c2g="
