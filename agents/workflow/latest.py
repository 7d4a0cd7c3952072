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


class _Stamp(msgspec.Struct, frozen=True):
    at: int = -1


_DECODER = msgspec.json.Decoder(_Stamp)

_AT = b'"at":'
_MARK = journal.MARK.encode()


class Latest:
    """What was seen of a changelog."""

    def __init__(self, stored: Callable[[bytes], bytes | None]) -> None:
        self._stored = stored
        self._furthest: dict[bytes, bytes] = {}
        self._overtaken: dict[bytes, int] = {}
        """Partition of the rows whose last value is not their furthest."""

    def see(self, partition: int, key: bytes, value: bytes) -> None:
        """A record of the changelog, those of each partition in order."""
        known = self._furthest.get(key) or self._stored(key)
        if known is not None and _is_further(key, known, value):
            self._overtaken[key] = partition
            value = known
        elif self._overtaken:
            self._overtaken.pop(key, None)
        self._furthest[key] = value

    def take(self) -> tuple[dict[bytes, bytes], dict[bytes, int]]:
        """The rows and journals, all forgotten then.

        Returns:
            What is right, and the partition of the rows that must be written again.
        """
        furthest, overtaken = self._furthest, self._overtaken
        self._furthest, self._overtaken = {}, {}
        return furthest, {
            key: partition
            for key, partition in overtaken.items()
            if not key.startswith(_MARK)
        }


def reach(row: bytes) -> int:
    """Offset of the last fact that a row knows of.

    Read from its last `at` on, as rows may be long. That is its own: nothing behind it
    has one, and in a text the quotes would be escaped.
    """
    return _DECODER.decode(b"{" + row[row.rfind(_AT) :]).at


def _is_further(key: bytes, one: bytes, other: bytes) -> bool:
    if key.startswith(_MARK):
        return journal.position_of(one) > journal.position_of(other)
    return reach(one) > reach(other)
