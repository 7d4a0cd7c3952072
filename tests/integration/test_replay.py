# SPDX-License-Identifier: Apache-2.0
"""The log folds to the same table, whoever folds it and when; replay only reads."""

import json
from typing import Any

import psycopg
import pytest

from infra.kafka.reader import Span, TopicReader
from streams.codec import pack
from streams.replay import digest, lines, replay
from streams.topics import TABLE, TASKS, TOPICS
from tests.areas import an_area
from tests.scenarios import a_history
from tests.system import System
from tests.tables import wait_until_folded, wait_until_projected
from tests.world import AREA

WORLD = a_history()


@pytest.fixture
def told(system):
    """The history in a log of its own partition, and another area in another."""
    system.write(*(pack(TASKS.name, AREA, entry.fact) for entry in WORLD.log))
    system.write(*an_area("other", 2))
    return system


def replayed(system: System, *arguments: str, status: int = 0) -> Any:
    done = system.command("replay", "--json", *arguments)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def ends(system: System) -> dict[str, list[Span]]:
    with TopicReader(system.kafka) as reader:
        return {topic.name: reader.spans(topic.name) for topic in (*TOPICS, TABLE)}


def test_replay_gives_the_live_tables_and_writes_nothing(told):
    """Scenario 15."""
    told.start("workflow", "projector")
    wait_until_projected(told)
    expected = digest(told.replayed().table)
    wait_until_folded(told)
    told.stop()
    before = ends(told)
    found = replayed(told, "--compare")
    assert found["sha256"] == expected
    assert found["differences"] == []
    assert ends(told) == before


def test_row_changed_by_hand_is_named(told):
    told.start("projector")
    wait_until_projected(told)
    with psycopg.connect(told.environment["INGESTER_POSTGRES_DSN"]) as database:
        database.execute(
            "update ingester.dependency set value = replace(value, 'done', 'failed') "
            "where key = %s",
            [f"{AREA}/s2/a"],
        )
        database.execute("delete from ingester.dependency where key = 'other'")
    found = replayed(told, "--compare", status=1)
    assert found["differences"] == [f"{AREA}/s2/a", "other"]
    assert replayed(told, "--compare", "--area", "other", status=1)["areas"] == 1
    said = told.command("replay", "--compare")
    assert said.returncode == 1
    assert f"{AREA}/s2/a" in said.stdout


def test_replay_stops_where_it_is_told_and_shows_one_area(told, tmp_path):
    half = len(WORLD.log) // 2
    until = WORLD.log[half]
    expected = replay(WORLD.log[: half + 1])
    for option in (str(until.offset), until.fact.time.isoformat()):
        found = replayed(told, "--area", AREA, "--until", option)
        assert (found["facts"], found["sha256"]) == (half + 1, digest(expected.table))

    file = tmp_path / "table"
    whole = replayed(told, "--area", AREA, "--dump", str(file))
    assert whole["sha256"] == digest(WORLD.table)
    assert whole["orders"] == len(WORLD.outgoing)
    assert file.read_bytes() == b"".join(lines(WORLD.table))


@pytest.mark.parametrize("until", ["yesterday", "2024-01-01T00:00:00", "-1"])
def test_end_of_replay_that_is_no_instant_is_refused(system, until):
    done = system.command("replay", f"--until={until}")
    assert done.returncode == 2
    assert until in done.stderr
    assert "Traceback" not in done.stderr
