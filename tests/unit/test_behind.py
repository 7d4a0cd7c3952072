# SPDX-License-Identifier: Apache-2.0
"""Whether the read model keeps up with the log."""

import asyncio
from dataclasses import dataclass, field

import pytest

from agents.gateway.behind import Behind
from streams.errors import BrokerError


@dataclass
class Ingester:
    """A log and a read model of two partitions; its clock goes as the test says."""

    ends: dict[int, int] = field(default_factory=lambda: {0: 10, 1: 5})
    projected: dict[int, int] = field(default_factory=lambda: {0: 10, 1: 5})
    now: float = 1000.0
    is_away: bool = False

    def __post_init__(self) -> None:
        self.behind = Behind(self._positions, self._ends, lambda: self.now)

    def after(self, seconds: float) -> int | None:
        """What is known when it is looked then."""
        self.now += seconds
        asyncio.run(self.behind.look())
        return self.behind.known()

    async def _positions(self) -> dict[int, int]:
        return dict(self.projected)

    def _ends(self) -> dict[int, int]:
        if self.is_away:
            raise BrokerError("away")
        return dict(self.ends)


@pytest.fixture
def ingester():
    return Ingester()


def test_a_read_model_that_keeps_up_is_not_behind(ingester):
    assert ingester.after(0) == 0
    for _ in range(10):
        ingester.ends[0] += 100
        assert ingester.after(1) == 0
        ingester.projected[0] = ingester.ends[0]


def test_what_stays_unprojected_is_late(ingester):
    assert ingester.after(0) == 0
    ingester.ends = {0: 12, 1: 6}
    found = [ingester.after(1) for _ in range(6)]
    assert (found[0], found[-1]) == (0, 3)
    ingester.projected = {0: 12, 1: 6}
    assert ingester.after(1) == 0


def test_one_partition_that_stands_still_is_seen_while_another_moves(ingester):
    assert ingester.after(0) == 0
    ingester.ends = {0: 1000, 1: 6}
    for _ in range(6):
        ingester.projected[0] += 100
        last = ingester.after(1)
    assert last == 1000 - 610 + 1


def test_a_read_model_that_moves_on_far_behind_stays_late(ingester):
    assert ingester.after(0) == 0
    found = []
    for _ in range(20):
        ingester.ends[0] += 100
        ingester.projected[0] = max(ingester.ends[0] - 500, 10)
        found.append(ingester.after(1))
    assert set(found[8:]) == {500}


def test_what_was_awaited_when_somebody_looked_last_says_nothing_of_now(ingester):
    assert ingester.after(0) == 0
    ingester.ends = {0: 12, 1: 6}
    assert ingester.after(3600) == 0


def test_kafka_that_is_away_is_told(ingester):
    assert ingester.after(0) == 0
    ingester.is_away = True
    assert ingester.after(1) is None
    ingester.is_away = False
    assert ingester.after(1) == 0
