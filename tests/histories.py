# SPDX-License-Identifier: Apache-2.0
"""Histories made up at random, and what must hold after every fact of each.

Every history mixes: requests with limits, scenes in any order, posted late and again,
some after their tiles; tiles of one or several places; workers that succeed, fail in
every class, are lost, report late, twice or about an old attempt; and operators who
retry, fail, force, reopen, limit, pause, resume and cancel.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from streams.dependencies import step
from streams.draft import Draft
from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    AreaResumed,
    AreaWish,
    AttemptExpired,
    DownloadDone,
    LayersExpired,
    ProcessDone,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.logfile import write_line
from streams.model import Action, AreaState, Layer, Status, Tally
from streams.orders import DownloadOrder, LayerReleased, ProcessOrder
from streams.release import waits_for
from streams.replay import Positioned, replay
from streams.table import AreaRow, DownloadRow, ProcessRow
from tests.world import AREA, World, tasks_of

SAVED = Path(__file__).parents[1] / ".ingester" / "histories"

SOMETIMES = st.integers(0, 9)

Post = Callable[[World], None]


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
        self.pending = (0, 0)
        self.released: set[str] = set()
        self.made_up: set[str] = set()
        self.sent: dict[str, ProcessOrder] = {}

    def draw(self, choices):
        return self.data.draw(st.sampled_from(choices))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.act()
            self.look()

    def finish(self) -> None:
        """Everything is posted, every order answered, nothing is paused."""
        for _ in range(4000):
            if self.backlog:
                self.backlog.pop(0)(self.world)
            elif self.orders:
                self.work(self.orders.pop(0), faults=False)
            elif self.world.table and self.world.area().state is AreaState.PAUSED:
                self.world.tell(AreaResumed(AREA, "me", ""))
            else:
                break
            self.look()
        assert not self.orders
        assert not self.backlog

    def look(self) -> None:
        """New orders reach the workers, each once (they drop the same id)."""
        fresh: set[str] = set()
        for order in self.world.outgoing[self.seen :]:
            if isinstance(order, DownloadOrder | ProcessOrder):
                if (order.task, order.attempt) not in self.taken:
                    self.taken.add((order.task, order.attempt))
                    self.orders.append(order)
                    check_order(self.world, order)
                    if isinstance(order, ProcessOrder):
                        self.sent[order.task] = order
            elif isinstance(order, LayerReleased):
                fresh.add(order.uri)
        self.seen = len(self.world.outgoing)
        check_nobody_waits_for(self.world, fresh - self.released)
        self.released |= fresh
        check_invariants(self.world)
        check_readable(self.world, self.sent, self.released)
        if self.world.table:
            self.pending = check_windows(self.world.area(), self.pending)

    def act(self) -> None:
        moves = ["repeat"] if self.world.log else []
        moves += ["post"] * 3 if self.backlog else []
        moves += ["work"] * 6 if self.orders else []
        moves += ["stale", "expire", "let go"] if self.world.tasks() else []
        moves += ["wish"] * 2 if self.wishes and self.world.tasks() else []
        match self.draw(moves or ["nothing"]):
            case "post":
                self.backlog.pop(0)(self.world)
            case "work":
                index = self.data.draw(st.integers(0, len(self.orders) - 1))
                self.work(self.orders.pop(index), faults=True)
            case "repeat":
                self.repeat(self.draw(self.world.log[-6:]))
            case "stale":
                self.stale()
            case "expire":
                row = self.draw(self.world.tasks())
                self.world.tell(AttemptExpired(AREA, row.task, row.course.attempt, "w"))
            case "let go":
                row = self.draw(self.world.tasks())
                if isinstance(row, ProcessRow):
                    self.world.tell(LayersExpired(AREA, row.task, row.course.attempt))
            case "wish":
                self.wish()

    def repeat(self, entry: Positioned) -> None:
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
        if (row.task, attempt) not in self.taken:
            self.made_up.add(f"fact-{len(self.world.log)}")
        report(row.task, attempt=attempt)
        assert self.world.table == before

    def work(self, order: DownloadOrder | ProcessOrder, *, faults: bool) -> None:
        if self.world.area().state is AreaState.CANCELLED:
            # A worker that has heard of it; one that has not may well go on.
            if not faults or self.data.draw(st.booleans()):
                cancelled = Failure.CANCELLED
                self.world.failed(order.task, cancelled, attempt=order.attempt)
                return
        if self.data.draw(st.booleans()):
            self.world.started(order.task, order.attempt)
        if faults and self.data.draw(SOMETIMES) < 4:
            failure = self.draw(list(Failure))
            self.world.failed(order.task, failure, attempt=order.attempt)
        else:
            self.world.done(order.task, order.attempt)

    def wish(self) -> None:
        if self.data.draw(SOMETIMES) < 3:
            self.world.tell(self.data.draw(area_wishes()))
            return
        row = self.draw(self.world.tasks())
        about = (AREA, row.task, row.course.attempt)
        wishes = [
            TaskRetryAsked(*about, "me", "why"),
            TaskFailAsked(*about, "me", "why"),
            TaskForceAsked(*about, self.draw(list(Status)), "me", "why"),
            TaskReopenAsked(*about, "me", "why", self.data.draw(st.booleans())),
        ]
        # What is failed is reopened more often than refused.
        failed = row.course.status is Status.FAILED
        self.world.tell(wishes[-1] if failed else self.draw(wishes))


@st.composite
def area_wishes(draw) -> AreaWish:
    limits = st.integers(0, 3)
    limited = AreaLimited(
        AREA, draw(limits), draw(limits), draw(st.integers(-1, 1)), "me", "why"
    )
    # Cancelling ends a history: it is seldom drawn.
    if draw(st.integers(0, 19)) == 0:
        return AreaCancelled(AREA, "me", "why")
    asked = [limited, AreaPaused(AREA, "me", "why"), AreaResumed(AREA, "me", "why")]
    return draw(st.sampled_from(asked))


@st.composite
def plans(draw) -> list[Post]:
    """Posts in any order: requests first, then scenes, some posted again or wider."""
    retriable, count = draw(st.booleans()), draw(st.integers(0, 2))
    limits = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    posts: list[Post] = [
        lambda world: world.accept(
            limits=limits, retriable=retriable, retry_count=count
        )
    ]
    cells = ("c1", "c2", "")
    dates = draw(st.lists(st.integers(0, 9), min_size=1, max_size=7))
    scenes = []
    for number, date in enumerate(dates):
        places = draw(st.lists(st.sampled_from(cells), min_size=1, max_size=3))
        tiles = {f"t{index}": place for index, place in enumerate(places)}
        scenes.append((f"s{number}", date, tiles))
    again = draw(st.lists(st.sampled_from(scenes), max_size=2))
    for name, date, tiles in scenes + again:
        late = draw(SOMETIMES) == 0
        events = tasks_of(name, date, {**tiles, "late": "c1"} if late else tiles)
        if draw(SOMETIMES) == 0:
            events = draw(st.permutations(events))
        posts.append(lambda world, events=events: [*map(world.tell, events)])
    posts.append(lambda world: world.listed())
    return posts


@contextmanager
def saved_when_broken(world: World, name: str) -> Iterator[None]:
    """Write the log of a history that breaks a rule, to be looked at and recorded.

    Hypothesis tells the shortest such history last, so that one is in the file.
    """
    try:
        yield
    except Exception as error:
        SAVED.mkdir(parents=True, exist_ok=True)
        file = SAVED / f"{name}.jsonl"
        file.write_bytes(b"".join(map(write_line, world.log)))
        error.add_note(f"the shortest history that fails is in {file}")
        raise


# -- after every fact


def check_invariants(world: World) -> None:
    check_delivered_when_ordered(world)
    check_links(world)
    check_one_root(world)
    check_tallies(world)
    check_lines(world)


def check_order(world: World, order: DownloadOrder | ProcessOrder) -> None:
    """I1: when it is ordered, a tile's previous and reference are done."""
    assert world.area().state is AreaState.ACTIVE
    if isinstance(order, ProcessOrder):
        for source in filter(None, (order.previous, order.reference)):
            task = f"{AREA}/{source.scene.name}/{source.tile.name}"
            assert world.status(task) is Status.DONE


