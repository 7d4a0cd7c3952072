# SPDX-License-Identifier: Apache-2.0
"""How many connections a provider has, how often and when it must not be asked.

All of it holds for all workers of a machine, through files that they share: a
connection holds a lock on one of as many files as there may be connections, so a worker
that dies gives back what it had; the instants before which nobody may ask, and before
which the next request may not begin, are the times of two files.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Final

from streams.errors import (
    IngesterError,
    NodeExhausted,
    NotOurTurn,
    OrderCancelled,
    ProviderPaused,
)
from streams.failures import Failure

NAME: Final = ".providers"

# How often somebody who waits for a connection looks again.
_LOOK_S: Final = 0.05

# Longer a worker does not wait for a connection: others' downloads take hours.
_WAIT_S: Final = 60.0


class Gate:
    """The way to one provider, shared by the workers of a machine."""

    def __init__(
        self,
        node: Path,
        name: str,
        connections: int,
        per_second: float = 0.0,
        wait_s: float = _WAIT_S,
    ) -> None:
        """The way to a provider.

        Args:
            node: folder of the machine.
            name: of the provider.
            connections: as many as it may have at once.
            per_second: requests that may begin; 0: as many as there are.
            wait_s: for a free connection.
        """
        self._folder = node / NAME / re.sub(r"[^\w.-]", "_", name or "_")
        self._name = name
        self._connections = connections
        self._per_second = per_second
        self._wait_s = wait_s

    @contextmanager
    def connection(self, cancelled: Event, longest_s: float) -> Iterator[None]:
        """Be one of the connections, when nobody asked to wait and one is free.

        Raises:
            NotOurTurn: not in time.
            OrderCancelled: it was told to stop.
        """
        self._wait_until_wanted(cancelled, longest_s)
        end = time.monotonic() + self._wait_s
        while (taken := self._take()) is None:
            if cancelled.wait(_LOOK_S):
                raise OrderCancelled("told to stop")
            if time.monotonic() > end:
                raise NotOurTurn(
                    f"all {self._connections} connections are in use", _WAIT_S
                )
        try:
            yield
        finally:
            os.close(taken)

    @contextmanager
    def another(self) -> Iterator[bool]:
        """Be one more of the connections; False when none is free."""
        taken = self._take()
        try:
            yield taken is not None
        finally:
            if taken is not None:
                os.close(taken)

    def turn(self, cancelled: Event) -> None:
        """Wait until the next request may begin; asked by who has a connection.

        Raises:
            OrderCancelled: it was told to stop.
        """
        if not self._per_second:
            return
        file = self._opened(f"{self._folder}/turn")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            now, after = time.time(), 1 / self._per_second
            # More cannot wait than have connections: a clock was put back.
            latest = now + self._connections * after
            begin = min(max(os.fstat(file).st_mtime, now), latest)
            os.utime(file, (begin + after, begin + after))
        finally:
            os.close(file)
        if cancelled.wait(begin - now):
            raise OrderCancelled("told to stop")

    def hold(self, seconds: float) -> None:
        """Nobody asks for so long."""
        self._folder.mkdir(parents=True, exist_ok=True)
        until = time.time() + seconds
        if until > self._held_until():
            file = self._folder / "held"
            file.touch()
            os.utime(file, (until, until))

    def _held_until(self) -> float:
        with suppress(FileNotFoundError):
            return (self._folder / "held").stat().st_mtime
        return 0.0

    def _wait_until_wanted(self, cancelled: Event, longest_s: float) -> None:
        while (seconds := self._held_until() - time.time()) > 0:
            if seconds > longest_s:
                raise NotOurTurn(f"asked to wait for {seconds:.0f} s", seconds)
            if cancelled.wait(seconds):
                raise OrderCancelled("told to stop")

    def _take(self) -> int | None:
        """The lock of a free connection."""
        for number in range(self._connections):
            lock = self._opened(f"{self._folder}/connection-{number}")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return lock
        return None

    def _opened(self, file: str) -> int:
        flags = os.O_CREAT | os.O_RDWR
        try:
            return os.open(file, flags, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(file, flags, 0o600)


# Failures that say something of the provider, not of the product.
_OF_PROVIDER: Final = frozenset(
    {Failure.TRANSIENT_NET, Failure.AUTH, Failure.RATE_LIMITED, Failure.QUOTA}
)

# What happened here, and says nothing of the provider at all.
_OURS: Final = (NodeExhausted, NotOurTurn, OrderCancelled)

_FIRST_PAUSE_S: Final = 15.0
_LONGEST_PAUSE_S: Final = 600.0


class Breaker:
    """Leaves a provider alone that fails again and again.

    After five failures in a row, of any orders, it is not asked for 15 s; then one
    order tries. Each further failure doubles the pause, up to 10 min; a success ends
    it. Wrong credentials do so at the first failure: providers lock accounts.
    """

    def __init__(
        self, name: str, after: int = 5, first_s: float = _FIRST_PAUSE_S
    ) -> None:
        self.name = name
        self._after = after
        self._first_s = first_s
        self._lock = Lock()
        self._failures = 0
        self._until = 0.0
        self._why = Failure.TRANSIENT_NET

    @property
    def is_open(self) -> bool:
        """Is the provider left alone now?"""
        return time.monotonic() < self._until

    def check(self) -> None:
        """May the provider be asked?

        Raises:
            ProviderPaused: not now; of the class that its last failure had.
        """
        with self._lock:
            left = self._until - time.monotonic()
            if left > 0:
                raise ProviderPaused(
                    f"left alone for {left:.0f} s after {self._failures} failures",
                    self._why,
                    left,
                )
            if self._until:
                # One tries; the others wait for what becomes of it.
                self._until = time.monotonic() + self._first_s

    def told(self, error: IngesterError | None) -> bool:
        """How a trial ended; None: well. Gives whether that opened it."""
        if isinstance(error, _OURS):
            return False
        with self._lock:
            if error is None or error.failure not in _OF_PROVIDER:
                self._failures, self._until = 0, 0.0
                return False
            self._failures += 1
            self._why = error.failure
            late = self._failures - (
                1 if error.failure is Failure.AUTH else self._after
            )
            if late < 0:
                return False
            pause = min(self._first_s * 2.0 ** min(late, 10), _LONGEST_PAUSE_S)
            self._until = time.monotonic() + pause
            return late == 0


class Breakers:
    """One for each provider of this worker."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """The breaker of a provider."""
        with self._lock:
            return self._of.setdefault(name, Breaker(name))
