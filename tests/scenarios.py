# SPDX-License-Identifier: Apache-2.0
"""The histories behind `tests/logs/`: what the Go workflow's users know, told as facts.

`python -m tests.scenarios` writes those that are not recorded yet, and for every log
the table that it folds to now. Recorded logs are never edited: when the fold must
change, a new scenario is recorded beside the old one. A table is written anew only when
its rows get further fields; review what else changes in it.
"""

from collections.abc import Callable
from pathlib import Path

from streams.failures import Failure
from streams.logfile import read_line, write_line
from streams.replay import lines, replay
from tests.world import AREA, World

LOGS = Path(__file__).parent / "logs"

SCENARIOS: dict[str, Callable[[World], None]] = {}


def scenario(tell: Callable[[World], None]) -> Callable[[World], None]:
    SCENARIOS[tell.__name__.replace("_", "-")] = tell
    return tell


def scene(name: str) -> str:
    return f"{AREA}/{name}"


def tile(name: str, tile: str = "t") -> str:
    return f"{AREA}/{name}/{tile}"


# -- examples A to F: scenes s1..s4 of one place, one tile each


def a_chain(world: World, *numbers: int, retries: int = 0) -> None:
    world.accept(retriable=bool(retries), retry_count=retries)
    for number in numbers:
        world.scene(f"s{number}", number, {"t": "c"})
    world.listed()


