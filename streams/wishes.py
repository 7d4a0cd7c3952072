# SPDX-License-Identifier: Apache-2.0
"""What operators ask for: granted by the table of `transitions`, or refused."""

from typing import assert_never

from msgspec.structs import replace

from streams import line, moves, transitions
from streams.draft import Draft
from streams.envelope import Envelope
from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    AreaResumed,
    AreaWish,
    Event,
    IngestionAccepted,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
    TaskWish,
)
from streams.model import AreaState, Delivery, Status
from streams.names import type_name
from streams.orders import AreaStanding, CommandRefused
from streams.release import release, undelivered
from streams.table import AreaRow, DownloadRow, Limits, ProcessRow, TaskRow
from streams.transitions import Wish

CANCELLED = "the area is cancelled, which is final"


def grant_task_wish(draft: Draft, asked: TaskWish, fact: Envelope[Event]) -> None:
    """Do what an operator wants of a task, or say why not."""
    row = draft.find(asked.task)
    if not isinstance(row, TaskRow):
        refuse(draft, asked, "there is no such task")
    elif row.course.wish == fact.id:
        release(draft, row.task)
    elif draft.area(row.area).state is AreaState.CANCELLED:
        refuse(draft, asked, CANCELLED)
    elif problem := _problem(draft, asked, row, fact):
        refuse(draft, asked, problem)
    else:
        _grant(draft, _wish(asked), asked, row, fact)


def grant_area_wish(draft: Draft, asked: AreaWish) -> None:
    """Pause, resume or cancel an area, or say why not."""
    row = draft.find(asked.area)
    if not isinstance(row, AreaRow):
        refuse(draft, asked, "there is no such area")
    elif row.state is AreaState.CANCELLED and not isinstance(asked, AreaCancelled):
        refuse(draft, asked, CANCELLED)
    else:
        row = _steered(row, asked)
        draft.put(asked.area, row)
        standing = AreaStanding(asked.area, row.state, asked.by, asked.why)
        draft.outgoing.append(standing)


def _steered(row: AreaRow, asked: AreaWish) -> AreaRow:
    match asked:
        case AreaPaused():
            return replace(row, state=AreaState.PAUSED)
        case AreaResumed():
            return replace(row, state=AreaState.ACTIVE)
        case AreaCancelled():
            return replace(row, state=AreaState.CANCELLED)
        case AreaLimited():
            limits = Limits(
                asked.limit_downloads,
                asked.limit_processes,
                asked.priority,
                steered=True,
            )
            return replace(row, limits=limits)
        case _:
            assert_never(asked)


def _wish(asked: TaskWish) -> Wish | None:
    match asked:
        case TaskRetryAsked():
            return Wish.RETRY
        case TaskFailAsked():
            return Wish.FAIL
        case TaskReopenAsked():
            return Wish.REOPEN
        case TaskForceAsked():
            return transitions.FORCED.get(asked.status)
        case _:
            assert_never(asked)


def _problem(draft: Draft, asked: TaskWish, row: TaskRow, fact: Envelope[Event]) -> str:
    """Why the wish cannot be granted; empty when it can."""
    wish = _wish(asked)
    if wish is None:
        expected = ", ".join(sorted(transitions.FORCED))
        return f"only the fold gives this status; expected one of {expected}"
    if isinstance(row, DownloadRow) and row.expected:
        return "its scene is not in the log yet, only tiles of it are"
    if asked.attempt != row.course.attempt:
        return (
            f"the task is {row.course.status} at attempt {row.course.attempt} now, you "
            f"saw attempt {asked.attempt}; look again and repeat"
        )
    if transitions.is_outdated(row.course, fact.time):
        return (
            f"the attempt ended after you asked, the task is {row.course.status} now; "
            "look again and repeat"
        )
    problem = transitions.refusal(wish, row.course.status)
    if (
        not problem
        and isinstance(row, ProcessRow)
        and row.course.status is Status.FAILED
    ):
        scene = draft.download(row.download)
        if scene.course.status is Status.FAILED:
            return f"{moves.SCENE_FAILED}: reopen '{scene.task}' instead"
    return problem


def _grant(
    draft: Draft,
    wish: Wish | None,
    asked: TaskWish,
    row: TaskRow,
    fact: Envelope[Event],
) -> None:
    reason = f"{asked.by}: {asked.why}" if asked.why else asked.by
    match wish:
        case Wish.REOPEN:
            follow = isinstance(asked, TaskReopenAsked) and asked.follow
            moves.reopen(draft, row, fact.id, follow=follow)
        case Wish.FORCE_PENDING if row.course.status is Status.FAILED:
            moves.reopen(draft, row, fact.id)
        case Wish.RETRY | Wish.FORCE_PENDING:
            course = transitions.granted(row.course, fact.id)
            draft.put_task(replace(row, course=course))
            release(draft, row.task)
        case Wish.FAIL | Wish.FORCE_FAILED:
            row = replace(row, course=transitions.fenced(row.course, fact.id))
            draft.put_task(row)
            moves.give_up(draft, row, f"given up by {reason}", fact.time)
        case Wish.FORCE_DONE:
            _force_done(draft, row, reason, fact)
        case None:
            raise AssertionError("refused before")
        case _:
            assert_never(wish)


def _force_done(draft: Draft, row: TaskRow, reason: str, fact: Envelope[Event]) -> None:
    line.leave(draft, row.task)
    row = draft.task(row.task)
    fenced = transitions.fenced(row.course, fact.id)
    course = transitions.finished(fenced, f"forced by {reason}", fact.time)
    if isinstance(row, DownloadRow):
        empty = tuple(Delivery(part.tile) for part in undelivered(row).parts)
        done = replace(row, course=course, deliveries=(*row.deliveries, *empty))
        draft.put_task(done)
        moves.release_tiles(draft, done)
    else:
        # Nobody listed its layers, so no other tile can build on it.
        draft.put_task(replace(row, course=course))
        moves.leave_chain(draft, row)


def refuse(
    draft: Draft, asked: TaskWish | AreaWish | IngestionAccepted, reason: str
) -> None:
    """Tell who asked that it is not done, and why."""
    kind = type_name(type(asked).__name__)
    task = asked.task if isinstance(asked, TaskWish) else ""
    draft.outgoing.append(CommandRefused(asked.area, task, kind, asked.by, reason))
