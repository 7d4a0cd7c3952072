# SPDX-License-Identifier: Apache-2.0
"""What the log tells of a task's life and of operators' wishes. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from streams.codec import message_type
from streams.dependencies import Step
from streams.envelope import Envelope
from streams.events import (
    AttemptExpired,
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
    TaskForceAsked,
)
from streams.model import Kind, Status
from streams.orders import CommandRefused
from streams.table import Row, TaskRow
from streams.transitions import Course

Parameters = dict[str, Any]
Statements = Iterator[tuple[str, Parameters]]

WISHES = {
    "task-retry-asked": "retry",
    "task-fail-asked": "fail",
    "task-reopen-asked": "reopen",
    "task-force-asked": "force",
    "area-paused": "pause",
    "area-resumed": "resume",
    "area-cancelled": "cancel",
    "area-limited": "limit",
}
"""The operator's word for each fact that is a wish."""

Start = DownloadStarted | ProcessStarted
End = DownloadDone | DownloadFailed | ProcessDone | ProcessFailed | AttemptExpired


def number(task: str) -> int:
    """A task's number: 52 bits of its id's digest, the same in every read model."""
    return int(hashlib.sha256(task.encode()).hexdigest()[:13], 16)


def attempts(fact: Envelope[Any], before: Mapping[str, Row], step: Step) -> Statements:
    """The attempts that a fact begins, ends or makes void.

    Args:
        fact: as it stands in the log.
        before: the rows that it changes, as they were; a new one is missing.
        step: what it does.
    """
    message = fact.message
    reported = message if isinstance(message, Start | End) else None
    counts = reported is not None and _counts(reported, fact.time, step.rows)
    if reported is not None:
        yield _report(reported, fact.time, step.rows, counts=counts)
    for key, row in step.rows.items():
        if isinstance(row, TaskRow):
            old = before.get(key)
            was = old.course if isinstance(old, TaskRow) else Course()
            ended = counts and reported is not None and reported.task == row.task
            yield from _orders(row, was, fact.time, ended=ended)


def wishes(fact: Envelope[Any], step: Step) -> Statements:
    """An operator's wish, and why it was refused if it was."""
    wish = WISHES.get(message_type(fact.message))
    if wish is None:
        return
    asked = fact.message
    if isinstance(asked, TaskForceAsked):
        wish = f"{wish} {asked.status}"
    yield (
        "save_wish",
        {
            "id": fact.id,
            "area": asked.area,
            "task": getattr(asked, "task", ""),
            "wish": wish,
            "by": asked.by,
            "why": asked.why,
            "at": fact.time,
            "refusal": step.unknown or _refusal(step.outgoing),
        },
    )


def _refusal(outgoing: Iterable[Any]) -> str:
    refused = (o.reason for o in outgoing if isinstance(o, CommandRefused))
    return next(refused, "")


def _counts(message: Start | End, at: datetime, rows: Mapping[str, Row]) -> bool:
    """Did the fold take this report for the live attempt's?"""
    row = rows.get(message.task)
    if not isinstance(row, TaskRow):
        return False
    course = row.course
    return (course.started_at if isinstance(message, Start) else course.ended_at) == at


def _report(
    message: Start | End, at: datetime, rows: Mapping[str, Row], *, counts: bool
) -> tuple[str, Parameters]:
    found = _attempt(message.area, message.task, message.attempt)
    found["worker"] = message.worker
    name = "save_attempt" if counts else "save_void_report"
    if isinstance(message, Start):
        found |= {"started_at": at, "outcome": "running" if counts else "void"}
        return name, found
    found |= {
        "ended_at": at,
        "provider": getattr(message, "provider", ""),
        "duration_s": getattr(message, "duration_s", None),
        "trials": getattr(message, "trials", ()),
        "log": getattr(message, "log", ""),
        "outcome": "void",
    }
    row = rows.get(message.task)
    if counts and isinstance(row, TaskRow):
        failure = row.course.failure
        lost = isinstance(message, AttemptExpired)
        found["outcome"] = "expired" if lost else "failed" if failure else "done"
        found["failure"] = failure.value if failure else ""
        found["message"] = row.course.message if failure else ""
    elif isinstance(message, DownloadFailed | ProcessFailed):
        found["failure"], found["message"] = message.failure.value, message.message
    return name, found


def _orders(row: TaskRow, was: Course, at: datetime, *, ended: bool) -> Statements:
    """The attempt that was live and is not any more; the one that is ordered now."""
    now = row.course
    pending = now.status is Status.PENDING
    same = pending and was.status is Status.PENDING and now.attempt == was.attempt
    if was.status is Status.PENDING and not same and not ended:
        void = _attempt(row.area, row.task, was.attempt)
        yield "save_attempt", void | {"ended_at": at, "outcome": "void"}
    if pending and not same:
        ordered = _attempt(row.area, row.task, now.attempt)
        yield "save_attempt", ordered | {"ordered_at": at}


def _attempt(area: str, task: str, attempt: int) -> Parameters:
    kind = Kind.DOWNLOAD if task.count("/") == 1 else Kind.PROCESS
    return {
        "task": task,
        "attempt": attempt,
        "area": area,
        "kind": kind.value,
        "worker": "",
        "provider": "",
        "ordered_at": None,
        "started_at": None,
        "ended_at": None,
        "duration_s": None,
        "outcome": "running",
        "failure": "",
        "message": "",
        "trials": (),
        "log": "",
    }
