# SPDX-License-Identifier: Apache-2.0
"""Does the read model keep up with the log? A projector that stopped says nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from agents.logs import logger
from streams.errors import BrokerError, ReadModelError

_LOG = logger("gateway")

_LOOK_EVERY_S = 1.0

# What takes longer to be projected is late: a batch takes less.
_PATIENCE_S = 3.0

Offsets = Mapping[int, int]
"""The next offset of each partition of the task log."""


class Behind:
    """Compares both while somebody asks, once for all who do."""

    def __init__(
        self,
        positions: Callable[[], Awaitable[Offsets]],
        ends: Callable[[], Offsets],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._positions = positions
        self._ends = ends
        self._clock = clock
        self._facts: int | None = 0
        self._awaited: Offsets = {}
        self._since = 0.0
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None

    def known(self) -> int | None:
        """Facts that are late, when it was looked last; None: Kafka does not answer.

        It is looked again meanwhile, if that was a while ago.
        """
        is_looking = self._looking is not None and not self._looking.done()
        if not is_looking and self._clock() - self._looked >= _LOOK_EVERY_S:
            self._looking = asyncio.create_task(self.look())
        return self._facts

    async def look(self) -> None:
        """Compare them now."""
        now = self._clock()
        if now - self._looked > _PATIENCE_S:
            # Nobody asked for a while: what was awaited then says nothing of now.
            self._awaited = {}
        try:
            ends = await asyncio.to_thread(self._ends)
            self._compare(ends, await self._positions(), now)
        except BrokerError as error:
            _LOG.warning(str(error), action="broker_away")
            self._facts, self._awaited = None, {}
        except ReadModelError as error:
            # Whoever asks for rows is told so.
            _LOG.warning(str(error), action="read_model_away")
        self._looked = self._clock()

    def _compare(self, ends: Offsets, positions: Offsets, now: float) -> None:
        has_come = not _missing(self._awaited, positions)
        if self._awaited and now - self._since >= _PATIENCE_S:
            self._facts = _missing(ends, positions)
        elif has_come:
            self._facts = 0
        if has_come:
            self._awaited, self._since = ends, now


def _missing(ends: Offsets, positions: Offsets) -> int:
    """Facts before these ends that are not before these positions."""
    return sum(max(end - positions.get(place, 0), 0) for place, end in ends.items())
