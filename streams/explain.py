# SPDX-License-Identifier: Apache-2.0
"""Why a task is where it is, in words; what it waits for, and what would change that.

Read from the table alone, by the rules by which the fold wrote it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from streams.draft import Draft
from streams.errors import InvalidRequest
from streams.model import AreaState, Status
from streams.moves import SCENE_FAILED
from streams.release import waits_for, wanted_links
from streams.table import AreaRow, DownloadRow, ProcessRow, Rows, TaskRow


class Hold(IntEnum):
    """What keeps a task, the more urgent for people the higher."""

    NOTHING = 0
    """It has ended."""
    WORKER = 1
    QUEUE = 2
    BACK_OFF = 3
    TASKS = 4
    """Others must be done before; they say the rest."""
    LIMIT = 5
    PAUSE = 6
    GIVEN_UP = 7
    CANCELLED = 8
    OPERATOR = 9


@dataclass(frozen=True, slots=True)
class Explanation:
    """One task, explained."""

    task: str
    status: Status
    hold: Hold
    why: tuple[str, ...]
    """Sentences without a full stop."""
    change: tuple[str, ...] = ()
    """What would change it: an event, or a command to run."""
    waits_for: tuple[str, ...] = ()
    """Tasks that must be done before."""


def explain(table: Rows, task: str, now: datetime) -> tuple[Explanation, ...]:
    """Why a task is in its state.

    Args:
        table: with the rows of the task's area.
        task: its id.
        now: to tell how long something lasts.

    Returns:
        The task, and those from it to the one that everything waits for, which is last.
        Of several such ends the one that needs people most.

    Raises:
        InvalidRequest: there is no such task.
    """
    draft = Draft(table)
    if not isinstance(draft.find(task), DownloadRow | ProcessRow):
        raise InvalidRequest(f"task '{task}'", ["there is none of that id"])
    found: dict[str, Explanation] = {}
    cause: dict[str, str] = {}
    waiting = [task]
    for name in waiting:  # grows; the nearest come first
        found[name] = _explained(draft, draft.task(name), now)
        for other in found[name].waits_for:
            if other not in cause and other != task:
                cause[other] = name
                waiting.append(other)
    ends = [one for one in found.values() if not one.waits_for]
    path = [max(ends, key=lambda one: one.hold).task]
    while path[-1] != task:
        path.append(cause[path[-1]])
    return tuple(found[name] for name in reversed(path))


def _explained(draft: Draft, row: TaskRow, now: datetime) -> Explanation:
    match row.course.status:
        case Status.NEW:
            return _new(draft, row)
        case Status.PENDING:
            return _pending(draft, row, now)
        case Status.DONE:
            return _done(row)
        case Status.RETRY:
            return _retry(row)
        case Status.FAILED:
            return _failed(draft, row)


def _new(draft: Draft, row: TaskRow) -> Explanation:
    area = draft.area(row.area)
    before = _last_failure(row)
    if area.state is AreaState.CANCELLED:
        return _cancelled(row, before)
    needed = waits_for(draft, row) if isinstance(row, ProcessRow) else ()
    if needed and isinstance(row, ProcessRow):
        why = tuple(_wait(draft, row, other) for other in needed)
        return _of(row, Hold.TASKS, (*why, *before), waits_for=needed)
    if area.state is AreaState.PAUSED:
        why = ("it is ready, and held back: its area is paused",)
        change = f"ingester resume {row.area} --why …"
        return _of(row, Hold.PAUSE, (*why, *before), (change,))
    if isinstance(row, DownloadRow) and row.expected:
        why = ("a tile of it is in the log, it itself is not: it waits to be created",)
        return _of(row, Hold.QUEUE, (*why, *before), ("the catalogue writes it",))
    return _in_line(area, row, before)


def _in_line(area: AreaRow, row: TaskRow, before: tuple[str, ...]) -> Explanation:
    """A task that is ready: it has a place in a line, if it is not ordered at once."""
    kind, ordered, window = _window(area, row)
    if not window:
        why = "it is ready: with the next facts of its area it is ordered"
        return _of(row, Hold.QUEUE, (why, *before))
    why = (
        f"it is ready, and in line: {ordered} {kind} of its area are ordered, "
        f"{window} may be at once"
    )
    change = (
        "one of these ends, and those before it in the line are ordered",
        f"ingester limit {row.area} --{kind} N --why …",
    )
    return _of(row, Hold.LIMIT, (why, *before), change)


def _wait(draft: Draft, row: ProcessRow, other: str) -> str:
    status = draft.task(other).course.status
    links = wanted_links(draft, row)
    roles = [
        role
        for role, task in (
            ("scene", row.download),
            ("previous", links.previous),
            ("reference", links.reference),
        )
        if task == other
    ]
    return f"it waits for its {' and '.join(roles)} '{other}', which is {status}"


def _pending(draft: Draft, row: TaskRow, now: datetime) -> Explanation:
    course = row.course
    before = _last_failure(row)
    if draft.area(row.area).state is AreaState.CANCELLED:
        return _cancelled(row, before)
    if course.started_at is not None:
        why = (
            f"worker {course.worker} has attempt {course.attempt} since "
            f"{_when(course.started_at)} ({_lasting(now - course.started_at)})"
        )
        change = "it ends; a worker that is not heard any more is taken for lost"
        return _of(row, Hold.WORKER, (why, *before), (change,))
    if course.not_before is not None and course.not_before > now:
        why = (
            f"attempt {course.attempt} is ordered and begins no earlier than "
            f"{_when(course.not_before)} (in {_lasting(course.not_before - now)})"
        )
        return _of(row, Hold.BACK_OFF, (why, *before), ("the back-off ends",))
    why = f"attempt {course.attempt} is ordered, no worker has begun it"
    kind = "downloader" if isinstance(row, DownloadRow) else "processor"
    change = f"a {kind} takes it; is one running, and free?"
    return _of(row, Hold.QUEUE, (why, *before), (change,))


def _done(row: TaskRow) -> Explanation:
    course = row.course
    why = [f"attempt {course.attempt} ended well{_at(course.ended_at)}"]
    if course.worker:
        why[0] += f", by {course.worker}"
    if isinstance(row, ProcessRow) and row.tile.cell and not row.layers:
        why.append("it is out of its chain: nobody listed its layers")
    return _of(row, Hold.NOTHING, tuple(why))


def _retry(row: TaskRow) -> Explanation:
    why = "its retries are used up: it waits for an operator"
    change = (
        f"ingester retry {row.task} --why …",
        f"ingester fail {row.task} --why …",
    )
    return _of(row, Hold.OPERATOR, (why, *_last_failure(row)), change)


def _failed(draft: Draft, row: TaskRow) -> Explanation:
    course = row.course
    if isinstance(row, ProcessRow):
        scene = draft.download(row.download)
        if course.message == SCENE_FAILED and scene.course.status is Status.FAILED:
            why = f"its scene '{scene.task}' failed"
            out = _out_of_chain(row)
            return _of(row, Hold.TASKS, (why, *out), waits_for=(scene.task,))
    why = f"it is given up{_at(course.ended_at)}"
    reasons = _last_failure(row) or ((course.message,) if course.message else ())
    change = (f"ingester reopen {row.task} --why …",)
    return _of(row, Hold.GIVEN_UP, (why, *reasons, *_out_of_chain(row)), change)


def _cancelled(row: TaskRow, before: tuple[str, ...]) -> Explanation:
    why = "its area is cancelled: nothing of it is ordered or begun any more"
    return _of(row, Hold.CANCELLED, (why, *before))


def _out_of_chain(row: TaskRow) -> Iterator[str]:
    if isinstance(row, ProcessRow) and row.tile.cell:
        yield f"it is out of its chain '{row.tile.cell}': later tiles are built past it"


def _last_failure(row: TaskRow) -> tuple[str, ...]:
    course = row.course
    if course.failure is None:
        return ()
    left = f", {course.countdown} retries left" if course.countdown else ""
    return (
        f"an attempt failed{_at(course.ended_at)}: {course.failure}: "
        f"{course.message}{left}",
    )


def _window(area: AreaRow, row: TaskRow) -> tuple[str, int, int]:
    """Kind in plural, how many are ordered, how many may be."""
    if isinstance(row, DownloadRow):
        return "downloads", area.downloads.pending, area.limits.download_window
    return "processes", area.processes.pending, area.limits.process_window


def _of(
    row: TaskRow,
    hold: Hold,
    why: tuple[str, ...],
    change: tuple[str, ...] = (),
    waits_for: tuple[str, ...] = (),
) -> Explanation:
    why = (*why, *_again(row))
    return Explanation(row.task, row.course.status, hold, why, change, waits_for)


def _again(row: TaskRow) -> Iterator[str]:
    if isinstance(row, ProcessRow):
        if row.stale:
            yield "what it is built on has changed since: it is done again"
        if row.layers and row.course.status is not Status.DONE:
            yield "it was done before: its layers stay until the new ones are there"
        if row.follow:
            yield "the later tiles of its chain are done again after it"


def _at(time: datetime | None) -> str:
    return f" at {_when(time)}" if time is not None else ""


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"


def _lasting(time: timedelta) -> str:
    seconds = max(round(time.total_seconds()), 0)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
