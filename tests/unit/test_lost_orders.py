# SPDX-License-Identifier: Apache-2.0
"""Which orders are taken for lost and sent again, and when."""

from agents.workflow.watch import Watch
from tests.world import AREA, World

SCENES = [f"{AREA}/s{number}" for number in (1, 2)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Backlog:
    """What workers have not read: of the scenes with an even number."""

    unread = (0, 0)

    def of(self, group, topic):
        return dict(enumerate(self.unread))


def a_watch(patience_s=10.0):
    clock, backlog = Clock(), Backlog()
    watch = Watch(patience_s, backlog, lambda task, _: int(task[-1]) % 2, clock)
    world = World()
    world.accept()
    for number in (1, 2):
        world.scene(f"s{number}", number, {"t": "c"})
    watch.see(world.table)
    return watch, clock, backlog, world


def lost(watch):
    return watch.again(watch.read_up(watch.overdue()))


def test_orders_are_not_overdue_before_their_time():
    watch, clock, _, _ = a_watch()
    clock.now = 9.0
    assert lost(watch) == []


def test_overdue_orders_that_all_workers_have_read_are_lost():
    watch, clock, _, _ = a_watch()
    clock.now = 10.0
    assert lost(watch) == SCENES


def test_orders_that_wait_to_be_read_are_late_and_not_lost():
    watch, clock, backlog, _ = a_watch()
    backlog.unread = (3, 0)
    clock.now = 10.0
    assert lost(watch) == [SCENES[0]]


def test_orders_sent_again_have_their_time_again():
    watch, clock, _, _ = a_watch()
    clock.now = 10.0
    lost(watch)
    clock.now = 19.0
    assert lost(watch) == []
    clock.now = 20.0
    assert lost(watch) == SCENES


def test_order_begun_while_kafka_was_asked_is_not_sent_again():
    watch, clock, _, world = a_watch()
    clock.now = 10.0
    found = watch.read_up(watch.overdue())
    world.started(SCENES[0])
    watch.see(world.table)
    assert watch.again(found) == [SCENES[1]]
    clock.now = 20.0
    assert watch.overdue() == [SCENES[1]]
