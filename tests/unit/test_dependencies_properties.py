# SPDX-License-Identifier: Apache-2.0
"""The invariants of the fold, over generated histories.

Every history mixes: several requests, scenes in any order and posted again, tiles of
one or several places, workers that succeed, fail in every class, are lost, report late,
twice or about an old attempt, and operators who retry, fail, force, reopen and pause.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.dependencies import step
from streams.draft import Draft
from streams.events import (
    AreaPaused,
    AreaResumed,
    AttemptExpired,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import AreaState, Status, Tally, download_task
from streams.orders import AreaDone, DownloadOrder, ProcessOrder
from streams.release import waits_for
from streams.replay import replay
from streams.table import AreaRow, DownloadRow, ProcessRow
from tests.world import AREA, World

HISTORIES = int(os.environ.get("INGESTER_TEST_HISTORIES", "400"))

SOMETIMES = st.integers(0, 9)


class History:
    """A world that acts at random until nothing is left to do."""

    def __init__(self, data: st.DataObject, *, wishes: bool) -> None:
        self.data = data
        self.wishes = wishes
        self.world = World()
        self.backlog = self.data.draw(plans())
        self.orders: list[DownloadOrder | ProcessOrder] = []
        self.taken: set[tuple[str, int]] = set()
        self.seen = 0

    def draw(self, choices):
        return self.data.draw(st.sampled_from(choices))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.act()
            self.collect()
            check_invariants(self.world)

    def finish(self) -> None:
        """Everything is posted, every order answered, nothing is paused."""
        for _ in range(2000):
            if self.backlog:
                self.backlog.pop(0)(self.world)
            elif self.orders:
                self.work(self.orders.pop(0), faults=False)
            elif self.world.table and self.area().state is AreaState.PAUSED:
                self.world.tell(AreaResumed(AREA, "me", ""))
            else:
                break
            self.collect()
            check_invariants(self.world)
        assert not self.orders
        assert not self.backlog

    def area(self) -> AreaRow:
        row = self.world.table[AREA]
        assert isinstance(row, AreaRow)
        return row

    def collect(self) -> None:
        """New orders reach the workers, each once (they drop the same id)."""
        for order in self.world.outgoing[self.seen :]:
            if isinstance(order, DownloadOrder | ProcessOrder):
                if (order.task, order.attempt) not in self.taken:
                    self.taken.add((order.task, order.attempt))
                    self.orders.append(order)
        self.seen = len(self.world.outgoing)

    def act(self) -> None:
        moves = ["repeat"] if self.world.log else []
        moves += ["post"] * 3 if self.backlog else []
        moves += ["work"] * 6 if self.orders else []
        moves += ["stale", "expire"] if self.world.tasks() else []
        moves += ["wish"] if self.wishes and self.world.tasks() else []
        match self.draw(moves or ["nothing"]):
            case "post":
                self.backlog.pop(0)(self.world)
            case "work":
                index = self.data.draw(st.integers(0, len(self.orders) - 1))
                self.work(self.orders.pop(index), faults=True)
            case "repeat":
                entry = self.draw(self.world.log[-6:])
                self.repeat(entry)
            case "stale":
                self.stale()
            case "expire":
                row = self.draw(self.world.tasks())
                self.world.tell(AttemptExpired(AREA, row.task, row.course.attempt, "w"))
            case "wish":
                self.wish()

    def repeat(self, entry) -> None:
        """A fact told twice changes nothing but what other facts changed since."""
        last = self.world.log[-1] is entry
        before = dict(self.world.table)
        self.world.repeat(entry)
        if last:
            assert self.world.table == before

    def stale(self) -> None:
        """A report about another attempt than the newest is void (I2)."""
        row = self.draw(self.world.tasks())
        attempt = row.course.attempt + self.draw([-1, 1, 2])
        before = dict(self.world.table)
        report = self.draw([self.world.done, self.world.failed, self.world.started])
        report(row.task, attempt=attempt)
        assert self.world.table == before

    def work(self, order, *, faults: bool) -> None:
        if self.data.draw(st.booleans()):
            self.world.started(order.task, order.attempt)
        if faults and self.data.draw(SOMETIMES) < 4:
            failure = self.draw(list(Failure))
            self.world.failed(order.task, failure, attempt=order.attempt)
        else:
            self.world.done(order.task, order.attempt)

    def wish(self) -> None:
        row = self.draw(self.world.tasks())
        about = (AREA, row.task, row.course.attempt)
        self.world.tell(
            self.draw(
                [
                    TaskRetryAsked(*about, "me", "why"),
                    TaskFailAsked(*about, "me", "why"),
                    TaskReopenAsked(*about, "me", "why"),
                    TaskForceAsked(*about, self.draw(list(Status)), "me", "why"),
                    AreaPaused(AREA, "me", "why"),
                    AreaResumed(AREA, "me", "why"),
                ]
            )
        )


@st.composite
def plans(draw):
    """Posts in any order: requests first, then scenes, some posted again or wider."""
    retriable = draw(st.booleans())
    count = draw(st.integers(0, 2))
    posts = [lambda world: world.accept(retriable=retriable, retry_count=count)]
    cells = ("c1", "c2", "")
    dates = draw(st.lists(st.integers(0, 9), min_size=1, max_size=7))
    scenes = []
    for number, date in enumerate(dates):
        places = draw(st.lists(st.sampled_from(cells), min_size=1, max_size=3))
        tiles = {f"t{index}": place for index, place in enumerate(places)}
        scenes.append((f"s{number}", date, tiles))
    for name, date, tiles in scenes + draw(
        st.lists(st.sampled_from(scenes), max_size=2)
    ):
        if draw(SOMETIMES) == 0:
            tiles = {**tiles, "late": "c1"}
        posts.append(
            lambda world, name=name, date=date, tiles=tiles: world.scene(
                name, date, tiles
            )
        )
    posts.append(lambda world: world.listed())
    return posts


def check_invariants(world: World) -> None:
    check_ready_when_ordered(world)
    check_links(world)
    check_one_root(world)
    check_tallies(world)


def check_ready_when_ordered(world: World) -> None:
    """I1: what is ordered has its scene delivered, its previous and reference done."""
    for row in world.processes():
        if row.course.status is not Status.PENDING:
            continue
        scene = world.task(row.download)
        assert isinstance(scene, DownloadRow)
        assert row.tile.name in {d.tile for d in scene.deliveries}
        for neighbour in filter(None, (row.previous, row.reference)):
            assert world.status(neighbour) is Status.DONE


def check_links(world: World) -> None:
    """I3: no link leads to a failed tile; links go back in date, or to the root."""
    for row in world.processes():
        if row.course.status in (Status.NEW, Status.FAILED) or not row.previous:
            continue
        previous = world.task(row.previous)
        assert previous.course.status is not Status.FAILED
        earlier = (previous.tile.date, previous.task) < (row.tile.date, row.task)
        assert earlier or row.previous == row.reference
        assert world.task(row.reference).course.status is not Status.FAILED


def check_one_root(world: World) -> None:
    """I4: a chain's members are its living tiles; all but the root reference it."""
    living = {row.task: row for row in world.processes() if row.tile.cell}
    living = {k: r for k, r in living.items() if is_living(r)}
    in_chains: list[str] = []
    for cell in world.cells():
        members = [task for _, task in cell.chain.members]
        assert list(cell.chain.members) == sorted(cell.chain.members)
        in_chains += members
        ordered = [
            living[t] for t in members if living[t].course.status is not Status.NEW
        ]
        roots = {row.task for row in ordered if not row.reference}
        assert len(roots) <= 1
        if cell.chain.root:
            assert cell.chain.root in cell.chain.members
            references = {r.reference for r in ordered if r.reference}
            assert references <= {cell.chain.root[1]}
    assert sorted(in_chains) == sorted(living)


