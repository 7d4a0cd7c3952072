# SPDX-License-Identifier: Apache-2.0
"""Areas share the orders' topics: none waits for more than a window of another."""

from itertools import count

import pytest

from streams.dependencies import step
from streams.envelope import Envelope
from streams.events import AreaLimited, DownloadDone, IngestionAccepted, TaskCreated
from streams.model import Kind, Settings, Status
from streams.orders import DownloadOrder
from streams.table import Limits
from tests.world import AREA, ORIGIN, World, a_scene, day, ordered

WINDOW = 20


class Cluster:
    """Several areas, one topic of orders."""

    def __init__(self):
        self.table = {}
        self.orders: list[DownloadOrder] = []
        self.offsets = count()

    def tell(self, event):
        offset = next(self.offsets)
        fact = Envelope(event, f"fact-{offset}", ORIGIN, "/tests")
        done = step(self.table, fact, offset)
        self.table.update(done.rows)
        self.orders += [o for o in done.outgoing if isinstance(o, DownloadOrder)]
        return done

    def post(self, area: str, scenes: int) -> None:
        settings = Settings("CopyProductToStorage", "Pass")
        about = (area, "i1", settings, "{}", ORIGIN, day(9), "me")
        self.tell(IngestionAccepted(*about, WINDOW, WINDOW))
        for number in range(scenes):
            scene = a_scene(f"s{number:04}", day(number), ())
            task = f"{area}/{scene.name}"
            self.tell(TaskCreated(area, task, Kind.DOWNLOAD, "i1", scene=scene))

    def work(self) -> str:
        """The order that was sent first is carried out; its area."""
        order = self.orders.pop(0)
        self.tell(DownloadDone(order.area, order.task, order.attempt, "w", "local", ()))
        return order.area


def test_small_area_waits_for_no_more_than_a_window_of_a_big_one():
    cluster = Cluster()
    cluster.post("big", 2000)
    for _ in range(100):
        cluster.work()
    cluster.post("small", 5)
    waited = 0
    while cluster.work() == "big":
        waited += 1
    assert waited <= WINDOW
    left = [cluster.work() for _ in range(5 + WINDOW)]
    assert left.count("small") == 4


def test_big_area_is_downloaded_whole_in_order_of_date():
    cluster = Cluster()
    cluster.post("big", 300)
    done = []
    while cluster.orders:
        done.append(cluster.orders[0].task)
        cluster.work()
    assert done == [f"big/s{number:04}" for number in range(300)]


def test_no_fact_of_a_big_area_changes_more_rows_than_of_a_small_one():
    def most_rows(scenes: int) -> int:
        cluster = Cluster()
        cluster.post("area", scenes)
        return max(
            len(cluster.tell(done_of(cluster.orders.pop(0))).rows)
            for _ in range(WINDOW)
        )

    assert most_rows(100) == most_rows(1000)


def done_of(order: DownloadOrder) -> DownloadDone:
    return DownloadDone(order.area, order.task, order.attempt, "w", "local", ())


@pytest.mark.parametrize(
    ("limit", "priority", "window"),
    [
        (100, 0, 100),
        (100, 1, 200),  # 100 * 2
        (100, 5, 3200),  # 100 * 2 ** 5
        (100, -1, 50),
        (3, -1, 1),
        (1, -5, 1),  # never nothing
        (0, 3, 0),  # no limit, whatever the priority
        (0, -3, 0),
    ],
)
def test_priority_doubles_or_halves_the_window(limit, priority, window):
    assert Limits(limit, 0, priority).download_window == window
    assert Limits(0, limit, priority).process_window == window


def a_world(**accepted) -> World:
    world = World()
    world.accept(**accepted)
    for number in range(1, 7):
        world.scene(f"s{number}", number, {"t": ""})
    world.listed()
    return world


def pending(world: World) -> list[str]:
    rows = [r for r in world.tasks() if r.course.status is Status.PENDING]
    return [row.task.removeprefix(f"{AREA}/") for row in rows]


def test_downloads_beyond_the_limit_wait_in_order_of_date():
    world = a_world(limits=(2, 0))
    assert pending(world) == ["s1", "s2"]
    assert ordered(world.done(f"{AREA}/s2"))[-1] == f"{AREA}/s3"
    assert ordered(world.done(f"{AREA}/s1"))[-1] == f"{AREA}/s4"


def test_tiles_beyond_the_limit_wait():
    world = a_world(limits=(0, 1))
    for number in (1, 2, 3):
        world.done(f"{AREA}/s{number}")
    assert world.area().processes.pending == 1
    assert ordered(world.done(f"{AREA}/s1/t")) == [f"{AREA}/s2/t"]


def test_failed_attempt_goes_to_the_end_of_the_line():
    world = a_world(limits=(1, 0), retriable=True, retry_count=1)
    assert ordered(world.failed(f"{AREA}/s1")) == [f"{AREA}/s2"]
    assert world.status(f"{AREA}/s1") is Status.NEW
    for number in range(2, 6):
        world.done(f"{AREA}/s{number}")
    assert ordered(world.done(f"{AREA}/s6"))[-1] == f"{AREA}/s1"


def test_wider_limit_lets_those_that_wait_go():
    world = a_world(limits=(1, 0))
    done = world.tell(AreaLimited(AREA, 4, 0, 0, "me", ""))
    assert ordered(done) == [f"{AREA}/s{number}" for number in (2, 3, 4)]


def test_narrower_limit_recalls_nothing_and_empties_by_itself():
    world = a_world(limits=(4, 0))
    world.tell(AreaLimited(AREA, 2, 0, 0, "me", ""))
    assert world.area().downloads.pending == 4
    for number in (1, 2):
        assert ordered(world.done(f"{AREA}/s{number}"))[1:] == []
    assert ordered(world.done(f"{AREA}/s3"))[1:] == [f"{AREA}/s5"]


def test_operators_limit_holds_against_later_requests():
    world = a_world(limits=(2, 0))
    world.tell(AreaLimited(AREA, 1, 0, 0, "me", ""))
    world.accept("i2", limits=(5, 5), priority=2)
    assert world.area().limits == Limits(1, 0, 0, steered=True)


def test_last_request_says_the_limits_when_no_operator_did():
    world = a_world(limits=(2, 0))
    world.accept("i2", limits=(5, 5), priority=1)
    assert world.area().limits == Limits(5, 5, 1)
    assert world.area().downloads.pending == 6
