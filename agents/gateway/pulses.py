# SPDX-License-Identifier: Apache-2.0
"""How far running attempts are, as their workers' heartbeats tell it."""

import threading
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import ContractError
from streams.orders import Heartbeat

# The oldest are forgotten first; each takes less than a kilobyte.
_REMEMBERED = 20_000


class Pulse(NamedTuple):
    """What was heard, and when its worker said it."""

    at: datetime
    beat: Heartbeat


class Pulses:
    """The last that was heard of every task. Safe to share between threads."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Pulse] = OrderedDict()
        self._turn = threading.Lock()

    def see(self, record: Record) -> None:
        """Take note of a record; one that cannot be read is passed over."""
        try:
            heard = unpack_as(Heartbeat, record)
        except ContractError:
            return
        with self._turn:
            self._last[heard.message.task] = Pulse(heard.time, heard.message)
            self._last.move_to_end(heard.message.task)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def find(self, task: str, attempt: int) -> Pulse | None:
        """The last that was heard of an attempt; None: nothing."""
        with self._turn:
            found = self._last.get(task)
        return found if found and found.beat.attempt == attempt else None
