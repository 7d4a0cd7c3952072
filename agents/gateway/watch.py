# SPDX-License-Identifier: Apache-2.0
"""One look at the read model's position for all who wait for it to move."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

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
        self._looking: asyncio.Task[None] | None = None
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
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._clients -= 1
            if not self._clients:
                self._looking.cancel()
                self._looking = None

    async def moved(self, within_s: float) -> bool:
        """True as soon as the read model moves on; False when it does not in time."""
        try:
            await asyncio.wait_for(self._moved.wait(), within_s)
        except TimeoutError:
            return False
        return True

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
                    moved, self._moved = self._moved, asyncio.Event()
                    moved.set()
            await asyncio.sleep(_LOOK_EVERY_S)
