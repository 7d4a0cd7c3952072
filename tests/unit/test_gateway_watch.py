# SPDX-License-Identifier: Apache-2.0
"""Waiting for the read model to move on, many at once."""

import asyncio
from collections import deque

import pytest

from agents.gateway import watch as room
from agents.gateway.watch import Watch
from streams.errors import ReadModelError

LONG_S = 30.0


class Positions:
    """Positions as they are told, the last one again and again."""

    def __init__(self, *told: int | Exception) -> None:
        self.left = deque(told)
        self.asked = 0

    async def __call__(self) -> int:
        self.asked += 1
        told = self.left.popleft() if len(self.left) > 1 else self.left[0]
        if isinstance(told, Exception):
            raise told
        return told


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(room, "_LOOK_EVERY_S", 0.001)


async def next_move(watch: Watch) -> int:
    async with watch.joined():
        since = watch.moves
        assert await watch.moved(since, LONG_S)
        return watch.moves


def test_all_who_wait_are_told_by_one_look():
    async def run() -> int:
        positions = Positions(1)
        watch = Watch(positions, at_most=10)
        assert await asyncio.gather(*[next_move(watch) for _ in range(10)]) == [1] * 10
        return positions.asked

    assert asyncio.run(run()) == 1


def test_a_move_before_waiting_is_not_missed():
    async def run() -> bool:
        watch = Watch(Positions(1, 2, 3), at_most=1)
        async with watch.joined():
            since = watch.moves
            while watch.moves < 3:
                await watch.moved(watch.moves, LONG_S)
            return await watch.moved(since, 0)

    assert asyncio.run(run())


def test_nobody_is_told_while_nothing_moves():
    async def run() -> bool:
        watch = Watch(Positions(1), at_most=1)
        async with watch.joined():
            assert await watch.moved(0, LONG_S)
            return await watch.moved(1, 0.01)

    assert not asyncio.run(run())


def test_nobody_looks_while_nobody_waits():
    async def run() -> None:
        positions = Positions(1, 2)
        watch = Watch(positions, at_most=1)
        await next_move(watch)
        asked = positions.asked
        await asyncio.sleep(0.02)
        assert positions.asked == asked
        assert await next_move(watch) == 2

    asyncio.run(run())


def test_a_read_model_that_is_away_is_looked_for_again():
    async def run() -> int:
        positions = Positions(ReadModelError("away"), 1)
        return await next_move(Watch(positions, at_most=1))

    assert asyncio.run(run()) == 1


def test_what_is_shared_is_made_once_for_each_move():
    made = []

    async def make() -> int:
        made.append(len(made))
        return made[-1]

    async def run() -> list[int]:
        watch = Watch(Positions(1, 2), at_most=2)
        async with watch.joined():
            first = await asyncio.gather(*[watch.shared("a", make) for _ in range(3)])
            while watch.moves < 2:
                await watch.moved(watch.moves, LONG_S)
            return [*first, await watch.shared("a", make)]

    assert asyncio.run(run()) == [0, 0, 0, 1]


def test_all_who_wait_are_let_go_when_it_closes():
    async def run() -> bool:
        watch = Watch(Positions(1), at_most=1)
        async with watch.joined():
            await watch.moved(0, LONG_S)
            waiting = asyncio.create_task(watch.moved(1, LONG_S))
            await asyncio.sleep(0)
            watch.close()
            return await waiting

    assert asyncio.run(run())
