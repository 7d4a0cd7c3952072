# SPDX-License-Identifier: Apache-2.0
"""A machine that found no room for an order lets others have its partitions a while.

Another attempt of that order lies in the same partition as the last: without a rest it
would come back to the same full disk at once.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.logs import logger
from agents.worker.ports import Source

# Time for others to take what was for a machine that is full, and for it to get room.
REST = timedelta(seconds=60)


class Rest:
    """Out of the group from when nothing runs any more, until it is over."""

    def __init__(
        self,
        name: str,
        source: Source,
        clock: Callable[[], datetime],
        time: timedelta,
    ) -> None:
        self._log = logger(name)
        self._source = source
        self._clock = clock
        self._time = time
        self._back_at: datetime | None = None
        self.is_due = False
        """No order is begun meanwhile."""

    def turn(self, *, idle: bool) -> None:
        """Leave the group, or join it again, when it is time.

        Args:
            idle: no order runs here; those that do are ended before.
        """
        if not self.is_due:
            return
        if self._back_at is None and idle:
            self._log.warning("no room: leaving the group", action="worker_rests")
            self._source.leave()
            self._back_at = self._clock() + self._time
        elif self._back_at is not None and self._clock() >= self._back_at:
            self._source.join()
            self.is_due, self._back_at = False, None
            self._log.info("back in the group", action="worker_back")
