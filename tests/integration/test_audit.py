# SPDX-License-Identifier: Apache-2.0
"""An audit of real runs: nothing to tell, and exactly what was broken by hand."""

import json
from pathlib import Path

import psycopg
import pytest

from agents.worker.equipment import open_stores
from infra.geocube.client import GeocubeClient
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.variables import Variable
from streams.model import Action
from streams.orders import DownloadOrder
from streams.table import ProcessRow
from streams.topics import DOWNLOADS
from tests.areas import a_record
from tests.landsat import BANDS, LEVEL_1, cut_off, make_product

REAL = Path(__file__).parents[3] / "shared" / "data" / "landsat8-new-york-2018"

LAYERS = ("B02", "B04")
DAYS = ("20230502", "20230518", "20230603")
RING = [[8, 54], [12, 54], [12, 57], [8, 57], [8, 54]]


def a_request(name, ring, year):
    return {
        "name": name,
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "start_time": f"{year}-01-01T00:00:00Z",
        "end_time": f"{year}-12-31T23:59:59Z",
        "scene_type": {"constellation": "landsat89"},
        "scene_graph_name": "CopyProductToStorage",
        "tile_graph_name": "ExtractLandsatBands",
        "layers": {
            name: {"variable": f"landsat/{name}", "instance": "tests"}
            for name in LAYERS
        },
    }


def make_variables(system):
    numbers = DataFormat(Dtype.UINT16, 0, 1, 65535)
    with GeocubeClient(system.settings.geocube_address) as geocube:
        for name in LAYERS:
            variable = geocube.ensure_variable(Variable(f"landsat/{name}", numbers))
            geocube.ensure_instance(variable, "tests")


def ingest(system, request, folder):
    """Run everything until the area has ended."""
    system.environment |= {
        "INGESTER_SEARCH_LOCAL_FOLDER": str(folder),
        "INGESTER_PROVIDER_LOCAL_FOLDER": str(folder),
        "INGESTER_CATALOGUE_RECORDS": "geocube",
        "INGESTER_PROCESSOR_INDEXERS": "geocube,stac",
    }
    system.start("geocube", "gateway")
    make_variables(system)
    system.start("workflow", "catalogue", "downloader", "processor", "projector")
    file = system.folder / "request.json"
    file.write_text(json.dumps(request))
    sent = system.command("publish", str(file), "--json")
    assert sent.returncode == 0, sent.stderr
    system.wait_until_ended(request["name"], timeout_s=300)


def make_products(folder):
    """Three dates of one place; a band of the second is cut off."""
    for day in DAYS:
        name = LEVEL_1.replace("20230502", day)
        product = make_product(folder, name, BANDS[LEVEL_1])
        if day == DAYS[1]:
            cut_off(product / f"{name}_B4.TIF")


def audited(system, area):
    done = system.command("audit", area, "--json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == bool(report["differences"])
    return report


@pytest.fixture
def small(system):
    """An area with a tile that failed, ended."""
    folder = system.folder / "landsat"
    make_products(folder)
    ingest(system, a_request("small", RING, 2023), folder)
    return system


def indexed(system):
    """Layers in the index, in order of URI."""
    return sorted(
        layer.uri
        for row in system.table().values()
        if isinstance(row, ProcessRow)
        for layer in row.layers
        if layer.action is Action.INDEX and layer.name in LAYERS
    )


def written_by_an_earlier_version(system):
    """Rows of tiles as if written when they said more of what is usual."""
    with psycopg.connect(system.environment["INGESTER_POSTGRES_DSN"]) as connection:
        changed = connection.execute(
            """update ingester.dependency set value = regexp_replace(
            value, '"at":', '"stale":false,"held":"","at":') where key like '%/%/%'"""
        )
        assert changed.rowcount > 0


def test_a_run_has_no_difference_until_something_is_broken_and_then_just_that(small):
    written_by_an_earlier_version(small)
    report = audited(small, "small")
    assert report["differences"] == []
    assert all(report["checked"][place] > 0 for place in report["checked"])
    assert set(report["checked"]) == {
        "table",
        "orders",
        "read model",
        "objects",
        "datasets",
    }

    gone, dropped, *_ = indexed(small)
    open_stores(small.settings).delete(gone)
    with psycopg.connect(small.environment["INGESTER_POSTGRES_DSN"]) as connection:
        connection.execute(
            "update ingester.task set worker = 'nobody' where tile <> '' and id in "
            "(select min(id) from ingester.task where tile <> '')"
        )
    with GeocubeClient(small.settings.geocube_address) as geocube:
        assert geocube.delete_datasets(dropped) is not None

    found = audited(small, "small")["differences"]
    assert [(one["place"], one["what"].partition(" ")[0]) for one in found] == [
        ("read model", "task"),
        ("objects", gone),
        ("datasets", dropped),
    ]
    assert [one["found"] for one in found] == [
        '{"worker":"nobody"}',
        "nothing",
        "nothing",
    ]

    people = small.command("audit", "small")
    assert people.returncode == 1
    assert "3 differences" in people.stdout


def test_what_the_log_does_not_know_is_named(small):
    store = open_stores(small.settings)
    stray = small.folder / "stray"
    stray.write_text("of nobody")
    orphan = f"{small.settings.storage_uri}/small/stray"
    store.put(orphan, stray)
    order = next(
        envelope.message
        for envelope in small.messages(DOWNLOADS.name)
        if isinstance(envelope.message, DownloadOrder)
    )
    wrong = DownloadOrder(
        order.area, order.task, 9, order.ingestion, order.settings, order.scene
    )
    small.write(a_record(DOWNLOADS.name, wrong))
    found = audited(small, "small")["differences"]
    assert [(one["place"], one["what"], one["expected"]) for one in found] == [
        ("orders", f"{order.task}#9", "nothing"),
        ("objects", orphan, "nothing: no fact lists it"),
    ]


def test_an_area_without_facts_is_refused(system):
    done = system.command("audit", "nowhere")
    assert done.returncode == 2
    assert "the log has no fact of it" in done.stderr


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real products are not here: {REAL}")
def test_a_run_on_real_scenes_has_no_difference(system):
    ring = [[-75, 39], [-71, 39], [-71, 43], [-75, 43], [-75, 39]]
    ingest(system, a_request("new-york", ring, 2018), REAL)
    report = audited(system, "new-york")
    assert report["differences"] == []
    assert report["checked"]["datasets"] == 22
