# SPDX-License-Identifier: Apache-2.0
"""Attempts that fall silent: who notices, and what the fold makes of it."""

import pytest

from agents.workflow.leases import Leases, expiry_record
from streams.codec import unpack
from streams.events import AttemptExpired
from streams.failures import Failure
from streams.model import Status
from streams.orders import AreaNeedsAttention
from tests.world import AREA, ORIGIN, World, ordered

TASK = f"{AREA}/s1"
LEASE_S = 600


class Clock:
    """Seconds, as the test says."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def world():
    """One scene, ordered."""
    world = World()
    world.accept()
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    return world


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    return Leases(LEASE_S, clock)


def test_attempt_that_nobody_began_does_not_expire(world, leases, clock):
    leases.see(world.table)
    clock.now = 10 * LEASE_S
    assert leases.expired() == []


def test_attempt_expires_after_a_lease_of_silence(world, leases, clock):
    world.started(TASK)
    leases.see(world.table)
    clock.now = LEASE_S - 1
    assert leases.expired() == []
    clock.now = LEASE_S
    assert leases.expired() == [AttemptExpired(AREA, TASK, 1, "w1")]


def test_heartbeat_renews_the_lease_of_its_attempt_alone(world, leases, clock):
    world.started(TASK)
    leases.see(world.table)
    clock.now = LEASE_S - 1
    leases.hear(TASK, 1)
    clock.now = LEASE_S + 1
    assert leases.expired() == []
    leases.hear(TASK, 2)
    clock.now = 2 * LEASE_S - 1
    assert len(leases.expired()) == 1


def test_attempt_begun_by_another_worker_has_a_lease_of_its_own(world, leases, clock):
    world.started(TASK)
    leases.see(world.table)
    clock.now = LEASE_S - 1
    world.started(TASK)  # Kafka gave the order to another one
    leases.see(world.table)
    clock.now = LEASE_S + 1
    assert leases.expired() == []


def test_attempt_that_ended_does_not_expire(world, leases, clock):
    world.started(TASK)
    leases.see(world.table)
    world.done(TASK)
    leases.see(world.table)
    clock.now = LEASE_S
    assert leases.expired() == []


def test_expiry_is_said_again_only_after_another_lease(world, leases, clock):
    world.started(TASK)
    leases.see(world.table)
    clock.now = LEASE_S
    assert len(leases.expired()) == 1
    clock.now += LEASE_S - 1
    assert leases.expired() == []
    clock.now += 1
    assert len(leases.expired()) == 1


def test_expiry_of_an_attempt_has_one_id():
    expired = AttemptExpired(AREA, TASK, 3, "w1")
    fact = unpack(expiry_record(expired, ORIGIN))
    assert fact.id == f"{TASK}#3/attempt-expired"
    assert fact.message == expired


def test_expired_attempt_is_ordered_again_and_its_worker_fenced(world):
    """F19, F20."""
    world.started(TASK)
    done = world.tell(AttemptExpired(AREA, TASK, 1, "w1"))
    assert ordered(done) == [TASK]
    assert world.task(TASK).course.attempt == 2
    assert world.task(TASK).course.failure is Failure.LOST
    before = dict(world.table)
    world.done(TASK, attempt=1)
    assert world.table == before


def lose(world, attempt):
    world.started(TASK, attempt)
    return world.tell(AttemptExpired(AREA, TASK, attempt, "w1"))


def alarms(done):
    return [n for n in done.outgoing if isinstance(n, AreaNeedsAttention)]


def test_alarm_is_raised_at_the_third_lost_attempt_and_at_each_further_one(world):
    raised = [len(alarms(lose(world, attempt))) for attempt in range(1, 6)]
    assert raised == [0, 0, 1, 1, 1]
    assert world.status(TASK) is Status.PENDING


def test_alarm_is_raised_once_for_a_loss_told_twice(world):
    for attempt in (1, 2, 3):
        lose(world, attempt)
    again = world.tell(AttemptExpired(AREA, TASK, 3, "w1"))
    assert alarms(again) == []


@pytest.mark.parametrize(("alarm_after", "raised"), [(0, 0), (1, 4)])
def test_request_says_how_many_losses_are_alarming(alarm_after, raised):
    world = World()
    world.accept(alarm_after=alarm_after)
    world.scene("s1", 1, {"t": "c"})
    losses = [lose(world, attempt) for attempt in range(1, 5)]
    assert sum(len(alarms(done)) for done in losses) == raised
