# SPDX-License-Identifier: Apache-2.0
"""The fold: facts per second of CPU, and whether the size of the area matters.

`TILES=1000,10000 python -m benchmarks.bench_fold` chooses the areas. The last two ways
are what the fold is compared with: looking at every task of the area after each fact,
as counting statuses in SQL does, and decoding the same facts from JSON.
"""

import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from typing import Any

from agents.workflow import journal
from agents.workflow.batch import View, fold_batch
from benchmarks.areas import facts
from streams.codec import pack, unpack
from streams.dependencies import step
from streams.envelope import Envelope, Record
from streams.events import Event
from streams.logfile import read_line, write_line
from streams.replay import Positioned
from streams.table import AreaRow, DownloadRow, ProcessRow, Row, Table, decode_row
from streams.topics import TASKS

_TILES = "1000,10000,100000,1000000"

# Facts are made so many at a time, outside of the timing.
_CHUNK = 1000

# Small areas are folded again and again: a tenth of a second says nothing.
_FACTS_AT_LEAST = 30_000

# Facts after which the whole area is counted: the last ones of the run.
_SCANNED = 300


@dataclass(frozen=True, slots=True)
class Result:
    """What one way to fold took."""

    way: str
    tiles: int
    facts: int
    cpu_s: float
    peak_mb: float = 0.0

    @property
    def rate(self) -> float:
        """Facts per second of CPU."""
        return self.facts / self.cpu_s

    @property
    def micros(self) -> float:
        """Microseconds of CPU per fact."""
        return 1e6 / self.rate


def values(tiles: int) -> Result:
    """Facts as values, rows as values: the rules themselves, and replay."""
    table: dict[str, Row] = {}

    def fold(chunk: list[Envelope[Event]]) -> None:
        for fact in chunk:
            table.update(step(table, fact, 0).rows)

    result = _timed("fold", tiles, _chunks(tiles), fold)
    _check(table["bench"], tiles)
    return result


def octets(tiles: int) -> Result:
    """Avro in, JSON rows and Avro orders out: all that the workflow computes."""
    stored: dict[str, bytes] = {}

    def fold(chunk: list[Record]) -> None:
        rows, _ = journal.encoded(fold_batch(View(stored.get), chunk))
        stored.update(rows)

    result = _timed("bytes in, bytes out", tiles, _records(tiles), fold)
    _check(decode_row("bench", stored["bench"]), tiles)
    return result


def scan(tiles: int) -> Result:
    """As `values`, and after each fact the area's statuses are counted anew."""
    table: dict[str, Row] = {}
    log = list(facts(tiles))
    for fact in log[:-_SCANNED]:
        table.update(step(table, fact, 0).rows)

    def fold(chunk: list[Envelope[Event]]) -> None:
        for fact in chunk:
            table.update(step(table, fact, 0).rows)
            _statuses(table)

    result = _timed("fold, counting the area", tiles, [log[-_SCANNED:]], fold)
    _check(table["bench"], tiles)
    return result


def avro(tiles: int) -> Result:
    """Decoding alone, from Avro."""
    return _timed("decode Avro", tiles, _records(tiles), lambda c: [*map(unpack, c)])


def json(tiles: int) -> Result:
    """Decoding alone, from lines of JSON."""
    lines = (
        [write_line(Positioned(0, 0, fact)) for fact in chunk]
        for chunk in _chunks(tiles)
    )
    return _timed("decode JSON", tiles, lines, lambda c: [*map(read_line, c)])


# What costs more than the fold itself is measured on smaller areas only.
WAYS: tuple[tuple[Callable[[int], Result], int], ...] = (
    (values, 1_000_000),
    (octets, 10_000),
    (scan, 10_000),
    (avro, 10_000),
    (json, 10_000),
)


def measured(way: Callable[[int], Result], tiles: int) -> Result:
    """Run one way on one area, as often as it takes; in a process of its own."""
    total = way(tiles)
    while total.facts < _FACTS_AT_LEAST and way is not scan:
        again = way(tiles)
        total = replace(
            total, facts=total.facts + again.facts, cpu_s=total.cpu_s + again.cpu_s
        )
    # Kilobytes on Linux.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return replace(total, peak_mb=peak_mb)


def main() -> None:
    """Measure every way, print the table and the result."""
    areas = [int(n) for n in os.environ.get("TILES", _TILES).split(",")]
    print(
        f"{'way':28}{'tiles':>9}{'facts':>9}{'CPU s':>8}{'facts/CPU s':>12}"
        f"{'µs/fact':>9}{'peak MB':>9}"
    )
    found: dict[tuple[str, int], Result] = {}
    for way, at_most in WAYS:
        for tiles in areas:
            if tiles <= at_most:
                found[way.__name__, tiles] = _apart(way, tiles)
                _print(found[way.__name__, tiles])
    small, large = min(areas), max(areas)
    fold = found["values", large]
    print(f"RESULT facts_per_cpu_s={fold.rate:.0f} tiles={large}", end=" ")
    print(f"ratio_{_short(large)}_to_{_short(small)}=", end="")
    print(f"{fold.micros / found['values', small].micros:.2f}")


def _apart(way: Callable[[int], Result], tiles: int) -> Result:
    """In a process of its own, whose peak of memory is that of this way."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, way, tiles).result()


def _timed(
    way: str,
    tiles: int,
    chunks: Iterable[list[Any]],
    fold: Callable[[list[Any]], object],
) -> Result:
    count, cpu_s = 0, 0.0
    for chunk in chunks:
        begin = time.process_time()
        fold(chunk)
        cpu_s += time.process_time() - begin
        count += len(chunk)
    return Result(way, tiles, count, cpu_s)


def _chunks(tiles: int) -> Iterator[list[Envelope[Event]]]:
    log = facts(tiles)
    while chunk := list(islice(log, _CHUNK)):
        yield chunk


def _records(tiles: int) -> Iterator[list[Record]]:
    for chunk in _chunks(tiles):
        yield [pack(TASKS.name, fact.message.area, fact) for fact in chunk]


def _statuses(table: Table) -> Counter[str]:
    return Counter(
        row.course.status
        for row in table.values()
        if isinstance(row, DownloadRow | ProcessRow)
    )


def _check(area: Row, tiles: int) -> None:
    """A fold that left something undone was not the work that is measured."""
    if not isinstance(area, AreaRow) or area.processes.done != tiles:
        raise AssertionError(f"not every one of {tiles} tiles is done: {area}")


def _print(result: Result) -> None:
    print(
        f"{result.way:28}{result.tiles:9}{result.facts:9}{result.cpu_s:8.2f}"
        f"{result.rate:12.0f}{result.micros:9.1f}{result.peak_mb:9.0f}",
        flush=True,
    )


def _short(tiles: int) -> str:
    for size, letter in ((1_000_000, "m"), (1000, "k")):
        if tiles % size == 0:
            return f"{tiles // size}{letter}"
    return str(tiles)


if __name__ == "__main__":
    main()
