# SPDX-License-Identifier: Apache-2.0
"""Rows of a changelog in their latest state, whoever wrote last.

An agent that was unheard of for too long has lost its partitions, and may not know it
yet: what it still writes can lie over what their new owner wrote before. But a row says
which fact changed it last, and a journal how far it goes, and the fold gives the same
row to everyone. So of all that was written the furthest is right, not the last.
"""

from collections.abc import Callable

import msgspec

from agents.workflow import journal
from streams.envelope import Record
from streams.topics import TABLE


class _Stamp(msgspec.Struct, frozen=True):
    """How far a row (`at`) or a journal (`position`) goes."""

    at: int = -1
    position: int = -1


_DECODER = msgspec.json.Decoder(_Stamp)


class Latest:
    """What was seen of a changelog."""

    def __init__(self, stored: Callable[[bytes], bytes | None]) -> None:
        self._stored = stored
        self._furthest: dict[bytes, bytes] = {}
        self._last: dict[bytes, tuple[int, bytes]] = {}

    def see(self, partition: int, key: bytes, value: bytes) -> None:
        """A record of the changelog, those of each partition in order."""
        self._last[key] = partition, value
        known = self._furthest.get(key) or self._stored(key)
        if known is not None and reach(known) > reach(value):
            value = known
        self._furthest[key] = value

    def take(self) -> tuple[dict[bytes, bytes], list[Record]]:
        """The rows and journals, and what must be written again: forgotten then."""
        furthest = self._furthest
        wrong = [
            Record(TABLE.name, key, furthest[key], partition=partition)
            for key, (partition, value) in self._last.items()
            if furthest[key] != value and not journal.is_journal(key.decode())
        ]
        self._furthest, self._last = {}, {}
        return furthest, wrong


def reach(value: bytes) -> int:
    """Offset of the last fact that a row or a journal knows of."""
    stamp = _DECODER.decode(value)
    return max(stamp.at, stamp.position)
