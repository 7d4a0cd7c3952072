# SPDX-License-Identifier: Apache-2.0
"""Eleven real Landsat scenes of two places, from the request to the index."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import odc.stac
import pystac
import pystac_client
import pytest
import rasterio
from rio_cogeo import cog_validate

from agents.worker.equipment import open_stores
from infra.geocube.client import GeocubeClient
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.variables import Variable
from streams.table import CellRow, ProcessRow

PRODUCTS = Path(__file__).parents[3] / "shared" / "data" / "landsat8-new-york-2018"

BANDS = [f"B{number:02}" for number in range(1, 12)]
LAYERS = [*BANDS, "BQA"]
INSTANCE = "l1tp"

# Around New York: meets both places.
RING = [[-75, 39], [-71, 39], [-71, 43], [-75, 43], [-75, 39]]

REQUEST = {
    "name": "new-york",
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [RING]},
    "start_time": "2018-01-01T00:00:00Z",
    "end_time": "2018-12-31T23:59:59Z",
    "scene_type": {"constellation": "landsat89"},
    "scene_graph_name": "CopyProductToStorage",
    "tile_graph_name": "ExtractLandsatBands",
    "layers": {
        name: {"variable": f"landsat/{name}", "instance": INSTANCE} for name in LAYERS
    },
}

pytestmark = pytest.mark.skipif(
    not PRODUCTS.is_dir(), reason=f"the real products are not here: {PRODUCTS}"
)


@pytest.fixture(scope="module")
def new_york(shared_system):
    """The area, ingested by the command line."""
    system = shared_system
    folder = str(PRODUCTS)
    system.environment |= {
        "INGESTER_SEARCH_LOCAL_FOLDER": folder,
        "INGESTER_PROVIDER_LOCAL_FOLDER": folder,
        "INGESTER_CATALOGUE_RECORDS": "geocube",
        "INGESTER_PROCESSOR_INDEXERS": "geocube,stac",
    }
    system.start("geocube", "gateway")
    make_variables(system)
    system.start("workflow", "catalogue", "downloader", "processor", "projector")
    file = system.folder / "request.json"
    file.write_text(json.dumps(REQUEST))
    sent = system.command("publish", str(file), "--json")
    assert sent.returncode == 0, sent.stderr
    system.wait_until_ended("new-york")
    return system


def make_variables(system):
    with GeocubeClient(system.settings.geocube_address) as geocube:
        for name in LAYERS:
            numbers = (
                DataFormat(Dtype.UINT16, 1, 0, 65535)
                if name == "BQA"
                else DataFormat(Dtype.UINT16, 0, 1, 65535)
            )
            variable = geocube.ensure_variable(Variable(f"landsat/{name}", numbers))
            geocube.ensure_instance(variable, INSTANCE)


def tiles(system):
    """Processing tasks, by place, in order of date."""
    found: dict[str, list[ProcessRow]] = {}
    for row in system.table().values():
        if isinstance(row, ProcessRow):
            found.setdefault(row.tile.cell, []).append(row)
    return {
        cell: sorted(rows, key=lambda row: row.tile.date)
        for cell, rows in found.items()
    }


def sources(scene):
    """Band files of a product, by layer."""
    files = {}
    for file in (PRODUCTS / scene).glob("*.TIF"):
        band = file.stem.rpartition("_")[2]
        number = band.removeprefix("B")
        files[f"B{int(number):02}" if number.isdigit() else band] = file
    return files


def test_every_task_is_done(new_york):
    area = new_york.gateway.area("new-york")
    assert area["status"] == "done"
    assert area["downloads"]["done"] == area["processes"]["done"] == 11


def test_tiles_are_two_chains_in_order_of_date(new_york):
    chains = tiles(new_york)
    assert {cell: len(rows) for cell, rows in chains.items()} == {
        "014031": 5,
        "014032": 6,
    }
    for rows in chains.values():
        first, *_ = ids = [row.task for row in rows]
        assert [row.previous for row in rows] == ["", *ids[:-1]]
        assert [row.reference for row in rows] == ["", *[first] * (len(ids) - 1)]


def test_chain_of_a_place_has_its_first_date_as_root(new_york):
    table = new_york.table()
    cells = [row for row in table.values() if isinstance(row, CellRow)]
    assert len(cells) == 2
    for cell in cells:
        assert cell.chain.root == cell.chain.members[0]
        assert list(cell.chain.members) == sorted(cell.chain.members)


def test_each_tile_was_processed_after_its_previous(new_york):
    for rows in tiles(new_york).values():
        for earlier, later in pairwise(rows):
            assert earlier.course.ended_at <= later.course.started_at


def test_every_band_is_a_valid_cog_with_the_pixels_of_its_source(new_york, tmp_path):
    store = open_stores(new_york.settings)
    compared = 0
    for rows in tiles(new_york).values():
        for row in rows:
            files = sources(row.tile.scene)
            layers = {layer.name: layer for layer in row.layers}
            assert set(LAYERS) <= set(layers)
            for name in LAYERS:
                copy = tmp_path / f"{compared}.tif"
                store.get(layers[name].uri, copy)
                valid, errors, _ = cog_validate(copy, quiet=True)
                assert valid, errors
                with rasterio.open(copy) as ours, rasterio.open(files[name]) as theirs:
                    assert np.array_equal(ours.read(), theirs.read())
                    assert (ours.crs, ours.transform) == (theirs.crs, theirs.transform)
                    assert ours.dtypes == theirs.dtypes
                compared += 1
    assert compared == 11 * 12


def test_every_layer_is_indexed_in_the_geocube(new_york):
    uris = [
        layer.uri
        for rows in tiles(new_york).values()
        for row in rows
        for layer in row.layers
        if layer.name in LAYERS
    ]
    with GeocubeClient(new_york.settings.geocube_address) as geocube:
        assert set(geocube.containers(uris)) == set(uris)
        variable = geocube.variable("landsat/B04")
        records = [
            row.scene.record
            for row in new_york.table().values()
            if hasattr(row, "scene")
        ]
        indexed = geocube.datasets(variable.instance(INSTANCE).id, records)
    times = [one.record.time for one in indexed]
    assert len(times) == 11
    assert times == sorted(times)
    assert all(one.dataset.data_format.dtype is Dtype.UINT16 for one in indexed)


def test_every_tile_is_listed_by_stac(new_york):
    client = pystac_client.Client.open(f"{new_york.settings.gateway_url}/stac")
    items = list(client.get_collection("new-york").get_items())
    assert len(items) == 11
    for item in items:
        assert set(item.assets) == {*LAYERS, "quicklook"}
        assert item.assets["quicklook"].roles == ["thumbnail"]
        assert item.datetime.year == 2018
    assert min(item.datetime for item in items) > datetime(2018, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_stac_is_searched_by_time_and_place_page_by_page(new_york, method):
    client = pystac_client.Client.open(f"{new_york.settings.gateway_url}/stac")
    summer = client.search(
        method=method,
        collections=["new-york"],
        datetime="2018-05-01/2018-10-31",
        bbox=[-75, 39, -71, 43],
        limit=2,
    )
    months = [item.datetime.month for item in summer.items()]
    assert months
    assert set(months) <= {5, 6, 7, 8, 9, 10}
    assert len(list(client.search(method=method, limit=4).items())) == 11
    elsewhere = client.search(method=method, bbox=[0, 0, 10, 10])
    assert list(elsewhere.items()) == []


# odc-geo 0.5 calls what shapely 2.2 calls old
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_stac_items_are_loaded_by_odc_stac(new_york, tmp_path):
    store = open_stores(new_york.settings)

    def here(uri):
        copy = tmp_path / uri.rpartition("/")[2]
        store.get(uri, copy)
        return str(copy)

    found = new_york.gateway.stac_items("new-york")[:1]
    (item,) = map(pystac.Item.from_dict, found)
    cube = odc.stac.load([item], bands=["B04"], patch_url=here)
    with rasterio.open(sources(item.properties["ingester:scene"])["B04"]) as source:
        assert np.array_equal(cube["B04"].values[0], source.read(1))


def test_log_folds_again_to_the_read_model(new_york):
    replayed = new_york.command("replay", "--compare", "--json")
    assert replayed.returncode == 0, replayed.stdout
    assert json.loads(replayed.stdout)["differences"] == []


def test_same_request_again_creates_nothing(new_york):
    before = new_york.table()
    file = new_york.folder / "request.json"
    sent = new_york.command("publish", str(file), "--follow")
    assert sent.returncode == 0, sent.stderr
    request = next(
        envelope.message.request
        for envelope in new_york.messages("ingester.requests")[::-1]
    )
    assert request
    tasks = [t for t, row in new_york.table().items() if hasattr(row, "course")]
    assert tasks == [t for t, row in before.items() if hasattr(row, "course")]
