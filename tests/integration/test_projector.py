# SPDX-License-Identifier: Apache-2.0
"""The read model through crashes: always the fold of the log up to its position."""

import psycopg
import pytest
from msgspec.structs import replace

from streams.codec import pack
from streams.events import AreaPaused
from streams.topics import TASKS
from tests.areas import a_record, an_area
from tests.system import System, wait_for
from tests.tables import wait_until_projected
from tests.world import AREA, World


def execute(system: System, statement: str) -> list:
    with psycopg.connect(system.environment["INGESTER_POSTGRES_DSN"]) as database:
        found = database.execute(statement)
        return found.fetchall() if found.description else []


@pytest.fixture
def told(system):
    """An area at work, with failures and layers; another one beside it."""
    world = World()
    world.accept()
    for number in (1, 2):
        world.scene(f"s{number}", number, {"a": "c1", "b": "c2"})
    world.listed()
    world.failed(f"{AREA}/s2")
    world.started(f"{AREA}/s1")
    world.done(f"{AREA}/s1")
    world.done(f"{AREA}/s1/a")
    system.write(*(pack(TASKS.name, AREA, entry.fact) for entry in world.log))
    system.write(*an_area("other", 2))
    return system


def test_killed_projector_goes_on_where_its_transaction_ended(told):
    (first,) = told.start("projector", projector_batch="1")
    wait_for(lambda: told.table())
    first.kill()
    told.write(*an_area("third", 5))
    told.start("projector")
    wait_until_projected(told)
    layers = execute(told, "select name, task from ingester.layer order by 1, 2")
    assert layers == [
        ("B01", f"{AREA}/s1"),
        ("B01", f"{AREA}/s1"),
        ("index", f"{AREA}/s1/a"),
        ("out", f"{AREA}/s1/a"),
    ]


def test_fact_of_a_stranger_with_a_nul_is_projected_and_what_follows(told):
    told.start("projector")
    asked = a_record(TASKS.name, AreaPaused(AREA, "somebody", "why-NUL-not"))
    value = asked.value.replace(b"NUL", b"\0\0\0")
    told.write(replace(asked, value=value), *an_area("third", 1))
    wait_until_projected(told)
    assert execute(told, "select why from ingester.wish") == [
        ("why-\ufffd\ufffd\ufffd-not",)
    ]


def test_two_projectors_share_the_log(told):
    told.start("projector", "projector")
    for number in range(5):
        told.write(*an_area(f"area-{number}", 3))
    wait_until_projected(told)


def test_emptied_read_model_is_rebuilt_from_the_log(told):
    (first,) = told.start("projector")
    wait_until_projected(told)
    assert first.stop() == 0
    execute(told, "truncate ingester.position, ingester.dependency, ingester.task")
    told.start("projector")
    # The committed offset lies behind all facts; the database's own position counts.
    wait_for(lambda: told.table() == told.replayed().table)
