# SPDX-License-Identifier: Apache-2.0
"""Batches of facts into a read model: what is skipped, read again, or forgotten."""

from dataclasses import dataclass, field

from agents.projector.projection import Projection
from streams.codec import pack
from streams.envelope import Record
from streams.table import Row, decode_row
from streams.topics import TASKS
from tests.world import AREA, World


@dataclass
class Memory:
    """A read model without a database."""

    rows: dict[str, Row] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    number: int = 1
    asked: list[str] = field(default_factory=list)
    """Keys that were looked up."""
    questions: int = 0

    def lock(self, partitions):
        return {p: self.positions.setdefault(p, 0) for p in partitions}

    def generation(self):
        return self.number

    def find(self, keys):
        self.asked.extend(keys)
        self.questions += 1
        return {key: self.rows[key] for key in keys if key in self.rows}

    def save(self, statements):
        for query, parameters in statements:
            if query == "save_row":
                key = parameters["key"]
                self.rows[key] = decode_row(key, bytes(parameters["value"]))

    def move(self, positions):
        self.positions |= positions


def records(world):
    found = []
    for entry in world.log:
        packed = pack(TASKS.name, AREA, entry.fact)
        place = (0, entry.offset)
        found.append(
            Record(packed.topic, packed.key, packed.value, packed.headers, *place)
        )
    return found


def a_world():
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    return world


def test_facts_in_batches_give_the_table_of_the_fold():
    world, model, projection = a_world(), Memory(), Projection()
    for record in records(world):
        assert projection.project(model, [record]) == {}
    assert model.rows == world.table
    assert model.positions == {0: len(world.log)}


def test_rows_of_a_batch_are_asked_for_at_once():
    world, model = a_world(), Memory()
    Projection().project(model, records(world))
    assert model.questions == 1


def test_facts_that_are_projected_already_are_skipped():
    world, model = a_world(), Memory()
    Projection().project(model, records(world))
    world.done(f"{AREA}/s1")
    Projection().project(model, records(world))
    assert model.rows == world.table


def test_a_read_model_that_lacks_facts_asks_for_them_and_takes_none_before():
    model = Memory()
    assert Projection().project(model, records(a_world())[2:]) == {0: 0}
    assert (model.rows, model.positions) == ({}, {0: 0})


def test_a_record_that_is_no_fact_is_passed_over():
    model = Memory()
    poison = Record(TASKS.name, b"x", b"junk", (), 0, 0)
    assert Projection().project(model, [poison]) == {}
    assert model.positions == {0: 1}


def test_rows_are_remembered_between_batches():
    world, model, projection = a_world(), Memory(), Projection()
    projection.project(model, records(world))
    model.asked.clear()
    world.done(f"{AREA}/s1")
    projection.project(model, records(world)[-1:])
    assert f"{AREA}/s1" not in model.asked


def test_rows_of_a_read_model_that_was_replaced_are_forgotten():
    world, model, projection = a_world(), Memory(), Projection()
    projection.project(model, records(world))
    model.number = 2
    model.asked.clear()
    world.done(f"{AREA}/s1")
    projection.project(model, records(world)[-1:])
    assert f"{AREA}/s1" in model.asked


def test_rows_are_forgotten_when_somebody_else_has_projected():
    world, ours, model = a_world(), Projection(), Memory()
    ours.project(model, records(world))
    world.done(f"{AREA}/s1")
    Projection().project(model, records(world)[-1:])
    world.done(f"{AREA}/s1/t")
    ours.project(model, records(world)[-1:])
    assert model.rows == world.table
