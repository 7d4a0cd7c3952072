# SPDX-License-Identifier: Apache-2.0
"""The course of one task, and the table of what may happen to it."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from streams.failures import MAX_SETBACKS, TREATMENT, Cost, Failure, back_off
from streams.model import Settings, Status


class Course(Struct, frozen=True, gc=False, omit_defaults=True):
    """How far a task came."""

    status: Status = Status.NEW
    attempt: int = 0
    """Of the newest order; 0: never ordered. Results of any other attempt are void."""
    countdown: int = 0
    """Automatic retries left of the request's `retry_count`."""
    setbacks: int = 0
    """Attempts lost to the system's own troubles."""
    worker: str = ""
    started_at: datetime | None = None
    """Start of the current attempt; None: no worker has begun it."""
    ended_at: datetime | None = None
    """When the last attempt ended, well or not."""
    failure: Failure | None = None
    """Why the last attempt failed; None once one succeeded."""
    message: str = ""
    not_before: datetime | None = None
    """End of the pause after a failure."""
    losses: int = 0
    """Attempts whose worker fell silent."""
    wish: str = ""
    """Id of the last operator's wish that was granted."""


class Wish(StrEnum):
    """What an operator can want of a task."""

    RETRY = "retry"
    FAIL = "fail"
    REOPEN = "reopen"
    FORCE_PENDING = "force pending"
    FORCE_DONE = "force done"
    FORCE_FAILED = "force failed"


ALLOWED: dict[Wish, frozenset[Status]] = {
    Wish.RETRY: frozenset({Status.RETRY}),
    Wish.FAIL: frozenset({Status.PENDING, Status.RETRY}),
    Wish.REOPEN: frozenset({Status.FAILED}),
    Wish.FORCE_PENDING: frozenset({Status.PENDING, Status.RETRY, Status.FAILED}),
    Wish.FORCE_DONE: frozenset({Status.NEW, Status.PENDING, Status.RETRY}),
    Wish.FORCE_FAILED: frozenset({Status.NEW, Status.PENDING, Status.RETRY}),
}
"""From which statuses a wish is granted. DONE is final: its layers are published."""

FORCED: dict[Status, Wish] = {
    Status.PENDING: Wish.FORCE_PENDING,
    Status.DONE: Wish.FORCE_DONE,
    Status.FAILED: Wish.FORCE_FAILED,
}
"""The wish behind `task-force-asked`; `new` and `retry` cannot be forced: the fold
alone knows when a task waits."""


def refusal(wish: Wish, status: Status) -> str:
    """Why a wish is not granted in this status; empty when it is."""
    if status in ALLOWED[wish]:
        return ""
    expected = ", ".join(sorted(ALLOWED[wish]))
    return f"cannot {wish} a task that is {status}; expected {expected}"


def is_current(course: Course, attempt: int) -> bool:
    """Is a report about this attempt about the live one?"""
    return attempt == course.attempt and course.status in (
        Status.PENDING,
        Status.RETRY,
    )


def is_outdated(course: Course, at: datetime) -> bool:
    """Was a wish, told at this instant, told before the attempt ended?"""
    return course.ended_at is not None and at < course.ended_at


def ordered(course: Course) -> Course:
    """The next attempt is ordered."""
    return replace(
        course,
        status=Status.PENDING,
        attempt=course.attempt + 1,
        worker="",
        started_at=None,
    )


def started(course: Course, worker: str, at: datetime) -> Course:
    """A worker began the current attempt."""
    if course.started_at is not None and course.started_at >= at:
        return course
    return replace(course, worker=worker, started_at=at)


def finished(course: Course, worker: str, at: datetime) -> Course:
    """The current attempt succeeded; errors of earlier ones are history."""
    return replace(
        course,
        status=Status.DONE,
        worker=worker,
        ended_at=at,
        failure=None,
        message="",
        not_before=None,
    )


def failed(
    course: Course,
    failure: Failure,
    message: str,
    at: datetime,
    settings: Settings,
    retry_after_s: float = 0.0,
) -> Course:
    """The current attempt failed: tried again (NEW), parked (RETRY) or given up.

    Args:
        course: before.
        failure: why.
        message: the same for people.
        at: when.
        settings: of the request.
        retry_after_s: what the one who refused asked to wait; 0: nothing.
    """
    lost = failure is Failure.LOST
    course = replace(
        course,
        ended_at=at,
        failure=failure,
        message=message,
        losses=course.losses + lost,
    )
    cost = TREATMENT[failure].cost
    if cost is Cost.NEVER:
        return replace(course, status=Status.FAILED)
    if cost is Cost.WAIT:
        return _again(course, at, retry_after_s)
    if cost is Cost.SYSTEM and course.setbacks < MAX_SETBACKS:
        course = replace(course, setbacks=course.setbacks + 1)
        return _again(course, at, retry_after_s)
    if not settings.retriable:
        return replace(course, status=Status.FAILED)
    if course.countdown > 0:
        return _again(replace(course, countdown=course.countdown - 1), at)
    return replace(course, status=Status.RETRY)


def abandoned(course: Course, message: str, at: datetime) -> Course:
    """Failed without an attempt that failed: its scene did, or an operator said so."""
    return replace(course, status=Status.FAILED, ended_at=at, message=message)


def fenced(course: Course, wish: str) -> Course:
    """The wish takes an attempt number: a worker still busy is not heard any more."""
    return replace(course, attempt=course.attempt + 1, wish=wish)


def granted(course: Course, wish: str) -> Course:
    """Back to NEW by an operator's wish: errors forgotten, setbacks forgiven."""
    return replace(
        course,
        status=Status.NEW,
        setbacks=0,
        losses=0,
        not_before=None,
        wish=wish,
        message="",
    )


def again(course: Course) -> Course:
    """NEW once more after a success: what it was built on has changed."""
    return replace(course, status=Status.NEW, setbacks=0, losses=0)


def _again(course: Course, at: datetime, asked_s: float = 0.0) -> Course:
    pause = back_off(course.attempt, asked_s)
    return replace(course, status=Status.NEW, not_before=at + pause)
