# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of a run: nothing lost, nothing stuck, nothing overwritten.

Each area is gone through by the same agents, one of which is killed and started again.
What comes out must be what comes out of a run that nobody disturbs.
"""

import os
import random
import secrets
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local import s3
from infra.local.home import Home
from infra.local.stack import Stack
from infra.minio.provision import provision_bucket
from streams.model import Status
from streams.table import AreaRow
from tests import netherlands
from tests.chaos import check, check_store, equip, kill, outcome, revive
from tests.harvest import a_harvest
from tests.system import System, wait_for

# The agents and the area before are those of the next test.

VICTIMS = ("workflow", "downloader", "processor", "projector")

_CACHE = Path(__file__).parents[2] / ".ingester" / "cache"

# So many tasks of a kind are done when somebody is killed: some, but not all.
_SOME = 40
_SOME_PRODUCTS = 3


# -- what is ingested


def a_walk(name):
    """A request that only goes through 250 items, in five chains."""
    return netherlands.request(name=name, request=f"request-{name}")


# -- who ingests it


@pytest.fixture(scope="module")
def stac_url(tmp_path_factory):
    with netherlands.stac_api(tmp_path_factory.mktemp("stac")) as url:
        yield url


@pytest.fixture(scope="module")
def equipped(shared_system, stac_url):
    equip(shared_system, stac_url)
    return shared_system


@pytest.fixture
def ingester(equipped):
    """All agents run, whatever the test before did to them."""
    revive(equipped)
    return equipped


# -- what comes out


@pytest.fixture(scope="module")
def undisturbed(equipped):
    """What comes out of both requests when nobody is killed."""
    revive(equipped)
    for request in (a_walk("walk"), a_harvest("harvest")):
        equipped.send(request)
        equipped.wait_until_ended(request.name)
    table = equipped.table()
    return {name: outcome(table, name) for name in ("walk", "harvest")}


# -- the middle of a run


def wait_for_the_middle(system, area, kind, number):
    """So many tasks of a kind are done."""

    def reached():
        found = system.gateway.area(area)
        return found is not None and found[kind]["done"] >= number

    wait_for(reached)


def is_unfinished(system, area):
    """Is something of it still to be done, as the log has it?"""
    row = system.replayed().table[area]
    assert isinstance(row, AreaRow)
    return row.processes.ended < row.processes.total


def kind_of(victim):
    return "downloads" if victim == "downloader" else "processes"


# -- the tests


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_agent_loses_nothing(undisturbed, ingester, victim):
    """F33: also the workflow."""
    area = f"walk-{victim}"
    ingester.send(a_walk(area))
    wait_for_the_middle(ingester, area, kind_of(victim), _SOME)
    kill(ingester, victim)
    assert is_unfinished(ingester, area)
    revive(ingester)
    ingester.wait_until_ended(area)
    check(ingester, area, undisturbed["walk"])


@pytest.mark.parametrize("victim", ["downloader", "processor"])
def test_killed_worker_overwrites_nothing(undisturbed, ingester, victim, tmp_path):
    area = f"harvest-{victim}"
    ingester.send(a_harvest(area))
    wait_for_the_middle(ingester, area, kind_of(victim), _SOME_PRODUCTS)
    kill(ingester, victim)
    assert is_unfinished(ingester, area)
    revive(ingester)
    ingester.wait_until_ended(area)
    check(ingester, area, undisturbed["harvest"])
    check_store(ingester, area, tmp_path)


def test_agents_killed_at_any_time_lose_nothing(undisturbed, ingester, tmp_path):
    seed = int(os.environ.get("INGESTER_TEST_SEED") or secrets.randbelow(1 << 32))
    print(f"INGESTER_TEST_SEED={seed}")  # noqa: T201  (shown when the test fails)
    chance = random.Random(seed)
    ingester.send(a_walk("walk-any"))
    ingester.send(a_harvest("harvest-any"))
    for _ in range(8):
        time.sleep(chance.uniform(0.2, 2))
        kill(ingester, chance.choice(VICTIMS))
        revive(ingester)
    for area in ("walk-any", "harvest-any"):
        ingester.wait_until_ended(area)
        check(ingester, area, undisturbed[area.removesuffix("-any")])
    check_store(ingester, "harvest-any", tmp_path)


@pytest.fixture
def own_servers(stac_url, tmp_path_factory):
    """A system on servers of its own: nobody else suffers when they are killed."""
    stack = Stack(Home.at(tmp_path_factory.mktemp("own"), _CACHE), durable=False)
    stack.up()
    folder = tmp_path_factory.mktemp("system")
    provision_bucket("ingester", s3.options(stack.environment()))
    dsn = stack.environment()["INGESTER_POSTGRES_DSN"]
    system = System.on(stack, dsn, "ingester", folder)
    system.provision()
    equip(system, stac_url)
    yield stack, system
    system.stop()
    stack.down()


def is_back(stack, name):
    """Was it started again, and is it ready?"""
    (status,) = (status for status in stack.ps() if status.name == name)
    return status.restarts > 0 and status.state == "ready"


def test_killed_broker_loses_nothing(undisturbed, own_servers):
    stack, system = own_servers
    revive(system)
    system.send(a_walk("walk"))
    wait_for_the_middle(system, "walk", "processes", _SOME)
    stack.signal("kafka", signal.SIGKILL)
    wait_for(lambda: is_back(stack, "kafka"))
    back_at = datetime.now(UTC)

    def ended():
        revive(system)
        found = system.gateway.area("walk")
        return found is not None and found["status"] == Status.DONE

    wait_for(ended)
    assert any(entry.fact.time > back_at for entry in system.facts())
    check(system, "walk", undisturbed["walk"])
