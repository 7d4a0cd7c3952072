# SPDX-License-Identifier: Apache-2.0
"""Wishes of operators as facts of the log, and what the fold made of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, assert_never
from uuid import uuid4

from msgspec.structs import replace

from agents.gateway.reading import Desk
from streams.envelope import Envelope
from streams.events import (
    AreaWish,
    Event,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
    TaskWish,
)
from streams.model import Status

T = TypeVar("T")

NOT_PROJECTED = "written, and not projected in time: does the projector run?"

# A projection takes milliseconds when it is abreast; asking is cheap.
_ASK_AGAIN_S = 0.03

# Wishes written together; the next wait until these are projected.
_AT_ONCE = 1000


class TaskWord(StrEnum):
    """What can be wanted of a task."""

    RETRY = "retry"
    """One that waits in RETRY is tried again."""
    FAIL = "fail"
    """It is given up."""
    REOPEN = "reopen"
    """One that FAILED comes back, in its place in its chain."""
    FORCE = "force"
    """It gets the status that is said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A wish about tasks."""

    word: TaskWord
    by: str
    why: str
    status: Status | None = None
    """Of `force`."""
    follow: bool = False
    """Of `reopen`: the later tiles of the chain are done again."""

    def of(self, area: str, task: str, attempt: int) -> TaskWish:
        """The fact that says so of one task, as seen at this attempt."""
        seen = (area, task, attempt)
        match self.word:
            case TaskWord.RETRY:
                return TaskRetryAsked(*seen, self.by, self.why)
            case TaskWord.FAIL:
                return TaskFailAsked(*seen, self.by, self.why)
            case TaskWord.REOPEN:
                return TaskReopenAsked(*seen, self.by, self.why, self.follow)
            case TaskWord.FORCE:
                assert self.status is not None
                return TaskForceAsked(*seen, self.status, self.by, self.why)
            case _:
                assert_never(self.word)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a wish."""

    id: str
    task: str
    """Empty: it was about an area."""
    refusal: str | None
    """Empty: granted. None: not projected yet."""


async def ask(
    desk: Desk,
    wishes: Sequence[TaskWish | AreaWish],
    seen: datetime | None = None,
) -> list[Outcome]:
    """Write wishes, and wait until all are projected or the time is over.

    Args:
        desk: to write at.
        wishes: the facts.
        seen: end of the last attempt that whoever asks has seen. Workers' clocks may be
            ahead of ours, and what was asked after it must not seem to be before it.

    Raises:
        BrokerError: they could not be written, or only some of them.
    """
    facts = [in_envelope(desk, wish, uuid4().hex) for wish in wishes]
    if seen is not None:
        facts = [replace(fact, time=max(fact.time, seen)) for fact in facts]
    await desk.log.write(facts)
    refusals: dict[str, str] = {}

    async def all_projected() -> bool | None:
        left = [fact.id for fact in facts if fact.id not in refusals]
        for row in await desk.model.fetch("wish_outcomes", (left,)):
            refusals[row["id"]] = row["refusal"]
        return True if len(refusals) == len(facts) else None

    await until(desk, all_projected)
    return [
        Outcome(fact.id, getattr(fact.message, "task", ""), refusals.get(fact.id))
        for fact in facts
    ]


async def ask_of_tasks(
    desk: Desk, wanted: Wanted, tasks: Sequence[Mapping[str, Any]]
) -> list[Outcome]:
    """The same wish about each of these rows of tasks, as they were read."""
    outcomes = []
    for begin in range(0, len(tasks), _AT_ONCE):
        some = tasks[begin : begin + _AT_ONCE]
        wishes = [wanted.of(task["area"], task["id"], task["attempt"]) for task in some]
        ends = [task["ended_at"] for task in some if task["ended_at"] is not None]
        outcomes += await ask(desk, wishes, max(ends, default=None))
    return outcomes


async def until(desk: Desk, ready: Callable[[], Awaitable[T | None]]) -> T | None:
    """The first answer that is not None; None when there is none in time."""
    end = asyncio.get_running_loop().time() + desk.wait_s
    while (answer := await ready()) is None:
        if asyncio.get_running_loop().time() > end:
            return None
        await asyncio.sleep(_ASK_AGAIN_S)
    return answer


def in_envelope(desk: Desk, event: Event, id: str) -> Envelope[Any]:
    """A fact that the gateway tells."""
    return Envelope(
        event,
        id=id,
        time=desk.clock(),
        source="/agents/gateway",
        subject=getattr(event, "task", "") or event.area,
    )
