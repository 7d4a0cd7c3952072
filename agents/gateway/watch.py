# SPDX-License-Identifier: Apache-2.0
"""One look at the read model for all who wait for it to move on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from agents.logs import logger
from streams.errors import ReadModelError

_LOG = logger("gateway")

_LOOK_EVERY_S = 0.5


class Watch:
    """Looks while somebody waits, and tells all of them at once."""

    def __init__(self, position: Callable[[], Awaitable[int]], at_most: int) -> None:
        self._position = position
        self._at_most = at_most
        self._clients = 0
        self._seen = -1
        self._moved = asyncio.Event()
        self._made: dict[str, asyncio.Task[Any]] = {}
        self._looking: asyncio.Task[None] | None = None
        self.moves = 0
        """How often the read model was seen to have moved on."""
        self.closed = False

    @property
    def full(self) -> bool:
        """Do as many wait as may?"""
        return self._clients >= self._at_most

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """Be one of those who wait."""
        self._clients += 1
        if self._looking is None:
            self._made = {}
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._clients -= 1
            if not self._clients:
                self._looking.cancel()
                self._looking = None

    async def moved(self, since: int, within_s: float) -> bool:
        """True as soon as `moves` is another; False when it is not in time."""
        if self.moves != since:
            return True
        try:
            await asyncio.wait_for(self._moved.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def shared(
        self, name: str, make: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Any:
        """What `make` gives, made once for all who ask until the read model moves."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = asyncio.create_task(make())
        # One who leaves must not take it from the others.
        return await asyncio.shield(made)

    def close(self) -> None:
        """Nobody waits any longer: the gateway stops."""
        self.closed = True
        self._moved.set()

    async def _look(self) -> None:
        while not self.closed:
            try:
                position = await self._position()
            except ReadModelError as error:
                # Those who wait get signs of life until it is back.
                _LOG.warning(str(error), action="read_model_away")
            else:
                if position != self._seen:
                    self._seen = position
                    self.moves += 1
                    self._made = {}
                    moved, self._moved = self._moved, asyncio.Event()
                    moved.set()
            await asyncio.sleep(_LOOK_EVERY_S)
