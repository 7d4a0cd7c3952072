# SPDX-License-Identifier: Apache-2.0
"""One area's log as instants that one can go back to.

Every fact is folded once; what it did to each task is kept, so that any instant is
looked up and nothing is folded again. An instant is a `place`: how many of the area's
facts have been folded by then.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple

from streams.codec import message_type
from streams.dependencies import step
from streams.model import AreaState, Kind, Status, Tally
from streams.replay import Positioned
from streams.table import AreaRow, Row, TaskRow

# Of a message or a reason: more is read in the fact itself.
_BRIEF = 200


class Standing(NamedTuple):
    """How a task stood."""

    status: Status
    attempt: int
    worker: str
    failure: str
    previous: str
    reference: str


class AreaStanding(NamedTuple):
    """How an area stood."""

    state: AreaState
    ingestions: int
    open_ingestions: int
    downloads: Tally
    processes: Tally


class Told(NamedTuple):
    """A fact in short."""

    place: int
    """How many facts of the area had been told with it."""
    partition: int
    offset: int
    time: datetime
    type: str
    task: str
    """Empty: it is about the area."""
    brief: str
    """A message, a reason, or who."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A task that did not stand alike at two instants."""

    task: str
    before: Standing | None
    """None: it was not there."""
    after: Standing | None


NOWHERE = AreaStanding(AreaState.ACTIVE, 0, 0, Tally(), Tally())
"""Before the first fact."""


class History:
    """What the log of one area did, fact by fact.

    It may be looked at in one thread while another tells it more.
    """

    def __init__(self) -> None:
        self._table: dict[str, Row] = {}
        self._tasks: dict[str, list[tuple[int, Standing]]] = {}
        self._areas: list[tuple[int, AreaStanding]] = []
        self._latest: list[datetime] = []
        self.told: list[Told] = []
        """Every fact, in the order of the log."""

    def tell(self, entry: Positioned) -> None:
        """One more fact of the area."""
        done = step(self._table, entry.fact, entry.offset)
        self._table.update(done.rows)
        message = entry.fact.message
        place = len(self.told) + 1
        self.told.append(
            Told(
                place,
                entry.partition,
                entry.offset,
                entry.fact.time,
                intern(message_type(message)),
                intern(getattr(message, "task", "")),
                _brief(message),
            )
        )
        # Workers' clocks differ: a fact told late does not turn time back.
        before = self._latest[-1] if self._latest else entry.fact.time
        self._latest.append(max(before, entry.fact.time))
        for key, row in done.rows.items():
            if isinstance(row, AreaRow):
                self._areas.append((place, _area(row)))
            elif isinstance(row, TaskRow):
                self._note(intern(key), place, _standing(row))

    def place_at(self, time: datetime) -> int:
        """The place of the last fact told by an instant; 0: before the first."""
        return bisect_right(self._latest, time)

    def area_at(self, place: int) -> AreaStanding:
        """How the area stood there."""
        return _last(self._areas, place) or NOWHERE

    def tasks_at(self, place: int) -> Iterator[tuple[str, Standing]]:
        """The tasks that were there, in order of creation."""
        for task, moves in list(self._tasks.items()):
            if (standing := _last(moves, place)) is not None:
                yield task, standing

    def task_at(self, task: str, place: int) -> Standing | None:
        """How a task stood there; None: it was not."""
        found: Standing | None = _last(self._tasks.get(task, []), place)
        return found

    def moved(self, since: int, until: int) -> Iterator[Moved]:
        """Tasks that do not stand alike at two places, in order of creation."""
        for task, moves in list(self._tasks.items()):
            before, after = _last(moves, since), _last(moves, until)
            if before != after:
                yield Moved(task, before, after)

    def _note(self, task: str, place: int, standing: Standing) -> None:
        moves = self._tasks.setdefault(task, [])
        if not moves or moves[-1][1] != standing:
            moves.append((place, standing))


def kind_of(task: str) -> Kind:
    """The kind of a task, by its id."""
    return Kind.DOWNLOAD if task.count("/") == 1 else Kind.PROCESS


def _last(moves: list[tuple[int, Any]], place: int) -> Any:
    """What holds at a place; None: nothing yet."""
    found = bisect_right(moves, place, key=lambda move: move[0])
    return moves[found - 1][1] if found else None


def _area(row: AreaRow) -> AreaStanding:
    return AreaStanding(
        row.state, row.ingestions, row.open_ingestions, row.downloads, row.processes
    )


def _standing(row: TaskRow) -> Standing:
    course = row.course
    return Standing(
        course.status,
        course.attempt,
        intern(course.worker),
        course.failure.value if course.failure else "",
        intern(getattr(row, "previous", "")),
        intern(getattr(row, "reference", "")),
    )


def _brief(message: Any) -> str:
    found = ""
    for name in ("message", "why", "problems", "worker", "by"):
        value = getattr(message, name, "")
        if value:
            found = "; ".join(value) if isinstance(value, tuple) else str(value)
            break
    return found[:_BRIEF]