def check_delivered_when_ordered(world: World) -> None:
    """I1: what is ordered has its scene delivered."""
    for row in world.processes():
        if row.course.status is Status.PENDING:
            scene = world.task(row.download)
            assert isinstance(scene, DownloadRow)
            assert row.tile.name in {d.tile for d in scene.deliveries}


def check_links(world: World) -> None:
    """I3: no link leads to a failed tile; links go back in date, or to the root.

    A stale tile is done again as soon as its attempt ends.
    """
    for row in world.processes():
        if row.course.status in (Status.NEW, Status.FAILED) or not row.previous:
            continue
        previous = world.task(row.previous)
        assert row.stale or previous.course.status is not Status.FAILED
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
    if not isinstance(world.table.get(AREA), AreaRow):
        return
    area = world.area()
    for cls, tally in ((DownloadRow, area.downloads), (ProcessRow, area.processes)):
        rows = [row for row in world.tasks() if isinstance(row, cls)]
        counts = Counter(row.course.status.value for row in rows)
        assert tally == Tally(**counts)


def check_lines(world: World) -> None:
    """Whatever is ready and not ordered stands in its line, and nothing else does."""
    if not isinstance(world.table.get(AREA), AreaRow):
        return
    area = world.area()
    for cls, line in (
        (DownloadRow, area.download_line),
        (ProcessRow, area.process_line),
    ):
        rows = [row for row in world.tasks() if isinstance(row, cls)]
        standing = walked(world, line.first)
        assert line.last == (standing[-1] if standing else "")
        assert sorted(standing) == sorted(row.task for row in rows if row.held)
        if area.state is not AreaState.CANCELLED:
            ready = [row.task for row in rows if is_ready(world, row)]
            assert sorted(standing) == sorted(ready)


