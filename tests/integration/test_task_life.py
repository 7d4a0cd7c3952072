# SPDX-License-Identifier: Apache-2.0
"""A task's life in the read model: attempts, wishes, its number."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from agents.projector.lives import number
from agents.projector.projection import Projection
from infra.postgres.migrate import migrate
from infra.postgres.read_model import ReadModelWriter
from streams.codec import pack
from streams.envelope import Record
from streams.events import (
    AttemptExpired,
    ProcessDone,
    TaskFailAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import Measure, Statistics, Status
from streams.replay import Positioned
from streams.topics import TASKS
from tests.world import AREA, World, a_layer

SCENE, TILE = f"{AREA}/s1", f"{AREA}/s1/t"


def a_world(retries: int = 1) -> World:
    world = World()
    world.accept(retriable=True, retry_count=retries)
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    return world


def record(entry: Positioned) -> Record:
    packed = pack(TASKS.name, AREA, entry.fact)
    return Record(
        packed.topic, packed.key, packed.value, packed.headers, 0, entry.offset
    )


def projected(dsn: str, log: Sequence[Positioned], at_once: int = 2000) -> None:
    """The log in the read model of a database, in batches."""
    migrate(dsn)
    model = ReadModelWriter(dsn)
    projection = Projection()
    for begin in range(0, len(log), at_once):
        with model.transaction():
            batch = [record(entry) for entry in log[begin : begin + at_once]]
            assert projection.project(model, batch) == {}
    model.close()


def rows(dsn: str, table: str) -> list[dict[str, Any]]:
    options = "-c search_path=ingester -c timezone=UTC"
    with psycopg.connect(dsn, options=options, row_factory=dict_row) as connection:
        return connection.execute(f"select * from {table} order by 1, 2").fetchall()


def lives(dsn: str) -> list[tuple[str, int, str]]:
    return [(a["task"], a["attempt"], a["outcome"]) for a in rows(dsn, "attempt")]


def test_each_attempt_has_its_outcome(database):
    world = a_world()
    world.done(SCENE)
    world.started(TILE)
    world.failed(TILE, Failure.STEP_FAILED, "no such band")
    world.done(TILE)
    projected(database, world.log)
    assert lives(database) == [
        (SCENE, 1, "done"),
        (TILE, 1, "failed"),
        (TILE, 2, "done"),
    ]
    _, first, _ = rows(database, "attempt")
    assert (first["failure"], first["message"]) == ("STEP_FAILED", "no such band")
    assert first["ordered_at"] <= first["started_at"] <= first["ended_at"]


def test_what_is_in_the_layers_and_where_the_log_is_can_be_asked(database):
    world = a_world()
    world.done(SCENE)
    layers = (a_layer(TILE, "B04"), a_layer(TILE, "steps"))
    bands = (Statistics(1.0, 9.5, 4.25, 75.0), Statistics(None, None, None, 0.0))
    measure = Measure(layers[0].uri, "POLYGON EMPTY", bands)
    done = ProcessDone(AREA, TILE, 1, "w1", layers, 2.5, (measure,), "s3://b/steps.log")
    world.tell(done)
    projected(database, world.log)
    found = {row["uri"]: row for row in rows(database, "layer")}
    assert found[layers[0].uri]["footprint"] == "POLYGON EMPTY"
    assert found[layers[0].uri]["bands"] == [
        {"minimum": 1.0, "maximum": 9.5, "mean": 4.25, "valid_pct": 75.0},
        {"minimum": None, "maximum": None, "mean": None, "valid_pct": 0.0},
    ]
    assert found[layers[1].uri]["bands"] == []
    (attempt,) = [one for one in rows(database, "attempt") if one["task"] == TILE]
    assert (attempt["log"], attempt["duration_s"]) == ("s3://b/steps.log", 2.5)


def test_lives_are_the_same_in_batches_of_one(database):
    world = a_world()
    world.done(SCENE)
    world.failed(TILE)
    world.done(TILE)
    projected(database, world.log, at_once=1)
    assert lives(database) == [
        (SCENE, 1, "done"),
        (TILE, 1, "failed"),
        (TILE, 2, "done"),
    ]


def test_an_attempt_of_a_lost_worker_is_expired_and_its_late_result_void(database):
    world = a_world()
    world.tell(AttemptExpired(AREA, SCENE, 1, "w1"))
    world.done(SCENE, attempt=1)
    world.done(SCENE, attempt=2)
    projected(database, world.log)
    assert lives(database) == [
        (SCENE, 1, "expired"),
        (SCENE, 2, "done"),
        (TILE, 1, "running"),
    ]


def test_an_attempt_that_an_operator_gave_up_is_void(database):
    world = a_world()
    wish = TaskFailAsked(AREA, SCENE, 1, "ann", "too cloudy")
    world.tell(wish, id="w1")
    projected(database, world.log)
    assert lives(database) == [(SCENE, 1, "void")]
    asked = rows(database, "wish")
    assert [(w["wish"], w["by"], w["why"], w["refusal"]) for w in asked] == [
        ("fail", "ann", "too cloudy", "")
    ]


def test_a_refused_wish_keeps_its_reason(database):
    world = a_world()
    world.tell(TaskRetryAsked(AREA, SCENE, 1, "ann", "again"), id="w1")
    projected(database, world.log)
    (asked,) = rows(database, "wish")
    assert asked["refusal"] == "cannot retry a task that is pending; expected retry"


def test_a_task_has_a_number_that_json_carries(database):
    world = a_world()
    projected(database, world.log)
    numbers = {task["id"]: task["number"] for task in rows(database, "task")}
    assert numbers == {SCENE: number(SCENE), TILE: number(TILE)}
    assert max(numbers.values()) < 2**53
    assert world.status(SCENE) is Status.PENDING


def test_the_migration_numbers_the_tasks_that_are_there(database):
    projected(database, a_world().log)
    with psycopg.connect(database) as connection:
        connection.execute("set search_path to ingester")
        connection.execute("drop table attempt, wish")
        connection.execute("alter table task drop column number")
        connection.execute("alter table area drop column limits")
        connection.execute("delete from migration where name like '0002%'")
    assert migrate(database) == ["0002-history.sql"]
    assert {t["number"] for t in rows(database, "task")} == {
        number(SCENE),
        number(TILE),
    }
