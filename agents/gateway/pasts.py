# SPDX-License-Identifier: Apache-2.0
"""Histories of the areas that somebody looks at, read from the log when asked for.

An area's first look reads its partition of the log; that may take longer than an answer
should, so it goes on in a thread, and answers say how far it is.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.logs import logger
from streams.codec import unpack
from streams.envelope import Record
from streams.errors import ContractError, IngesterError
from streams.history import History
from streams.replay import Positioned

_LOG = logger("gateway")

# Each takes about a kilobyte a task: the areas that are looked at, not those that are.
_REMEMBERED = 4


class LogReader(Protocol):
    """Reads the partition of the task log where an area's facts are."""

    def read(self, area: str, begin: int) -> Iterator[tuple[Record, int, int]]:
        """Records of the partition from an offset to its end, of every area.

        With each, how many records there are in all, and how many were read.

        Raises:
            BrokerError: it cannot be read.
        """
        ...

    def record(self, partition: int, offset: int) -> Record | None:
        """One record; None: there is none.

        Raises:
            BrokerError: it cannot be read.
        """
        ...


@dataclass
class Past:
    """An area's history, as far as it was read."""

    history: History = field(default_factory=History)
    next_offset: int = 0
    read: int = 0
    total: int = 0
    problem: IngesterError | None = None
    idle: threading.Event = field(default_factory=threading.Event)
    """Set while nobody reads."""

    @property
    def is_abreast(self) -> bool:
        """Is it read to the end, but for what is being told right now?"""
        return self.idle.is_set() or (self.total > 0 and self.read >= self.total)

    def __post_init__(self) -> None:
        self.idle.set()


class Pasts:
    """The histories that are remembered."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._pasts: OrderedDict[str, Past] = OrderedDict()
        self._turn = threading.Lock()

    def of(self, area: str, wait_s: float) -> Past:
        """The history of an area up to now; `idle` is not set if that takes longer.

        It takes longer too while as many others are read as are remembered: ask again.

        Raises:
            BrokerError: the log cannot be read.
        """
        past = self._begun(area)
        past.idle.wait(wait_s)
        if past.problem is not None:
            raise past.problem
        return past

    def known(self, area: str, place: int) -> Past | None:
        """The history, if it is read to that place, which then never changes."""
        with self._turn:
            past = self._pasts.get(area)
            if past is None:
                return None
            # Of the last fact, the fold may be at work right now.
            whole = len(past.history.told) - (not past.idle.is_set())
            if not 0 < place <= whole:
                return None
            self._pasts.move_to_end(area)
            return past

    def fact(self, partition: int, offset: int) -> Positioned | None:
        """One fact; None: there is none that can be decoded."""
        record = self._log.record(partition, offset)
        return None if record is None else _fact(record)

    def _begun(self, area: str) -> Past:
        with self._turn:
            past = self._pasts.get(area) or self._placed(area)
            if past is None:
                return _waiting()
            self._pasts.move_to_end(area)
            if past.idle.is_set():
                past.idle.clear()
                past.problem = None
                past.read = past.total = 0  # how far it is now nobody knows yet
                reader = threading.Thread(
                    target=self._read, args=(area, past), name="history", daemon=True
                )
                reader.start()
            return past

    def _placed(self, area: str) -> Past | None:
        """A past of its own, in the place of the one that was looked at longest ago.

        None: all are being read, and what nobody remembers would be read in vain.
        """
        if len(self._pasts) >= _REMEMBERED:
            idle = (name for name, past in self._pasts.items() if past.idle.is_set())
            longest_ago = next(idle, None)
            if longest_ago is None:
                return None
            del self._pasts[longest_ago]
        past = self._pasts[area] = Past()
        return past

    def _read(self, area: str, past: Past) -> None:
        key = area.encode()
        try:
            for record, total, read in self._log.read(area, past.next_offset):
                past.total, past.read = total, read
                if record.key == key and (entry := _fact(record)) is not None:
                    past.history.tell(entry)
                past.next_offset = record.offset + 1
        except IngesterError as error:
            _LOG.warning(str(error), action="history_unread", area=area)
            past.problem = error
        finally:
            past.idle.set()


def _waiting() -> Past:
    """The past of an area whose turn has not come."""
    past = Past()
    past.idle.clear()
    return past


def _fact(record: Record) -> Positioned | None:
    """The fact in a record; None for poison, which the dead letters hold."""
    try:
        fact: Any = unpack(record)
    except ContractError:
        return None
    return Positioned(record.partition, record.offset, fact)