def walked(world: World, first: str) -> list[str]:
    """The tasks of a line, front to end; each knows its neighbours."""
    standing: list[str] = []
    while first:
        row = world.task(first)
        assert row.held == (standing[-1] if standing else ".")
        assert first not in standing
        standing.append(first)
        first = row.behind
    return standing


def is_ready(world: World, row: DownloadRow | ProcessRow) -> bool:
    if row.course.status is not Status.NEW:
        return False
    if isinstance(row, DownloadRow):
        return not row.expected
    return not waits_for(Draft(world.table), row)


def check_windows(area: AreaRow, before: tuple[int, int]) -> tuple[int, int]:
    """No more is ordered than the window holds, and nothing waits while it has room.

    A window made smaller empties by itself.
    """
    kinds = (
        (area.downloads, area.download_line, area.limits.download_window),
        (area.processes, area.process_line, area.limits.process_window),
    )
    for (tally, line, window), had in zip(kinds, before, strict=True):
        if window and tally.pending > had:
            assert tally.pending <= window
        if area.state is AreaState.ACTIVE and line.first:
            assert window
            assert tally.pending >= window
    return area.downloads.pending, area.processes.pending


def check_readable(
    world: World, sent: dict[str, ProcessOrder], released: set[str]
) -> None:
    """Nothing that a running task was ordered with is released."""
    if world.table and world.area().state is not AreaState.CANCELLED:
        for order in sent.values():
            course = world.task(order.task).course
            if (course.status, course.attempt) == (Status.PENDING, order.attempt):
                assert released.isdisjoint(uris_of(order))


