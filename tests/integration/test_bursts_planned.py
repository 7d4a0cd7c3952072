# SPDX-License-Identifier: Apache-2.0
"""Bursts from a request to the log: the catalogue as a process, on real servers."""

import shutil

from agents.worker.equipment import open_stores
from streams.events import IngestionListed, IngestionRefused, TaskCreated
from streams.model import Kind
from streams.topics import TASKS
from tests.areas import a_request
from tests.safe import NAME, Safe, three_swaths
from tests.system import wait_for

SQUARE = {
    "type": "Polygon",
    "coordinates": [[[9.4, 54.6], [9.5, 54.6], [9.5, 54.61], [9.4, 54.6]]],
}


def ask(system, area, **changes):
    """What the log tells of a request for bursts of the made-up product."""
    wanted = {
        "geometry": SQUARE,
        "start_time": "2022-01-01T00:00:00Z",
        "end_time": "2022-02-01T00:00:00Z",
        "scene_type": {"constellation": "sentinel1"},
    }
    request = a_request(area, **(wanted | changes))
    system.send(request)

    def told():
        found = [e.message for e in system.messages(TASKS.name)]
        mine = [m for m in found if getattr(m, "ingestion", "") == request.request]
        ended = [m for m in mine if isinstance(m, IngestionListed | IngestionRefused)]
        return mine if ended else None

    return wait_for(told)


def tiles(facts):
    created = [fact for fact in facts if isinstance(fact, TaskCreated)]
    return [fact.tile for fact in created if fact.kind is Kind.PROCESS]


def test_bursts_of_a_product_are_planned_and_remembered(system):
    products = system.folder / "products"
    folder = Safe(swaths=three_swaths()).folder(products)
    system.start("catalogue", catalogue_annotations=str(products))
    facts = ask(system, "Bursts")
    (tile,) = tiles(facts)
    assert tile.name == tile.cell
    assert (tile.swath, tile.number, tile.anx_time) == ("IW1", 4, 9034)
    assert tile.footprint.startswith("POLYGON")
    (part,) = facts[1].scene.parts
    assert (part.tile, part.footprint) == (tile.name, tile.footprint)
    (left_out,) = facts[-1].left_out
    assert left_out.reason.startswith("26 of 27 bursts do not meet the area: ")

    store, root = open_stores(system.settings), system.settings.storage_uri
    (kept,) = store.list(f"{root}/.bursts/")
    assert kept[0] == f"{root}/.bursts/1/{NAME}.json"

    shutil.rmtree(folder / "annotation")
    assert tiles(ask(system, "Again")) == [tile]


def test_request_without_annotations_is_refused_with_the_reason(system):
    folder = Safe().folder(system.folder / "products")
    shutil.rmtree(folder / "annotation")
    system.start("catalogue", catalogue_annotations_from=str(system.folder))
    (refused,) = ask(system, "Refused", annotations_urls=[f"{folder}"])
    assert isinstance(refused, IngestionRefused)
    assert "s1a-iw1-slc-vv-001.xml: no file there" in str(refused.problems)
