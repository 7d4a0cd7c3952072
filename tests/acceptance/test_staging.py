# SPDX-License-Identifier: Apache-2.0
"""A product on tape, and a whole ingester with one hand that has other things to do."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.events import DownloadDone, DownloadFailed, DownloadStarted
from streams.failures import Failure
from streams.model import Status
from tests import netherlands
from tests.errands import archive
from tests.harvest import DATES, PLACES, make_products
from tests.origins import web
from tests.system import wait_for

AREA, OTHERS = "tape", "others"


@pytest.fixture
def origin(system):
    """A server of the products; the folder is what the catalogue searches."""
    folder = system.folder / "products"
    make_products(folder)
    with web() as served:
        for product in folder.iterdir():
            files = {
                f"{product.name}/{f.name}": f.read_bytes() for f in product.iterdir()
            }
            served.files[f"{product.name}.zip"] = archive(files)
        yield served


def request(name, **period):
    """What the catalogue finds in a period."""
    return netherlands.request(
        name=name,
        request=f"request-{name}",
        searches=("local",),
        scene_graph="CopyProductToStorage",
        tile_graph="Pass",
        **period,
    )


def told(system, kind, area):
    facts = [entry.fact.message for entry in system.facts()]
    return [fact for fact in facts if isinstance(fact, kind) and fact.area == area]


def test_scenario_4_product_on_tape_holds_no_worker(system, origin):
    """F4: asked for three times and more, and the one hand is free in between."""
    origin.staged = {name for name in origin.files if "_20220101_" in name}
    assert len(origin.staged) == len(PLACES)
    system.environment |= {
        "INGESTER_CATALOGUE_SEARCHES": "local",
        "INGESTER_DOWNLOADER_PROVIDERS": "url",
        "INGESTER_PROVIDER_URL_URLS": f"{origin.url}/{{SCENE}}.zip",
        # The products have two bands and no more.
        "INGESTER_PROVIDER_URL_CHECK": "false",
        "INGESTER_WORKER_PARALLEL": "1",
    }
    system.start(*netherlands.AGENTS)
    first, second = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 1, 2, tzinfo=UTC)
    noon = first + timedelta(hours=12)
    system.send(request(AREA, start_time=first, end_time=noon))
    wait_for(lambda: told(system, DownloadFailed, AREA))

    # While these wait, everything else is done by the same hand.
    system.send(request(OTHERS, start_time=second))
    assert system.wait_until_ended(OTHERS)["status"] == "done"
    assert len(told(system, DownloadDone, OTHERS)) == len(PLACES) * (len(DATES) - 1)
    assert told(system, DownloadDone, AREA) == []

    wait_for(lambda: len(told(system, DownloadFailed, AREA)) >= 3 * len(PLACES))
    origin.staged.clear()
    assert system.wait_until_ended(AREA)["status"] == "done"
    failed = told(system, DownloadFailed, AREA)
    assert {(fact.failure, fact.retry_after_s) for fact in failed} == {
        (Failure.STAGING, 1)
    }
    # Each attempt asked once, and told so.
    begun = told(system, DownloadStarted, AREA)
    assert len(begun) == len(failed) + len(PLACES)
    table = system.replayed().table
    for fact in told(system, DownloadDone, AREA):
        course = table[fact.task].course
        assert (course.status, course.setbacks) == (Status.DONE, 0)
        assert course.attempt >= 4