def check_nobody_waits_for(world: World, released: set[str]) -> None:
    """What was released just now, nobody waits for.

    A tile that comes later into the chain hangs on the reference: it does not.
    """
    if released and world.area().state is not AreaState.CANCELLED:
        assert released.isdisjoint(kept_uris(world))


def uris_of(order: ProcessOrder) -> set[str]:
    """What the worker that gets this order may fetch, and is not published."""
    sources = filter(None, (order.current, order.previous, order.reference))
    layers = [layer for source in sources for layer in source.layers]
    return {layer.uri for layer in layers if layer.action is Action.CREATE}


# -- at the end


def check_released(world: World, released: set[str], made_up: set[str]) -> None:
    """Of what workers stored, all that nobody waits for is released.

    Args:
        world: at the end of its history.
        released: URIs.
        made_up: facts about attempts that were never ordered.
    """
    if world.area().state is AreaState.CANCELLED:
        return
    stored = {
        layer.uri
        for entry in world.log
        if entry.fact.id not in made_up
        for layer in layers_of(entry.fact.message)
        if layer.action is Action.CREATE
    }
    assert stored - kept_uris(world) <= released
    assert not any(uri.endswith("/index.tif") for uri in released)


def kept_uris(world: World) -> set[str]:
    """Intermediate layers that somebody may read still."""
    rows = [row for row in world.processes() if is_kept(world, row)]
    return {uri for row in rows for uri in row_uris(world, row)}


def is_kept(world: World, row: ProcessRow) -> bool:
    """Not done, the root, the last of its chain, or before one that is not done?"""
    if row.course.status is not Status.DONE:
        return not row.gone
    for cell in world.cells():
        tasks = [task for _, task in cell.chain.members]
        if row.task in tasks:
            place, root = tasks.index(row.task), cell.chain.root
            if root is None or tasks.index(root[1]) == place:
                return True
            if place < tasks.index(root[1]):
                return False
            after = tasks[place + 1 :][:1]
            return not after or world.status(after[0]) is not Status.DONE
    return False


def row_uris(world: World, row: ProcessRow) -> set[str]:
    scene = world.task(row.download)
    assert isinstance(scene, DownloadRow)
    cut = [d.layers for d in scene.deliveries if d.tile == row.tile.name]
    return {layer.uri for layers in (row.layers, *cut) for layer in layers} | {
        *row.superseded
    }


def layers_of(fact: object) -> list[Layer]:
    if isinstance(fact, DownloadDone):
        return [layer for delivery in fact.deliveries for layer in delivery.layers]
    return list(fact.layers) if isinstance(fact, ProcessDone) else []


def check_nothing_stuck(world: World) -> None:
    """I5: without live attempts, only a task in RETRY can keep others waiting."""
    draft = Draft(world.table)
    for row in world.tasks():
        assert row.course.status is not Status.PENDING
        if row.course.status is Status.DONE and isinstance(row, ProcessRow):
            assert not row.follow
            assert not row.stale
        cancelled = world.area().state is AreaState.CANCELLED
        if row.course.status is Status.NEW and not cancelled:
            assert isinstance(row, ProcessRow)
            waiting = waits_for(draft, row)
            assert waiting
            for task in waiting:
                assert world.status(task) in (Status.RETRY, Status.NEW)


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


def check_crashes(world: World, start: int, made_up: set[str]) -> None:
    """Fold from any earlier position on the final table: it stays what it is.

    This is what an agent does that died after its rows and before its offset.

    Args:
        world: at the end of its history.
        start: the position.
        made_up: facts about attempts that were never ordered. Nobody tells such ones,
            and some of these attempts were ordered later.
    """
    rest = [entry for entry in world.log[start:] if entry.fact.id not in made_up]
    if not any(isinstance(entry.fact.message, AreaWish) for entry in rest):
        table = dict(world.table)
        for entry in rest:
            table.update(step(table, entry.fact, entry.offset).rows)
        assert table == world.table
