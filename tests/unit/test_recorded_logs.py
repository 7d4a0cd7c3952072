# SPDX-License-Identifier: Apache-2.0
"""Recorded logs fold to what they folded to when they were recorded, and mean what
users of the Go workflow expect: examples A-F of its documentation, its 39 test cases.

K: as in the reference. X: different on purpose, with the reason.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.dependencies import step
from streams.failures import Failure
from streams.logfile import read_line, write_line
from streams.model import Status, order_id
from streams.orders import AreaDone, AreaNeedsAttention, DownloadOrder, ProcessOrder
from streams.replay import Replayed, lines, replay
from streams.table import AreaRow, CellRow, DownloadRow, ProcessRow
from tests.scenarios import FIRST, L1, L2, LOGS, SCENARIOS, R, scene, tile
from tests.world import AREA

ALL = sorted(LOGS.glob("*.jsonl"))


def replayed(name: str) -> Replayed:
    log = (LOGS / f"{name}.jsonl").read_bytes().splitlines()
    return replay(map(read_line, log))


def test_every_scenario_is_recorded():
    assert {path.stem for path in ALL} == set(SCENARIOS)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_log_folds_to_its_recorded_table(path: Path):
    table = replayed(path.stem).table
    assert b"".join(lines(table)) == path.with_suffix(".table").read_bytes()


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_doubled_log_folds_to_the_same_table_and_orders(path: Path):
    once = replayed(path.stem)
    table, ids = {}, set()
    for line in path.read_bytes().splitlines():
        entry = read_line(line)
        for _ in range(2):
            done = step(table, entry.fact, entry.offset)
            table.update(done.rows)
            ids |= {order_id(o.task, o.attempt) for o in orders_in(done.outgoing)}
    assert table == once.table
    assert ids == {order_id(o.task, o.attempt) for o in orders_in(once.outgoing)}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_log_file_says_the_same_when_it_is_written_again(path: Path):
    entries = [read_line(line) for line in path.read_bytes().splitlines()]
    assert [read_line(write_line(entry)) for entry in entries] == entries


# -- what can be seen in a replayed log


class Seen:
    """A replayed log, asked in the words of the cases."""

    def __init__(self, name: str) -> None:
        self._replayed = replayed(name)
        self.table = self._replayed.table
        self.outgoing = self._replayed.outgoing

    def status(self, task: str) -> Status:
        return self.task(task).course.status

    def task(self, task: str) -> DownloadRow | ProcessRow:
        row = self.table[task]
        assert isinstance(row, DownloadRow | ProcessRow)
        return row

    def links(self, task: str) -> tuple[str, str]:
        row = self.table[task]
        assert isinstance(row, ProcessRow)
        return row.previous, row.reference

    def chain(self) -> list[str]:
        row = self.table[f"{AREA}@c"]
        assert isinstance(row, CellRow)
        return [task for _, task in row.chain.members]

    def area(self) -> AreaRow:
        row = self.table[AREA]
        assert isinstance(row, AreaRow)
        return row

    def orders(self, of: type = object) -> list[tuple[str, int]]:
        found = [o for o in orders_in(self.outgoing) if isinstance(o, of)]
        return list(dict.fromkeys((o.task, o.attempt) for o in found))

    def order(self, task: str, attempt: int = 1) -> ProcessOrder:
        for order in orders_in(self.outgoing):
            if (order.task, order.attempt) == (task, attempt):
                assert isinstance(order, ProcessOrder)
                return order
        raise AssertionError(f"{task} was not ordered")

    def tiles(self, of_scene: str) -> list[Status]:
        rows = [r for r in self.table.values() if isinstance(r, ProcessRow)]
        return [r.course.status for r in rows if r.tile.scene == of_scene]


def orders_in(outgoing):
    return [o for o in outgoing if isinstance(o, DownloadOrder | ProcessOrder)]


# -- examples


def test_example_a_chain_goes_on_past_a_failed_tile():
    seen = Seen("example-a-second-tile-fails")
    assert seen.status(tile("s2")) is Status.FAILED
    assert seen.links(tile("s3")) == (tile("s1"), tile("s1"))
    assert seen.links(tile("s4")) == (tile("s3"), tile("s1"))
    assert seen.status(tile("s4")) is Status.DONE
    assert len(seen.orders(DownloadOrder)) == 4
    said = [notice for notice in seen.outgoing if isinstance(notice, AreaDone)]
    assert said[-1].processes.failed == 1  # X: a failure stays visible when all is done


def test_example_b_second_tile_becomes_root_with_its_retry_left():
    seen = Seen("example-b-root-fails")
    assert seen.links(tile("s2")) == ("", "")
    assert seen.status(tile("s2")) is Status.PENDING
    assert seen.task(tile("s2")).course.countdown == 1  # X: relinking costs no retry
    assert seen.chain() == [tile("s2"), tile("s3"), tile("s4")]


def test_example_c_tile_waits_for_its_new_previous():
    """X: the reference orders s3 at once, with a previous that does not exist yet."""
    seen = Seen("example-c-scene-fails-before-its-previous-is-done")
    assert seen.status(tile("s2")) is Status.FAILED
    assert seen.task(tile("s2")).course.message == "its scene failed"
    assert seen.status(tile("s3")) is Status.NEW
    assert seen.orders(ProcessOrder) == []


def test_example_c_tile_starts_when_its_new_previous_is_done():
    seen = Seen("example-c-then-previous-is-done")
    assert seen.status(tile("s3")) is Status.PENDING
    assert seen.links(tile("s3")) == (tile("s1"), tile("s1"))


def test_example_c_tile_becomes_root_when_its_new_previous_fails():
    """X: in the reference s1 stays pending for ever."""
    seen = Seen("example-c-then-previous-fails")
    assert seen.status(tile("s1")) is Status.FAILED
    assert seen.status(tile("s3")) is Status.PENDING
    assert seen.links(tile("s3")) == ("", "")


def test_example_d_tile_past_a_failed_scene_starts():
    seen = Seen("example-d-scene-fails-in-the-middle")
    assert seen.links(tile("s3")) == (tile("s1"), tile("s1"))
    assert seen.status(tile("s3")) is Status.PENDING
    assert seen.status(tile("s4")) is Status.NEW


@pytest.mark.parametrize("which", ["last", "first"])
def test_example_d_second_tile_is_root_when_the_first_scene_fails(which):
    seen = Seen(f"example-d-root-scene-fails-{which}")
    assert seen.status(tile("s2")) is Status.PENDING
    assert seen.links(tile("s2")) == ("", "")
    assert seen.chain() == [tile("s2"), tile("s3")]


def test_example_e_two_retries_then_an_operator():
    seen = Seen("example-e-retries")
    row = seen.task(tile("s1"))
    assert row.course.status is Status.RETRY
    assert row.course.message == "e2"
    assert seen.orders(ProcessOrder) == [(tile("s1"), n) for n in (1, 2, 3)]
    notice = seen.outgoing[-1]
    assert notice == AreaNeedsAttention(AREA, tile("s1"), 3, Failure.STEP_FAILED, "e2")


def test_example_f_later_scenes_follow_the_last():
    seen = Seen("example-f-scenes-after-the-last")
    assert seen.links(tile("s4")) == (tile("s3"), tile("s1"))
    assert seen.status(tile("s5")) is Status.NEW


def test_example_f_late_scenes_keep_the_root():
    """X: the reference makes a second root of s0 and gives s2 the wrong neighbours."""
    seen = Seen("example-f-scene-in-the-middle-and-before")
    assert seen.links(tile("s0")) == (tile("s1"), tile("s1"))
    assert seen.links(tile("s2")) == (tile("s1"), tile("s1"))
    assert seen.links(tile("s3")) == (tile("s1"), tile("s1"))


def test_example_f_scene_after_a_failed_one_follows_the_last_living():
    """X: the reference refuses the whole batch."""
    seen = Seen("example-f-scene-after-a-failed-one")
    assert seen.links(tile("s4")) == (tile("s2"), tile("s1"))
    assert seen.status(tile("s4")) is Status.PENDING


# -- the 39 cases. 1 and 2 (an area is created, and again) are an area's first row here.

INGESTED = "cases-03-to-07-root-ingested"
AGAIN = "cases-09-to-13-root-again-and-child"
EVERYTHING = "cases-15-to-17-all-ingested"
ROOT_DONE = "cases-18-to-20-root-done"
RETRIED = "cases-21-to-24-root-retried"
EARLY = "case-25-child-done-before-root"
ONE_TILE = "cases-26-to-27-child-done-after-one-root-tile"
PARKED = "cases-28-to-31-child-out-of-retries"
TILE_RETRIED = "cases-32-to-33-root-tile-retried"
TILE_DONE = "cases-34-to-37-root-tile-done"
TWO_FAIL = "cases-38-to-39-two-tiles-of-a-chain-fail"

Case = tuple[str, str, str, Callable[[Seen], bool]]

CASES: list[Case] = [
    ("1", INGESTED, "K one area of that name", lambda s: s.area().area == AREA),
    ("2", AGAIN, "X asked again: the same area", lambda s: s.area().ingestions == 2),
    ("3", INGESTED, "K one scene stored", lambda s: s.area().downloads.total == 1),
    ("4", INGESTED, "K it has an id", lambda s: scene(R) in s.table),
    ("5", INGESTED, "K the id names it", lambda s: s.task(scene(R)).task == scene(R)),
    (
        "6",
        INGESTED,
        "K two tiles, countdown 2",
        lambda s: s.task(tile(R, FIRST)).course.countdown == 2 == len(s.tiles(R)),
    ),
    ("7", INGESTED, "K one order", lambda s: s.orders() == [(scene(R), 1)]),
    (
        "8",
        "case-08-child-alone",
        "X accepted: links are found when the others come",
        lambda s: s.status(scene(L1)) is Status.PENDING,
    ),
    ("9", AGAIN, "K ids by source id", lambda s: {scene(R), scene(L1)} <= set(s.table)),
    ("10", AGAIN, "K readable", lambda s: s.status(scene(L1)) is Status.PENDING),
    (
        "11",
        AGAIN,
        "K two orders",
        lambda s: [t for t, _ in s.orders()] == [scene(R), scene(L1)],
    ),
    ("12", AGAIN, "K posted again: skipped", lambda s: s.area().downloads.total == 2),
    (
        "13",
        AGAIN,
        "K not ordered again",
        lambda s: s.orders().count((scene(R), 1)) == 1,
    ),
    (
        "14",
        "case-14-grandchild-without-child",
        "X accepted: it follows the root",
        lambda s: s.area().downloads.total == 2,
    ),
    ("15", EVERYTHING, "K three ids", lambda s: s.area().downloads.total == 3),
    ("16", EVERYTHING, "K readable", lambda s: s.status(scene(L2)) is Status.PENDING),
    (
        "17",
        EVERYTHING,
        "K third order is L2",
        lambda s: s.orders()[2] == (scene(L2), 1),
    ),
    ("18", ROOT_DONE, "K R is done", lambda s: s.status(scene(R)) is Status.DONE),
    ("19", ROOT_DONE, "K its tiles pend", lambda s: s.tiles(R) == [Status.PENDING] * 2),
    (
        "20",
        ROOT_DONE,
        "K two tile orders without neighbours",
        lambda s: (
            len(s.orders(ProcessOrder)) == 2
            and s.order(tile(R, FIRST)).previous is None
            and s.order(tile(R, FIRST)).reference is None
        ),
    ),
    (
        "21",
        RETRIED,
        "K pending, countdown 1 (X: the error is kept until a success)",
        lambda s: (
            s.task(scene(R)).course.countdown == 1
            and s.status(scene(R)) is Status.PENDING
            and s.task(scene(R)).course.message == "error"
        ),
    ),
    ("22", RETRIED, "K tiles new", lambda s: s.tiles(R) == [Status.NEW] * 2),
    ("23", RETRIED, "K no tile order", lambda s: s.orders(ProcessOrder) == []),
    ("24", RETRIED, "K one more order", lambda s: (scene(R), 2) in s.orders()),
    ("25", EARLY, "K tiles of L1 stay new", lambda s: s.tiles(L1) == [Status.NEW] * 2),
    (
        "26",
        ONE_TILE,
        "K one pends, one waits",
        lambda s: sorted(s.tiles(L1)) == [Status.NEW, Status.PENDING],
    ),
    (
        "27",
        ONE_TILE,
        "K its order has neighbours in R",
        lambda s: s.links(tile(L1, FIRST)) == (tile(R, FIRST),) * 2,
    ),
    (
        "28",
        PARKED,
        "K retry, countdown 0, message",
        lambda s: (
            s.status(scene(L1)) is Status.RETRY
            and s.task(scene(L1)).course.message == "error"
        ),
    ),
    ("29", PARKED, "K tiles new", lambda s: s.tiles(L1) == [Status.NEW] * 2),
    ("30", PARKED, "K no tile order", lambda s: s.orders(ProcessOrder) == []),
    ("31", PARKED, "K no other order", lambda s: len(s.orders(DownloadOrder)) == 2),
    (
        "32",
        TILE_RETRIED,
        "K pending, countdown 1",
        lambda s: (
            s.task(tile(R, FIRST)).course.countdown == 1
            and s.status(tile(R, FIRST)) is Status.PENDING
        ),
    ),
    (
        "33",
        TILE_RETRIED,
        "K ordered again",
        lambda s: (tile(R, FIRST), 2) in s.orders(),
    ),
    ("34", TILE_DONE, "K done", lambda s: s.status(tile(R, FIRST)) is Status.DONE),
    (
        "35",
        TILE_DONE,
        "K next tile pends",
        lambda s: (
            s.status(tile(L1, FIRST)) is Status.PENDING
            and s.task(tile(L1, FIRST)).course.countdown == 0
        ),
    ),
    (
        "36",
        TILE_DONE,
        "K third waits",
        lambda s: s.status(tile(L2, FIRST)) is Status.NEW,
    ),
    (
        "37",
        TILE_DONE,
        "K last order is the next tile's",
        lambda s: s.orders()[-1] == (tile(L1, FIRST), 1),
    ),
    (
        "38",
        TWO_FAIL,
        "K roots: the other chain's in R, this chain's in L2",
        lambda s: s.order(tile(L2, FIRST)).reference is None,
    ),
    (
        "39",
        TWO_FAIL,
        "K leaves: both in L2",
        lambda s: (
            {
                row.chain.members[-1][1].split("/")[1]
                for row in s.table.values()
                if isinstance(row, CellRow)
            }
            == {L2}
        ),
    ),
]


@pytest.mark.parametrize(
    ("log", "holds"),
    [pytest.param(log, holds, id=f"{n}: {text}") for n, log, text, holds in CASES],
)
def test_reference_case(log: str, holds: Callable[[Seen], bool]):
    assert holds(Seen(log))


def test_all_cases_of_the_reference_are_here():
    assert [number for number, *_ in CASES] == [str(n) for n in range(1, 40)]
