# SPDX-License-Identifier: Apache-2.0
"""From the last tile of a chain to the last object that nobody needs, on real servers.

The tests are about one area, in this order: it is ingested without a janitor, cleaned,
and cancelled.
"""

import json
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from agents.worker.equipment import open_stores
from agents.worker.stock import stock_of
from infra.kafka.arealog import read_area_log
from streams.events import LayerDeleted
from streams.holdings import Keeping
from streams.orders import LayerReleased
from streams.topics import DEAD_LETTERS, RELEASES
from tests.harvest import DATES, PLACES, a_harvest, make_products
from tests.system import wait_for

AREA = "harvest"

AGENTS = ("workflow", "projector", "catalogue", "downloader", "processor", "gateway")

# Of each place but its first and its last date: the product that was stored.
RELEASED = len(PLACES) * (len(DATES) - 2)


@pytest.fixture(scope="module")
def ingester(shared_system):
    """The area is done, and nobody deletes."""
    make_products(shared_system.folder / "products")
    shared_system.environment |= {
        "INGESTER_CATALOGUE_SEARCHES": "local",
        "INGESTER_PROCESSOR_INDEXERS": "stac",
    }
    shared_system.start(*AGENTS)
    shared_system.send(a_harvest(AREA))
    shared_system.wait_until_ended(AREA)
    return shared_system


def stock(system):
    log = read_area_log(system.kafka, AREA)
    store = open_stores(system.settings)
    return stock_of(AREA, log, store, system.settings.storage_uri).stock


def deleted(system):
    facts = (entry.fact.message for entry in system.facts())
    return {fact.uri for fact in facts if isinstance(fact, LayerDeleted)}


def got(system, path):
    with urlopen(f"{system.settings.gateway_url}{path}") as answer:
        return answer.read()


def why(system):
    return {reason: number for _, reason, number, _ in stock(system).sums()}


def test_released_layers_wait_for_a_janitor(ingester):
    orders = ingester.messages(RELEASES.name)
    assert {type(order.message) for order in orders} == {LayerReleased}
    assert len({order.id for order in orders}) == RELEASED
    assert len(stock(ingester).of(Keeping.RELEASED)) == RELEASED
    assert not stock(ingester).of(Keeping.MISSING)
    assert not stock(ingester).of(Keeping.ORPHAN)


def test_dry_run_deletes_nothing_and_its_releases_can_be_sent_again(ingester):
    (janitor,) = ingester.start("janitor", janitor_policy="dry-run")
    wait_for(lambda: janitor.log.read_text().count("would delete") == RELEASED)
    assert janitor.stop() == 0
    assert len(stock(ingester).of(Keeping.RELEASED)) == RELEASED
    assert ingester.command("storage", "resend", AREA).returncode == 0


def test_only_reference_and_leaf_remain(ingester):
    ingester.processes = [process for process in ingester.processes if process.runs]
    ingester.start("janitor")
    wait_for(lambda: len(deleted(ingester)) == RELEASED)
    reasons = why(ingester)
    assert reasons["reference of the series, and the area is open"] == len(PLACES)
    assert reasons["leaf of the series, and the area is open"] == len(PLACES)
    assert reasons["published"] == 2 * len(PLACES) * len(DATES)
    assert not stock(ingester).of(Keeping.RELEASED)
    assert not stock(ingester).of(Keeping.MISSING)
    assert ingester.records(DEAD_LETTERS.name) == []


def test_audit_misses_nothing_that_was_deleted(ingester):
    ended = ingester.command("audit", AREA, "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["left_over"] == []


def refused(system, path):
    """Status of an answer that is an error; None: it is none."""
    try:
        got(system, path)
    except HTTPError as error:
        return error.code
    return None


def test_report_says_what_is_kept_and_why(ingester):
    ended = ingester.command("storage", "report", AREA)
    assert ended.returncode == 0, ended.stderr
    assert "reference of the series" in ended.stdout
    text = got(ingester, f"/areas/{AREA}/storage.txt").decode()
    assert "leaf of the series, and the area is open" in text
    found = json.loads(got(ingester, f"/areas/{AREA}/storage?every=true"))
    assert {one["keeping"] for one in found["objects"]} == {"kept"}
    assert sum(one["objects"] for one in found["sums"]) == len(found["objects"])


def test_a_layer_is_found_by_its_name_without_attempt_until_it_is_deleted(ingester):
    scene = {day: f"LT08_L1TP_196022_2022010{day}_2022010{day}_02_T1" for day in DATES}
    layers = [one for one in stock(ingester).holdings if scene[1] in one.uri]
    (layer,) = [one for one in layers if one.uri.endswith("_B10.tif")]
    path = f"/areas/{AREA}/scenes/{scene[1]}/tiles/{scene[1]}"
    found = json.loads(got(ingester, f"{path}/{layer.uri.rpartition('/')[2]}"))
    assert found["uri"] == layer.uri
    assert found["name"] == layer.uri.replace("/p1/", "/")
    with urlopen(found["url"]) as answer:
        assert len(answer.read()) == layer.size_bytes
    middle = f"/areas/{AREA}/scenes/{scene[2]}/tiles/{scene[2]}/{scene[2]}.zip"
    # What was deleted is soon known to the read model.
    wait_for(lambda: refused(ingester, middle) == 404)


def test_orphans_are_removed_when_asked_and_recorded(ingester, tmp_path):
    file = tmp_path / "stray"
    file.write_bytes(b"nobody's")
    root = ingester.settings.storage_uri
    uri = f"{root}/{AREA}/scene/tiles/tile/d1/stray.tif"
    open_stores(ingester.settings).put(uri, file)
    seen = ingester.command("storage", "orphans", AREA)
    assert "0 orphans; 1 more are too young" in seen.stdout
    young = ("storage", "orphans", AREA, "--older-than-h", "0")
    listed = ingester.command(*young, "--json")
    assert [one["uri"] for one in json.loads(listed.stdout)] == [uri]
    refused = ingester.command(*young, "--remove")
    assert refused.returncode == 1  # nobody said yes
    assert open_stores(ingester.settings).stat(uri) is not None
    assert ingester.command(*young, "--remove", "--yes").returncode == 0
    assert open_stores(ingester.settings).stat(uri) is None
    assert uri in deleted(ingester)
    assert ingester.command("audit", AREA).returncode == 0


def test_cancelled_area_keeps_what_is_published_and_no_more(ingester):
    before = len(deleted(ingester))
    ended = ingester.command("cancel", AREA, "--yes", "--why", "complete")
    assert ended.returncode == 0, ended.stderr
    wait_for(lambda: len(deleted(ingester)) == before + 2 * len(PLACES))
    assert "published" in why(ingester)
    assert not any("open" in reason for reason in why(ingester))
    assert ingester.command("audit", AREA).returncode == 0