def is_living(row: ProcessRow) -> bool:
    forced = row.course.worker.startswith("forced")
    return row.course.status is not Status.FAILED and not forced


def check_tallies(world: World) -> None:
    """I7: the area's view is a pure function of its tasks."""
    area = world.table.get(AREA)
    if not isinstance(area, AreaRow):
        return
    for cls, tally in ((DownloadRow, area.downloads), (ProcessRow, area.processes)):
        rows = [row for row in world.tasks() if isinstance(row, cls)]
        counts = Counter(row.course.status.value for row in rows)
        assert tally == Tally(**counts)


def check_nothing_stuck(world: World) -> None:
    """I5: without live attempts, only a task in RETRY can keep others waiting."""
    draft = Draft(world.table)
    for row in world.tasks():
        assert row.course.status is not Status.PENDING
        if row.course.status is Status.NEW:
            assert isinstance(row, ProcessRow)
            waiting = waits_for(draft, row)
            assert waiting
            for task in waiting:
                assert world.status(task) in (Status.RETRY, Status.NEW)


@pytest.mark.parametrize("wishes", [False, True], ids=["workers", "operators"])
@given(data=st.data())
@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_invariants_hold_in_every_history(wishes, data):
    history = History(data, wishes=wishes)
    history.run(data.draw(st.integers(0, 60)))
    history.finish()
    world = history.world
    check_nothing_stuck(world)
    check_replay(world)
    check_doubled_log(world)
    check_crashes(world, data)


