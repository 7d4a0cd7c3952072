# SPDX-License-Identifier: Apache-2.0
"""One file from a source to the disk: in parts, resumed, verified, in bounded time."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Lock
from typing import Final

from agents.downloader.source import Opened, Source
from agents.downloader.transfer.gate import Gate
from agents.downloader.transfer.manners import Manners
from agents.downloader.transfer.partial import Partial, Span
from agents.downloader.transfer.sums import Expected, Summing, verified
from agents.worker.desk import Desk
from agents.worker.hosts import Pace, pause
from agents.worker.ranges import shown
from streams.errors import (
    CredentialsRefused,
    DamagedProduct,
    NodeExhausted,
    NotOurTurn,
    OrderCancelled,
    ProviderError,
)
from streams.failures import Failure

_AGAIN: Final = frozenset({Failure.TRANSIENT_NET, Failure.RATE_LIMITED})
"""Failures after which the file is asked for again while the order runs."""

_PAGES: Final = (b"<!doctype html", b"<html")


class Receiver:
    """Receives files for one order of one provider."""

    def __init__(
        self,
        gate: Gate,
        manners: Manners,
        desk: Desk,
        needs: Callable[[int], None],
        pace: Pace,
    ) -> None:
        """Receive for one order.

        Args:
            gate: to the provider.
            manners: towards it.
            desk: is told the progress, and tells to stop.
            needs: is told the size of a file before it is received; keeps room for it,
                or raises `NodeExhausted`.
            pace: of the bytes that come from the provider, whatever the order.
        """
        self._gate = gate
        self._manners = manners
        self._desk = desk
        self._needs = needs
        self._deadline = time.monotonic() + manners.total_s
        self._counting = Lock()
        self._pace = pace

    def receive(
        self, source: Source, uri: str, expected: Expected, place: Path
    ) -> Path:
        """The file, whole and verified; at `place`, with an ending. Resumed there too.

        Raises:
            DamagedProduct: what came is not what was expected.
            NodeExhausted: the disk is full.
            OrderCancelled: it was told to stop.
            ProviderError: as `Source`, after all tries.
        """
        with closing(Partial(place)) as partial:
            received = _File(self, source, uri, expected, partial)
            self._there(partial.done)
            try:
                with closing(received):
                    received.get()
                partial.keep()
            except OSError as error:
                if error.errno not in NodeExhausted.ERRNOS:
                    raise
                raise NodeExhausted(f"{shown(uri)}: {error.strerror}") from error
            finally:
                partial.save()
            return partial.file

    def _count(self, received: int) -> None:
        with self._counting:
            self._desk.done_bytes += received
            self._desk.received_bytes += received

    def _there(self, size: int) -> None:
        """So many bytes more are there, or fewer, and did not come just now."""
        with self._counting:
            self._desk.done_bytes += size

    def _may_go_on(self, uri: str) -> None:
        if self._desk.cancelled.is_set():
            raise OrderCancelled(f"{shown(uri)}: told to stop")
        if time.monotonic() > self._deadline:
            raise _OutOfTime(f"{shown(uri)}: not there in {self._manners.total_s:g} s")


class _OutOfTime(ProviderError):
    """The time of the product is over; what is there is kept."""


class _Stopped(Exception):
    """Another connection of the file failed, and tells why."""


class _File:
    """One file on its way."""

    def __init__(
        self,
        receiver: Receiver,
        source: Source,
        uri: str,
        expected: Expected,
        partial: Partial,
    ) -> None:
        self._by = receiver
        self._gate = receiver._gate
        self._manners = receiver._manners
        self._source = source
        self._uri = uri
        self._shown = shown(uri)
        self._expected = expected
        self._partial = partial
        self._summing: Summing | None = None
        self._algorithm = self._wanted = ""
        """What is computed, and what must come out."""
        self._resumed = partial.begun

    def get(self) -> None:
        """Everything that is missing; a second time when parts did not fit together."""
        again = True
        while True:
            self._patiently()
            try:
                return self._verify()
            except DamagedProduct:
                self._forget()
                if not (again and self._resumed):
                    raise
                again = False

    def close(self) -> None:
        """Nobody reads the file any more."""
        if self._summing is not None:
            self._summing.close()
            self._summing = None

    def _patiently(self) -> None:
        failures, best = 0, self._partial.done
        while not self._partial.complete:
            self._by._may_go_on(self._uri)
            try:
                self._round()
                failures = 0
            except ProviderError as error:
                # More than ever: a file that changes all the time is no progress.
                failures = 1 if self._partial.done > best else failures + 1
                best = max(best, self._partial.done)
                asked = error.failure in _AGAIN and not isinstance(error, NotOurTurn)
                if asked and error.retry_after_s:
                    self._gate.hold(error.retry_after_s)
                if not self._is_worth_it(error, failures):
                    raise
                self._resumed = True
                self._wait(error, failures)

    def _is_worth_it(self, error: ProviderError, failures: int) -> bool:
        return (
            error.failure in _AGAIN
            and not isinstance(error, _OutOfTime)
            and failures < self._manners.tries
            and error.retry_after_s <= self._manners.longest_pause_s
        )

    def _wait(self, error: ProviderError, failures: int) -> None:
        seconds = pause(failures, self._manners.longest_pause_s, error.retry_after_s)
        if self._by._desk.cancelled.wait(seconds):
            raise OrderCancelled(f"{self._shown}: told to stop") from error

    # -- receiving

    def _round(self) -> None:
        """One connection for the first part that is missing, others for the rest."""
        cancelled = self._by._desk.cancelled
        with self._gate.connection(cancelled, self._manners.longest_pause_s):
            span = next((s for s in self._partial.spans if s.missing), None)
            opened = self._opened(span)
            with closing(opened):
                span = self._placed(opened, span)
                left = [s for s in self._partial.spans if s.missing and s is not span]
                if left and self._manners.parallel > 1:
                    self._all(opened, span, deque(left))
                else:
                    self._copy(opened, span, Event())

    def _opened(self, span: Span | None) -> Opened:
        if span is None:
            parts = self._manners.parallel > 1
            end = self._manners.part_bytes if parts else None
            return self._open(0, end, "")
        end = span.end if span.end >= 0 else None
        return self._open(span.at, end, self._partial.tag)

    def _open(self, start: int, end: int | None, tag: str) -> Opened:
        self._gate.turn(self._by._desk.cancelled)
        return self._source.open(self._uri, start, end, tag)

    def _placed(self, opened: Opened, span: Span | None) -> Span:
        """The span that the opened bytes belong to."""
        partial = self._partial
        if span is not None:
            if self._is_same(opened) and opened.start == span.at:
                self._sum(opened.sums)
                return span
            self._forget()
        if opened.start != 0:
            raise ProviderError(f"{self._shown}: it has changed meanwhile")
        if self._expected.size and opened.size not in (-1, self._expected.size):
            raise DamagedProduct(
                f"{self._shown}: {opened.size} bytes, expected {self._expected.size}"
            )
        if not self._expected.size:  # else room was made before it was asked for
            self._by._needs(max(opened.size, 0))
        whole = opened.end in (-1, opened.size)
        part = opened.size if whole else self._manners.part_bytes
        partial.begin(opened.size, opened.tag, max(part, 1))
        self._sum(opened.sums)
        return partial.spans[0]

    def _is_same(self, opened: Opened) -> bool:
        return self._partial.is_of(opened.size, opened.tag)

    def _forget(self) -> None:
        """What is there is thrown away."""
        self._by._there(-self._partial.done)
        self.close()
        self._partial.forget()

    def _all(self, opened: Opened, span: Span, left: deque[Span]) -> None:
        """Every part, by as many connections as may be.

        Raises:
            ProviderError: of the connection whose failure says most.
        """
        stop = Event()
        others = min(self._manners.parallel - 1, len(left))
        with ThreadPoolExecutor(others + 1, thread_name_prefix="receive") as pool:
            working = [pool.submit(self._first, opened, span, left, stop)]
            working += [pool.submit(self._help, left, stop) for _ in range(others)]
        errors = [e for w in working if (e := w.exception()) is not None]
        for error in sorted(errors, key=_says_little):
            raise error

    def _first(
        self, opened: Opened, span: Span, left: deque[Span], stop: Event
    ) -> None:
        with _stopping(stop):
            self._copy(opened, span, stop)
            self._work(left, stop)

    def _help(self, left: deque[Span], stop: Event) -> None:
        with _stopping(stop), self._gate.another() as may:
            if may:
                self._work(left, stop)

    def _work(self, left: deque[Span], stop: Event) -> None:
        while True:
            try:
                span = left.popleft()
            except IndexError:
                return
            opened = self._open(span.at, span.end, self._partial.tag)
            with closing(opened):
                if not self._is_same(opened) or opened.start != span.at:
                    raise ProviderError(f"{self._shown}: it has changed meanwhile")
                self._copy(opened, span, stop)

    def _copy(self, opened: Opened, span: Span, stop: Event) -> None:
        """The opened bytes into their span."""
        watch = _Watch(self._manners, self._shown)
        summing = self._summing
        assert summing is not None
        for block in opened.blocks():
            if stop.is_set():
                raise _Stopped
            if span.at == 0:
                self._look_at(block)
            if 0 <= span.end < span.at + len(block):
                raise ProviderError(f"{self._shown}: more bytes than asked for")
            self._partial.write(span, block)
            self._by._count(len(block))
            summing.follow()
            # Last: what has come is kept, whatever the time.
            watch.count(len(block))
            self._by._may_go_on(self._uri)
            if self._manners.bytes_per_s:
                time.sleep(self._by._pace.turn(self._manners.bytes_per_s / len(block)))
        if span.end < 0:
            self._partial.end(span)
        self._partial.save()
        if span.missing:
            raise ProviderError(
                f"{self._shown}: cut off at byte {span.at} of {self._partial.size}"
            )

    def _look_at(self, block: bytes) -> None:
        """Is it a page for people?

        Raises:
            CredentialsRefused: then they are wanted to log in.
        """
        page = block[:64].lstrip().lower().startswith(_PAGES)
        if page and not self._shown.lower().endswith((".html", ".htm")):
            raise CredentialsRefused(
                f"{self._shown}: a page for people, not a file; is a login needed?"
            )

    # -- verifying

    def _sum(self, told: Mapping[str, str]) -> Summing:
        """What computes the checksum; begins with the first bytes.

        It is the first one that is known of the file: a server need not tell with the
        rest what it told with the beginning.
        """
        if self._summing is None or not self._algorithm:
            self.close()
            self._algorithm, self._wanted = self._expected.best(told)
            self._summing = Summing(self._partial, self._algorithm)
        return self._summing

    def _verify(self) -> None:
        digits, size = self._sum({}).end(), self._partial.size
        verified(
            self._shown, self._expected, size, self._algorithm, digits, self._wanted
        )


def _says_little(error: BaseException) -> tuple[int, float]:
    """What will not pass by itself comes first, then what lasts longest."""
    if isinstance(error, _Stopped):
        return 2, 0.0
    if isinstance(error, ProviderError) and error.failure in _AGAIN:
        return 1, -error.retry_after_s
    return 0, 0.0


class _Watch:
    """Whether a connection keeps a pace at which it ends some day."""

    def __init__(self, manners: Manners, what: str) -> None:
        self._manners = manners
        self._what = what
        self._since = time.monotonic()
        self._bytes = 0

    def count(self, received: int) -> None:
        """So many bytes more.

        Raises:
            ProviderError: too few for too long.
        """
        self._bytes += received
        seconds = time.monotonic() - self._since
        if seconds < self._manners.stall_s:
            return
        if self._bytes < self._manners.least_bytes_per_s * seconds:
            raise ProviderError(
                f"{self._what}: {self._bytes} bytes in {seconds:.0f} s: it has stalled"
            )
        self._since += seconds
        self._bytes = 0


@contextmanager
def _stopping(stop: Event) -> Iterator[None]:
    """Whatever ends this early ends the other connections of the file too."""
    try:
        yield
    except BaseException:
        stop.set()
        raise