@scenario
def example_a_second_tile_fails(world: World) -> None:
    a_chain(world, 1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        world.done(scene(f"s{number}"))
    world.done(tile("s1"))
    world.failed(tile("s2"), Failure.STEP_FATAL)
    third = world.done(tile("s3"))
    assert third
    world.repeat(world.log[-1])
    world.failed(tile("s3"), attempt=1, message="late")
    world.done(tile("s4"))


@scenario
def example_b_root_fails(world: World) -> None:
    a_chain(world, 1, 2, 3, 4, retries=1)
    for number in (1, 2, 3, 4):
        world.done(scene(f"s{number}"))
    world.failed(tile("s1"), Failure.STEP_FATAL)


@scenario
def example_c_scene_fails_before_its_previous_is_done(world: World) -> None:
    a_chain(world, 1, 2, 3, 4)
    world.done(scene("s3"))
    world.failed(scene("s2"), Failure.STEP_FATAL, "no such product")


@scenario
def example_c_then_previous_is_done(world: World) -> None:
    example_c_scene_fails_before_its_previous_is_done(world)
    world.done(scene("s1"))
    world.done(tile("s1"))


@scenario
def example_c_then_previous_fails(world: World) -> None:
    example_c_scene_fails_before_its_previous_is_done(world)
    world.done(scene("s1"))
    world.failed(tile("s1"), Failure.STEP_FATAL)


@scenario
def example_d_scene_fails_in_the_middle(world: World) -> None:
    a_chain(world, 1, 2, 3, 4)
    world.done(scene("s1"))
    world.done(tile("s1"))
    world.done(scene("s3"))
    world.failed(scene("s2"), Failure.STEP_FATAL)


@scenario
def example_d_root_scene_fails_last(world: World) -> None:
    a_chain(world, 1, 2, 3)
    world.done(scene("s2"))
    world.failed(scene("s1"), Failure.STEP_FATAL)


@scenario
def example_d_root_scene_fails_first(world: World) -> None:
    a_chain(world, 1, 2, 3)
    world.failed(scene("s1"), Failure.STEP_FATAL)
    world.done(scene("s2"))


@scenario
def example_e_retries(world: World) -> None:
    a_chain(world, 1, retries=2)
    world.done(scene("s1"))
    for number in range(3):
        world.failed(tile("s1"), message=f"e{number}")


@scenario
def example_f_scenes_after_the_last(world: World) -> None:
    a_chain(world, 1, 2, 3)
    for number in (1, 2, 3):
        world.done(scene(f"s{number}"))
        world.done(tile(f"s{number}"))
    world.accept("i2")
    for number in (4, 5):
        world.scene(f"s{number}", number, {"t": "c"}, "i2")
        world.done(scene(f"s{number}"))
    world.listed("i2")


@scenario
def example_f_scene_in_the_middle_and_before(world: World) -> None:
    a_chain(world, 1, 3)
    for number in (1, 3):
        world.done(scene(f"s{number}"))
        world.done(tile(f"s{number}"))
    world.accept("i2")
    for number in (0, 2):
        world.scene(f"s{number}", number, {"t": "c"}, "i2")
        world.done(scene(f"s{number}"))
    world.listed("i2")


@scenario
def example_f_scene_after_a_failed_one(world: World) -> None:
    a_chain(world, 1, 2, 3)
    for number in (1, 2):
        world.done(scene(f"s{number}"))
        world.done(tile(f"s{number}"))
    world.done(scene("s3"))
    world.failed(tile("s3"), Failure.STEP_FATAL)
    world.accept("i2")
    world.scene("s4", 4, {"t": "c"}, "i2")
    world.done(scene("s4"))


# -- the reference's 39 cases: scenes R (two retries), L1, L2 (none), two tiles each

R, L1, L2 = "R", "L1", "L2"
FIRST, SECOND = "A44_IW1_8951", "A44_IW1_8979"
_RETRIES = {R: 2, L1: 0, L2: 0}


def ingest(world: World, *names: str) -> None:
    for name in names:
        ingestion = f"i-{name}"
        world.accept(ingestion, retriable=True, retry_count=_RETRIES[name])
        cells = {FIRST: FIRST, SECOND: SECOND}
        world.scene(name, [R, L1, L2].index(name), cells, ingestion)
        world.listed(ingestion)


@scenario
def cases_03_to_07_root_ingested(world: World) -> None:
    ingest(world, R)


@scenario
def case_08_child_alone(world: World) -> None:
    ingest(world, L1)


@scenario
def cases_09_to_13_root_again_and_child(world: World) -> None:
    ingest(world, R)
    ingest(world, R, L1)


@scenario
def case_14_grandchild_without_child(world: World) -> None:
    ingest(world, R, L2)


@scenario
def cases_15_to_17_all_ingested(world: World) -> None:
    ingest(world, R, L1, L2)


@scenario
def cases_18_to_20_root_done(world: World) -> None:
    ingest(world, R, L1)
    world.done(scene(R))


@scenario
def cases_21_to_24_root_retried(world: World) -> None:
    ingest(world, R, L1)
    world.failed(scene(R))


@scenario
def case_25_child_done_before_root(world: World) -> None:
    ingest(world, R, L1)
    world.done(scene(L1))


@scenario
def cases_26_to_27_child_done_after_one_root_tile(world: World) -> None:
    ingest(world, R, L1)
    world.done(scene(R))
    world.done(tile(R, FIRST))
    world.done(scene(L1))


@scenario
def cases_28_to_31_child_out_of_retries(world: World) -> None:
    ingest(world, R, L1)
    world.failed(scene(L1))


def _all_downloaded(world: World) -> None:
    ingest(world, R, L1, L2)
    for name in (R, L1, L2):
        world.done(scene(name))


@scenario
def cases_32_to_33_root_tile_retried(world: World) -> None:
    _all_downloaded(world)
    world.failed(tile(R, FIRST))


@scenario
def cases_34_to_37_root_tile_done(world: World) -> None:
    _all_downloaded(world)
    world.done(tile(R, FIRST))


@scenario
def cases_38_to_39_two_tiles_of_a_chain_fail(world: World) -> None:
    _all_downloaded(world)
    world.failed(tile(R, FIRST), Failure.STEP_FATAL)
    world.failed(tile(L1, FIRST), Failure.STEP_FATAL)


def a_history() -> World:
    """An area with everything in it: done, failed, retried, relinked, late, ended."""
    world = World()
    world.accept(retriable=True, retry_count=1)
    for number in (1, 2, 3):
        world.scene(f"s{number}", number, {"a": "c1", "b": "c2"})
    world.listed()
    world.failed(f"{AREA}/s2")
    for number in (3, 1, 2):
        world.started(f"{AREA}/s{number}")
        world.done(f"{AREA}/s{number}")
    world.failed(f"{AREA}/s1/a", Failure.STEP_FATAL)
    world.done(f"{AREA}/s2/a")
    world.scene("s0", 0, {"a": "c1"})
    for task in ("s1/b", "s2/b", "s3/a", "s3/b"):
        world.done(f"{AREA}/{task}")
    return world


def record_all() -> None:
    """Write the logs that are not there yet, and what all of them fold to."""
    for name, tell in SCENARIOS.items():
        log = LOGS / f"{name}.jsonl"
        if not log.exists():
            world = World()
            tell(world)
            log.write_bytes(b"".join(write_line(entry) for entry in world.log))
        table = replay(map(read_line, log.read_bytes().splitlines())).table
        log.with_suffix(".table").write_bytes(b"".join(lines(table)))


if __name__ == "__main__":
    record_all()