def check_replay(world: World) -> None:
    """I6: the log folds to the same table, and sets free no other order."""
    again = replay(world.log)
    assert again.table == world.table
    assert again.outgoing == world.outgoing


def check_doubled_log(world: World) -> None:
    """Every fact delivered twice gives the same table and the same orders."""
    table, ids = {}, set()
    for entry in world.log:
        for _ in range(2):
            done = step(table, entry.fact, entry.offset)
            table.update(done.rows)
            ids |= {(o.task, o.attempt) for o in done.outgoing if hasattr(o, "attempt")}
    assert table == world.table
    assert ids == {(o.task, o.attempt) for o in world.outgoing if hasattr(o, "attempt")}


def check_crashes(world: World, data: st.DataObject) -> None:
    """Fold from any earlier position on the final table: it stays what it is.

    This is what an agent does that died after its rows and before its offset.
    """
    start = data.draw(st.integers(0, len(world.log)))
    table = dict(world.table)
    if not any(
        isinstance(entry.fact.message, AreaPaused) for entry in world.log[start:]
    ):
        for entry in world.log[start:]:
            table.update(step(table, entry.fact, entry.offset).rows)
        assert table == world.table


@given(data=st.data())
@settings(max_examples=HISTORIES, deadline=None)
def test_area_done_is_said_when_and_only_when_everything_ended(data):
    history = History(data, wishes=False)
    history.run(data.draw(st.integers(0, 40)))
    history.finish()
    area = history.area()
    parked = area.downloads.retry + area.processes.retry
    ended = {row.course.status for row in history.world.tasks()} <= {
        Status.DONE,
        Status.FAILED,
    }
    said = [n for n in history.world.outgoing if isinstance(n, AreaDone)]
    assert bool(area.ended_by) == ended == (not parked)
    if ended:
        assert said[-1] == AreaDone(AREA, area.downloads, area.processes)


@given(order=st.permutations(range(5)), fails=st.sets(st.integers(0, 4)))
def test_chain_is_by_date_whatever_the_order_of_arrival(order, fails):
    """With nothing ordered yet, late or early arrival makes no difference."""
    world = World()
    world.accept()
    for number in order:
        world.scene(f"s{number}", number, {"t": "c1"})
    for number in range(5):
        world.done(download_task(AREA, f"s{number}"))
    living = []
    for number in range(5):
        task = f"{AREA}/s{number}/t"
        row = world.task(task)
        assert row.course.status is Status.PENDING
        assert row.previous == (living[-1] if living else "")
        assert row.reference == (living[0] if living else "")
        if number in fails:
            world.failed(task, Failure.STEP_FATAL)
        else:
            world.done(task)
            living.append(task)
