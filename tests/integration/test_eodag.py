# SPDX-License-Identifier: Apache-2.0
"""The provider and the search `eodag`, through eodag itself, on a STAC service."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import shapely

from agents.catalogue.search import Query
from agents.catalogue.searches.eodag import make as make_search
from agents.catalogue.sensors.sentinel2 import Sentinel2Sensor
from agents.downloader.providers import eodag
from streams.errors import (
    CredentialsRefused,
    DamagedProduct,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    RateLimited,
    SearchError,
)
from streams.model import Scene
from tests.errands import archive

pytest.importorskip("eodag", reason="its packages are not installed: make test-eodag")

# Of eodag's own calls of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated eodag")

NAME = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"
SCENE = Scene(NAME, "sentinel2", datetime(2018, 1, 1, tzinfo=UTC))
FILES = {
    f"{NAME}.SAFE/MTD_MSIL1C.xml": b"<a><IMAGE_FILE>GRANULE/B01</IMAGE_FILE></a>",
    f"{NAME}.SAFE/GRANULE/B01.jp2": b"pixels",
}

PROVIDER = """
loopback:
  name: loopback
  search:
    type: StacSearch
    api_endpoint: {url}/search
    need_auth: false
    metadata_mapping: {{order:status: '$.properties."order:status"'}}
  products: {products}
  download: {{type: HTTPDownload}}
"""


class Service:
    """One product: its archive, and with which status it and answers are sent."""

    def __init__(self, config: Path) -> None:
        self.url = ""
        self.config = config
        self.body = archive(FILES)
        self.status = 200
        self.search_status = 200
        self.order = "succeeded"
        self.asked: list[dict] = []

    def offer(self, *collections: str) -> None:
        """Have eodag know it as a provider of these."""
        products = {name: {"_collection": name} for name in collections}
        self.config.write_text(
            PROVIDER.format(url=self.url, products=json.dumps(products))
        )

    def item(self) -> dict:
        ring = [[3, 42], [4, 42], [4, 43], [3, 42]]
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": NAME,
            "collection": "S2_MSI_L1C",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {
                "datetime": "2018-01-01T10:54:41Z",
                "order:status": self.order,
            },
            "links": [],
            "assets": {"product": {"href": f"{self.url}/product.zip"}},
        }


@pytest.fixture
def service(tmp_path, monkeypatch):
    config = tmp_path / "eodag.yml"
    served = Service(config)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(asked)
            wanted = asked.get("ids", [NAME]), asked["collections"]
            found = [served.item()] if wanted == ([NAME], ["S2_MSI_L1C"]) else []
            answer = {"type": "FeatureCollection", "features": found, "links": []}
            self.answer(
                served.search_status, "application/json", json.dumps(answer).encode()
            )

        def do_GET(self):
            self.answer(served.status, "application/zip", served.body)

        do_HEAD = do_GET

        def answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    served.offer("S2_MSI_L1C", "S2_MSI_L2A")
    monkeypatch.setenv("EODAG_CFG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "work" / "into"
    folder.mkdir(parents=True)
    return folder


def fetch(scene, into):
    options = {"provider": "loopback", "collection": "S2_MSI_L1C"}
    eodag.make(options).fetch(scene, into, None)


def test_archive_is_unpacked_and_nothing_is_drawn(service, into, capfd):
    fetch(SCENE, into)
    found = {
        str(path.relative_to(into)): path.read_bytes()
        for path in into.rglob("*")
        if path.is_file()
    }
    assert found == FILES
    assert list(into.parent.iterdir()) == [into]
    assert capfd.readouterr() == ("", "")


def test_product_that_is_not_there_is_not_found(service, into):
    with pytest.raises(ProductNotFound, match="loopback: no 'S2B'"):
        fetch(Scene("S2B", "sentinel2", SCENE.date), into)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, CredentialsRefused),
        (404, ProductNotFound),
        (429, RateLimited),
        (500, ProviderError),
    ],
)
def test_refusal_has_its_class_and_tells_no_url(service, into, caplog, status, error):
    service.status = status
    with pytest.raises(error) as raised:
        fetch(SCENE, into)
    assert service.url not in f"{raised.value} {caplog.text}"


def test_product_that_is_not_online_is_waited_for(service, into):
    service.status, service.order = 404, "orderable"
    with pytest.raises(ProductStaging):
        fetch(SCENE, into)


def test_band_that_is_missing_is_named(service, into):
    band = f"{NAME}.SAFE/GRANULE/B01.jp2"
    service.body = archive({k: v for k, v in FILES.items() if k != band})
    with pytest.raises(DamagedProduct, match="B01"):
        fetch(SCENE, into)


def test_archive_that_leads_out_is_refused(service, into):
    service.body = archive({**FILES, "../../out": b"x"})
    with pytest.raises(DamagedProduct, match="out"):
        fetch(SCENE, into)
    assert not (into.parent.parent / "out").exists()


# -- the search


def listed(provider="loopback"):
    query = Query(
        Sentinel2Sensor(),
        shapely.box(3, 42, 4, 43),
        datetime(2018, 1, 1, tzinfo=UTC),
        datetime(2018, 1, 2, tzinfo=UTC),
        (),
    )
    return list(make_search({"provider": provider}).search(query))


def test_search_lists_the_products_of_its_provider(service):
    (scene,) = listed()
    assert (scene.name, scene.constellation) == (NAME, "sentinel2")
    assert scene.date == datetime(2018, 1, 1, 10, 54, 41, tzinfo=UTC)
    assert scene.metadata["eodag_provider"] == "loopback"
    assert [asked["collections"] for asked in service.asked] == [
        ["S2_MSI_L1C"],
        ["S2_MSI_L2A"],
    ]


def test_search_looks_in_the_collections_that_the_provider_has(service):
    service.offer("S2_MSI_L1C")
    assert len(listed()) == 1
    assert [asked["collections"] for asked in service.asked] == [["S2_MSI_L1C"]]


@pytest.mark.parametrize(
    ("products", "provider", "said"),
    [
        (("S1_SAR_GRD",), "loopback", "no collection of S2_MSI_L1C, S2_MSI_L2A"),
        (("S2_MSI_L1C",), "nowhere", "no provider 'nowhere'"),
    ],
)
def test_search_of_what_is_not_there_is_an_error(service, products, provider, said):
    service.offer(*products)
    with pytest.raises(SearchError, match=said):
        listed(provider)


def test_search_that_is_refused_is_an_error(service):
    service.search_status = 500
    with pytest.raises(SearchError, match="loopback"):
        listed()
