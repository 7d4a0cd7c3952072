# SPDX-License-Identifier: Apache-2.0
"""What operators want of areas and tasks, and whether it was granted."""

from enum import StrEnum
from typing import Any, assert_never

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.gateway.answers import BulkAnswer, Problem, Refused, WishAnswer
from agents.gateway.asking import Outcome, TaskWord, Wanted, ask, ask_of_tasks
from agents.gateway.gate import Operator, check_role
from agents.gateway.patterns import like
from agents.gateway.reading import ReadModel, Writing
from agents.gateway.tokens import Identity, Role
from streams import transitions
from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    AreaResumed,
    AreaWish,
)
from streams.failures import Failure
from streams.model import MAX_PRIORITY, MOST_ORDERED, Kind, Status
from streams.moves import SCENE_FAILED
from streams.texts import refuse_nul

router = APIRouter(tags=["wishes"])

_WISHES = {
    TaskWord.RETRY: transitions.Wish.RETRY,
    TaskWord.FAIL: transitions.Wish.FAIL,
    TaskWord.REOPEN: transitions.Wish.REOPEN,
}

# One request writes so many facts at most; a client repeats it for the rest.
_AT_ONCE = 5000

# Of the database's integers.
_LARGEST = 2**31 - 1

_OUTCOMES: dict[int | str, dict[str, Any]] = {
    202: {"model": WishAnswer, "description": "Written, and not projected in time"},
    404: {"model": Problem, "description": "There is no such task or area"},
    409: {"model": WishAnswer, "description": "Refused, and why"},
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: str = Field("", max_length=1000, description="Kept in the log for ever.")

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        return refuse_nul(value)


class TaskWishBody(_Body):
    """A wish about one task."""

    wish: TaskWord
    status: Status | None = Field(None, description="Of `force`: the status wanted.")
    follow: bool = Field(
        False, description="Of `reopen`: later tiles of its chain are done again."
    )
    attempt: int | None = Field(
        None,
        ge=0,
        le=_LARGEST,
        description="The task's attempt as you saw it; by default the newest.",
    )

    @model_validator(mode="after")
    def _says_what_to_force(self) -> "TaskWishBody":
        if self.wish is TaskWord.FORCE and self.status is None:
            raise ValueError("status: expected with the wish 'force'")
        return self

    def wanted(self, by: str) -> Wanted:
        """The wish of this client."""
        return Wanted(self.wish, by, self.why, self.status, self.follow)


class BulkWishBody(TaskWishBody):
    """A wish about every task of an area that meets the filters."""

    attempt: None = Field(None, description="Of single tasks only.")
    status: Status | None = Field(
        None,
        description="Of `force`: the status wanted. Else: as `standing`.",
    )
    standing: Status | None = Field(None, description="Only tasks that stand so.")
    kind: Kind | None = None
    cause: Failure | None = Field(None, description="Class of the last failure.")
    pattern: str = Field("", description="Of scene or task id, with `*` and `?`.")
    text: str = Field("", description="In id or message, in any case.")
    preview: bool = Field(False, description="Only count; ask nothing.")
    limit: int = Field(
        _AT_ONCE, ge=1, le=_AT_ONCE, description="Ask it of so many at most."
    )


class AreaWord(StrEnum):
    """What can be wanted of an area."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    LIMIT = "limit"


class LimitsBody(BaseModel):
    """Most tasks of a kind ordered at once; 0: no limit."""

    model_config = ConfigDict(extra="forbid")

    downloads: int = Field(ge=0, le=MOST_ORDERED)
    processes: int = Field(ge=0, le=MOST_ORDERED)


class AreaWishBody(_Body):
    """A wish about an area."""

    wish: AreaWord
    limits: LimitsBody | None = Field(None, description="Of `limit`.")
    priority: int = Field(0, ge=-MAX_PRIORITY, le=MAX_PRIORITY)

    @model_validator(mode="after")
    def _says_how_many(self) -> "AreaWishBody":
        if self.wish is AreaWord.LIMIT and self.limits is None:
            raise ValueError("limits: expected with the wish 'limit'")
        return self


@router.post(
    "/tasks/{task:path}/wishes", response_model=WishAnswer, responses=_OUTCOMES
)
async def ask_of_task(
    task: str, body: TaskWishBody, who: Operator, desk: Writing
) -> JSONResponse:
    """Retry, give up, reopen or force one task."""
    rows = await desk.model.fetch("find_task", (task,))
    if not rows:
        raise HTTPException(404, f"task '{task}': there is none of that id")
    attempt = rows[0]["attempt"] if body.attempt is None else body.attempt
    wish = body.wanted(who.name).of(rows[0]["area"], task, attempt)
    return _answered((await ask(desk, [wish], rows[0]["ended_at"]))[0])


@router.post("/areas/{area}/wishes", response_model=WishAnswer, responses=_OUTCOMES)
async def ask_of_area(
    area: str, body: AreaWishBody, who: Operator, desk: Writing
) -> JSONResponse:
    """Pause, resume, limit an area; cancel it, which is final (administrators)."""
    if body.wish is AreaWord.CANCEL:
        check_role(who, Role.ADMINISTER)
    await _check_area(desk.model, area)
    return _answered((await ask(desk, [_area_wish(area, body, who)]))[0])


@router.post(
    "/areas/{area}/tasks/wishes",
    responses={
        202: {"model": BulkAnswer, "description": "Written, not all projected in time"},
        404: _OUTCOMES[404],
    },
)
async def ask_of_tasks_of_area(
    area: str, body: BulkWishBody, who: Operator, desk: Writing, response: Response
) -> BulkAnswer:
    """The same wish about many tasks: those that it can be granted for, filtered.

    Scenes come before tiles. What changes in between is refused one by one.
    """
    await _check_area(desk.model, area)
    filters = _filters(area, body)
    found = await desk.model.fetch("count_tasks", filters)
    page = filters | {"after": "", "limit": body.limit}
    tasks = await desk.model.fetch("page_tasks", page)
    asked = _without_followers(tasks) if body.wish is TaskWord.REOPEN else tasks
    matched = found[0]["total"] - (len(tasks) - len(asked))
    if body.preview:
        return BulkAnswer(matched=matched, granted=0, refused=[])
    # DOWNLOAD before PROCESS: a tile may need its scene.
    asked = sorted(asked, key=lambda task: str(task["kind"]))
    outcomes = await ask_of_tasks(desk, body.wanted(who.name), asked)
    unknown = sum(outcome.refusal is None for outcome in outcomes)
    response.status_code = 202 if unknown else 200
    return BulkAnswer(
        matched=matched,
        granted=sum(outcome.refusal == "" for outcome in outcomes),
        refused=[
            Refused(task=outcome.task, reason=outcome.refusal)
            for outcome in outcomes
            if outcome.refusal
        ],
        unknown=unknown,
    )


async def _check_area(model: ReadModel, area: str) -> None:
    if not await model.fetch("find_area", (area,)):
        raise HTTPException(404, f"area '{area}': nothing was ever accepted for it")


def _area_wish(area: str, body: AreaWishBody, who: Identity) -> AreaWish:
    match body.wish:
        case AreaWord.PAUSE:
            return AreaPaused(area, who.name, body.why)
        case AreaWord.RESUME:
            return AreaResumed(area, who.name, body.why)
        case AreaWord.CANCEL:
            return AreaCancelled(area, who.name, body.why)
        case AreaWord.LIMIT:
            assert body.limits is not None
            numbers = (body.limits.downloads, body.limits.processes, body.priority)
            return AreaLimited(area, *numbers, who.name, body.why)
        case _:
            assert_never(body.wish)


def _filters(area: str, body: BulkWishBody) -> dict[str, Any]:
    """Of the tasks that the wish can be granted for, those that are meant."""
    wish = _WISHES.get(body.wish) or transitions.FORCED.get(body.status or Status.NEW)
    if wish is None:
        expected = ", ".join(sorted(transitions.FORCED))
        raise HTTPException(422, f"status: cannot be forced; expected {expected}")
    statuses = transitions.ALLOWED[wish]
    of_others = None if body.wish is TaskWord.FORCE else body.status
    for status in (body.standing, of_others):
        if status is not None:
            statuses &= {status}
    return {
        "area": area,
        # Nothing in common: a status that no task has.
        "statuses": [status.value for status in statuses] or ["none"],
        "kind": body.kind.value if body.kind else "",
        "cause": body.cause.value if body.cause else "",
        "like": like(body.pattern),
        "text": body.text,
    }


def _without_followers(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without tiles that failed only as their scene did: they come back with it."""
    scenes = {task["id"] for task in tasks if task["kind"] == Kind.DOWNLOAD.value}
    return [
        task
        for task in tasks
        if task["message"] != SCENE_FAILED
        or task["id"].rpartition("/")[0] not in scenes
    ]


def _answered(outcome: Outcome) -> JSONResponse:
    answer = WishAnswer(id=outcome.id, granted=None)
    if outcome.refusal is None:
        return JSONResponse(answer.model_dump(), 202)
    answer = WishAnswer(
        id=outcome.id, granted=not outcome.refusal, reason=outcome.refusal
    )
    return JSONResponse(answer.model_dump(), 409 if outcome.refusal else 200)
