# SPDX-License-Identifier: Apache-2.0
"""OData searches against a server that understands the filters they send."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely

from agents.catalogue.filters import filters_of
from agents.catalogue.inventory import page, take_inventory
from agents.catalogue.search import Query
from agents.catalogue.searches.odata import ODataSearch, Service, make_copernicus
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from streams.errors import SearchError
from streams.model import LeftOut
from tests.peers import odata, peer

RECORDED = Path(__file__).parents[3] / "shared/data/catalogue-responses"

START = datetime(2022, 1, 1, tzinfo=UTC)
END = datetime(2022, 1, 31, tzinfo=UTC)
AREA = shapely.box(9.7, 54.8, 10.1, 55.1)


def a_product(number, *, tile="32UNF", footprint=None, **attributes):
    """A Sentinel-2 product, one every two hours."""
    date = START + timedelta(hours=2 * number, milliseconds=24)
    name = f"S2A_MSIL1C_{date:%Y%m%dT%H%M%S}_N0400_R008_T{tile}_{date:%Y%m%dT%H%M%S}"
    said = {"cloudCover": number % 100 + 0.5, "relativeOrbitNumber": 8} | attributes
    place = footprint or shapely.box(9, 54, 11, 56)
    return {
        "Id": f"{number:08}",
        "Name": f"{name}.SAFE",
        "ContentDate": {"Start": f"{date:%Y-%m-%dT%H:%M:%S.%fZ}"},
        "PublicationDate": f"{date:%Y-%m-%dT%H:%M:%S.%fZ}",
        "S3Path": f"/eodata/{name}.SAFE",
        "Online": True,
        "Checksum": [{"Value": "0123", "Algorithm": "MD5"}],
        "GeoFootprint": shapely.geometry.mapping(place),
        "Attributes": [{"Name": k, "Value": v} for k, v in said.items()],
    }


def query(sensor=None, area=AREA, start=START, end=END, **parameters):
    sensor = sensor or Sentinel2Sensor()
    filters = filters_of(parameters, sensor.constellation)
    return Query(sensor, area, start, end, tuple(filters))


@contextmanager
def service(entries, page_size=1000, reach=10_000, **manners):
    with peer(odata(entries, reach=reach, **manners)) as host:
        found = Service(f"{host.url}/Products", "https://h/({Id})", page_size, reach)
        quick = Manners(timeout_s=5, tries=2, per_second=10_000)
        yield ODataSearch(found, Web(quick)), host


PRODUCTS = [a_product(number) for number in range(250)]


@pytest.mark.parametrize("page_size", [7, 50, 1000])
def test_every_page_is_read(page_size):
    with service(PRODUCTS, page_size) as (search, host):
        names = [scene.name for scene in search.search(query())]
    assert names == [entry["Name"].removesuffix(".SAFE") for entry in PRODUCTS]
    assert len(host.asked) == -(-250 // page_size)


# Case C3 of the reference: seven products, pages of five.
@pytest.mark.parametrize(
    ("number", "limit", "kept"),
    [(0, 8, 7), (0, 3, 3), (1, 7, 0), (1, 4, 3), (1, 2, 2), (0, 0, 7)],
)
def test_pages_of_the_request(number, limit, kept):
    with service(PRODUCTS[:7], page_size=5) as (search, _):
        found = take_inventory(search.search(query()), AREA, START, END)
    assert len(page(found, number, limit).scenes) == kept


def test_same_question_is_the_same_request():
    parameters = {"relativeorbitnumber": "8", "cloudcoverpercentage": "[0 TO 80]"}
    turned = dict(reversed(parameters.items()))
    with service(PRODUCTS) as (search, host):
        for asked in (parameters, turned):
            list(search.search(query(**asked)))
    assert host.asked[0].query == host.asked[1].query


def test_what_is_told_of_a_product_stands_in_its_scene():
    with service(PRODUCTS[:1]) as (search, _):
        (scene,) = search.search(query())
    assert scene.date == START + timedelta(milliseconds=24)
    assert scene.metadata == {
        "cloud_cover_pct": "0.5",
        "relative_orbit": "8",
        "published": "2022-01-01T00:00:00.024000Z",
        "uuid": "00000000",
        "download_link": "https://h/(00000000)",
        "s3_path": f"/eodata/{scene.name}.SAFE",
        "md5": "0123",
        "online": "true",
    }
    assert scene.tags["cloudCoverPercentage"] == "0.5"


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, 100),
        ({"cloudcoverpercentage": "[0 TO 9.5]"}, 10),
        ({"relativeorbitnumber": "8"}, 100),
        ({"relativeorbitnumber": "9"}, 0),
        ({"filename": "*T32UNF*"}, 100),
        ({"filename": "S2A_*_N0400_*"}, 100),
        ({"filename": "it's"}, 0),
        ({"producttype": "S2MSI2A"}, 0),
    ],
)
def test_filters_are_handed_on(parameters, kept):
    with service(PRODUCTS[:100]) as (search, _):
        assert len(list(search.search(query(**parameters)))) == kept


@pytest.mark.parametrize(
    ("area", "kept"),
    [
        (AREA, True),
        (shapely.box(20, 20, 21, 21), False),
        (shapely.MultiPolygon([shapely.box(20, 20, 21, 21), AREA]), True),
        (
            shapely.MultiPolygon([shapely.box(n, 20, n + 0.5, 21) for n in range(9)]),
            False,
        ),
        (AREA.centroid.buffer(0.1, quad_segs=200), True),
        (shapely.box(1e-6, 54, 12, 55), True),
    ],
    ids=[
        "inside",
        "outside",
        "two parts",
        "many parts",
        "many corners",
        "small number",
    ],
)
def test_areas_of_all_shapes_are_asked_for(area, kept):
    with service(PRODUCTS[:1]) as (search, host):
        assert bool(list(search.search(query(area=area)))) is kept
    assert len(host.asked[0].query["$filter"]) < 4000


def test_ends_of_the_interval_are_inside():
    first, last = PRODUCTS[0], PRODUCTS[9]
    start, end = (
        datetime.fromisoformat(e["ContentDate"]["Start"]) for e in (first, last)
    )
    with service(PRODUCTS) as (search, _):
        assert len(list(search.search(query(start=start, end=end)))) == 10


def test_more_than_the_service_can_list_is_asked_for_in_parts():
    with service(PRODUCTS, page_size=10, reach=40) as (search, host):
        names = [scene.name for scene in search.search(query())]
    assert names == [entry["Name"].removesuffix(".SAFE") for entry in PRODUCTS]
    assert max(int(asked.query["$skip"]) for asked in host.asked) <= 40


def test_more_at_one_moment_than_can_be_listed_is_an_error():
    entries = [{**PRODUCTS[0], "Id": str(number)} for number in range(50)]
    with service(entries, page_size=10, reach=40) as (search, _):
        with pytest.raises(SearchError, match=r"50 products at .*, more than the 40"):
            list(search.search(query()))


def test_fewer_products_than_announced_are_an_error():
    with service(PRODUCTS, page_size=50, short=1) as (search, _):
        with pytest.raises(SearchError, match="249 products came of 250 announced"):
            list(search.search(query()))


def test_pages_without_end_are_an_error():
    with service(PRODUCTS, page_size=50, again=True) as (search, _):
        with pytest.raises(SearchError, match="the same products on every page"):
            list(search.search(query()))


@pytest.mark.parametrize("fault", ["503", "429 0", "cut", "html"])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_fault_on_a_page_changes_nothing(fault, at):
    with service(PRODUCTS, page_size=50) as (search, host):
        host.faults = [""] * at + [fault]
        assert len(list(search.search(query()))) == 250


@pytest.mark.parametrize("at", [0, 1, 4])
def test_page_that_never_comes_is_an_error(at):
    with service(PRODUCTS, page_size=50) as (search, host):
        host.faults = [""] * at + ["503", "503"]
        with pytest.raises(SearchError, match="Products: status 503"):
            list(search.search(query()))


@pytest.mark.parametrize("answer", [{"hello": 1}, [], {"status": 500, "value": []}])
def test_answer_that_is_no_odata_is_an_error(answer):
    with peer(lambda _: lambda asked: answer) as host:
        search = ODataSearch(Service(host.url, ""), Web(Manners(per_second=10_000)))
        with pytest.raises(SearchError, match="no OData"):
            list(search.search(query()))


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"Name": "S2A_MSIL1C_nonsense.SAFE"}, "its name is not of a product"),
        ({"Attributes": [{"Name": "cloudCover"}]}, "its entry .* cannot be read"),
        ({"ContentDate": {"Start": "2022-01-01T00:00:00.000Z"}, "Id": None}, None),
    ],
)
def test_odd_product_does_not_hide_the_others(odd, reason):
    entries = [*PRODUCTS[:3], {**PRODUCTS[3], **odd}]
    with peer(lambda _: lambda asked: {"value": entries}) as host:
        search = ODataSearch(Service(host.url, "({Id})"), Web(Manners()))
        found = list(search.search(query()))
    assert len(found) == 4
    left_out = [item for item in found if isinstance(item, LeftOut)]
    assert len(left_out) == (reason is not None)


def recorded(name):
    file = RECORDED / name
    if not file.exists():
        pytest.skip(f"the recorded answer is not at {file}")
    return json.loads(file.read_text())["value"]


EVERYWHERE = shapely.box(-180, -90, 180, 90)
LONG_AGO, LATE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def test_recorded_answer_of_copernicus():
    with service(recorded("copernicus-dataspace-odata.json"), 1) as (search, _):
        wanted = query(area=EVERYWHERE, start=LONG_AGO, end=LATE)
        found = list(search.search(wanted))
    assert [scene.fields["TILE"] for scene in found] == ["T54PXA", "T55PBR"]
    assert found[0].metadata["published"] == "2023-08-23T09:26:23.105134Z"
    assert found[0].metadata["md5"] == "923ac4992d90b57d41e7ace4d9d90757"
    assert found[0].tags["productType"] == "S2MSI1C"
    assert shapely.from_wkt(found[0].footprint).contains(shapely.Point(142.6, 13.6))


def test_recorded_answer_of_creodias():
    wanted = query(
        Sentinel1Sensor(),
        EVERYWHERE,
        LONG_AGO,
        LATE,
        producttype="GRD",
        polarisationmode="VV",
        relativeorbitnumber="153",
    )
    with service(recorded("creodias-items.json"), 4) as (search, _):
        found = list(search.search(wanted))
    assert len(found) == 10
    assert all(not f(scene) for scene in found for f in wanted.filters)
    assert found[0].tags == {
        "orbitDirection": "ASCENDING",
        "relativeOrbit": "153",
        "orbit": "2673",
        "polarisationMode": "VV",
        "productType": "GRD",
        "sliceNumber": "1",
        "constellation": "SENTINEL1",
        "satellite": "SENTINEL1A",
    }


def test_options_change_the_service():
    with peer(odata(PRODUCTS[:5])) as host:
        options = {"url": f"{host.url}/Products", "page_size": "2", "token": "hush"}
        assert len(list(make_copernicus(options).search(query()))) == 5
    assert host.asked[0].headers["Authorization"] == "Bearer hush"
    assert len(host.asked) == 3
