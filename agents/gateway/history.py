# SPDX-License-Identifier: Apache-2.0
"""An area at any instant of its log: how it stood, what changed, what was told."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse

from agents.gateway.answers import Problem
from agents.gateway.answers_history import (
    FactAnswer,
    FactPage,
    HistoryAnswer,
    InstantAnswer,
    MovedPage,
    Reading,
)
from agents.gateway.packed import packed
from agents.gateway.pages import Limit
from agents.gateway.pasts import Past, Pasts
from streams.codec import message_type
from streams.history import History, Standing, Told
from streams.progress import area_status

router = APIRouter(tags=["history"])

# What is not read by then is told of; a client asks again.
_WAIT_S = 0.15

_MARKS = 120

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": Reading, "description": "The log is still being read; ask again"},
    404: {"model": Problem, "description": "The log has no fact of that area"},
}

Place = Annotated[
    int | None, Query(ge=0, description="So many facts of the area; default: all.")
]


@router.get("/areas/{name}/history", response_model=HistoryAnswer, responses=_ANSWERS)
async def history(name: str, request: Request) -> Any:
    """From when to when the area's log goes, and where in it how much happened."""
    past = await _past(name, request)
    if isinstance(past, Response):
        return past
    told = past.history.told
    return {
        "area": name,
        "facts": len(told),
        "begins_at": told[0].time,
        "ends_at": max(told[-1].time, told[0].time),
        "marks": _marks(told),
    }


@router.get(
    "/areas/{name}/history/at", response_model=InstantAnswer, responses=_ANSWERS
)
async def at(
    name: str,
    request: Request,
    place: Place = None,
    time: datetime | None = None,
    tasks: Annotated[bool, Query(description="False: of the area alone.")] = True,
    task: Annotated[str, Query(description="Of the tasks, this one alone.")] = "",
) -> Any:
    """How the area stood at a place of its log, or at an instant; and every task.

    Tasks are lists in the order of `columns`.
    """
    past = await _past(name, request, None if time else place)
    if isinstance(past, Response):
        return past
    place = _place(past.history, place, time)
    found = await asyncio.to_thread(_stood, past.history, place, tasks, task)
    return await packed(request, found)


@router.get(
    "/areas/{name}/history/changes", response_model=MovedPage, responses=_ANSWERS
)
async def changes(
    name: str,
    request: Request,
    since: Annotated[int, Query(ge=0, description="The earlier place.")],
    until: Place = None,
    limit: Limit = 200,
    skip: Annotated[int, Query(ge=0, description="Leave out so many.")] = 0,
) -> Any:
    """Tasks that do not stand alike at two places of the log."""
    past = await _past(name, request, None if until is None else max(since, until))
    if isinstance(past, Response):
        return past
    until = _place(past.history, until, None)
    return await asyncio.to_thread(_moved, past.history, since, until, skip, limit)


@router.get("/areas/{name}/facts", response_model=FactPage, responses=_ANSWERS)
async def facts(
    name: str,
    request: Request,
    type: Annotated[list[str] | None, Query(description="Of these types.")] = None,
    task: Annotated[str, Query(description="Of this task.")] = "",
    text: Annotated[str, Query(description="In task, message or reason.")] = "",
    before: Annotated[
        int | None, Query(description="Earlier than this place; default: the newest.")
    ] = None,
    limit: Limit = 100,
) -> Any:
    """The facts of an area in short, the newest first."""
    past = await _past(name, request, None if before is None else before - 1)
    if isinstance(past, Response):
        return past
    wanted = _Wanted(frozenset(type or ()), task, text.casefold())
    told = past.history.told
    end = len(told) if before is None else min(max(before - 1, 0), len(told))
    return await asyncio.to_thread(_page, told, end, wanted, limit)


@router.get(
    "/areas/{name}/facts/{place}", response_model=FactAnswer, responses=_ANSWERS
)
async def fact(name: str, place: int, request: Request) -> Any:
    """A fact, whole."""
    past = await _past(name, request, place)
    if isinstance(past, Response):
        return past
    told = past.history.told
    if not 0 < place <= len(told):
        raise HTTPException(404, f"area '{name}': no fact at place {place}")
    short = told[place - 1]
    found = await asyncio.to_thread(_pasts(request).fact, short.partition, short.offset)
    if found is None:
        raise HTTPException(404, f"area '{name}': the fact cannot be read any more")
    envelope = found.fact
    return {
        "place": place,
        "partition": found.partition,
        "offset": found.offset,
        "id": envelope.id,
        "time": envelope.time,
        "source": envelope.source,
        "type": message_type(envelope.message),
        "value": msgspec.to_builtins(envelope.message),
    }


def _pasts(request: Request) -> Pasts:
    pasts: Pasts = request.app.state.pasts
    return pasts


async def _past(
    name: str, request: Request, place: int | None = None
) -> Past | JSONResponse:
    """The area's history, at least to that place; or the answer that it is not read."""
    if place is not None and (known := _pasts(request).known(name, place)):
        return known
    past = await asyncio.to_thread(_pasts(request).of, name, _WAIT_S)
    if not past.is_abreast:
        answer = {"area": name, "read": past.read, "total": past.total}
        return JSONResponse(answer, 202, {"Retry-After": "1"})
    if not past.history.told:
        raise HTTPException(404, f"area '{name}': the log has no fact of it")
    return past


def _place(history: History, place: int | None, time: datetime | None) -> int:
    if time is not None:
        return history.place_at(time if time.tzinfo else time.replace(tzinfo=UTC))
    end = len(history.told)
    return end if place is None else min(place, end)


def _stood(history: History, place: int, tasks: bool, task: str) -> dict[str, Any]:
    area = history.area_at(place)
    return {
        "place": place,
        "at": history.told[place - 1].time if place else None,
        "state": area.state,
        "status": area_status(*area).value,
        "downloads": msgspec.to_builtins(area.downloads),
        "processes": msgspec.to_builtins(area.processes),
        "columns": ("id", "status", "attempt", "previous", "reference", "failure"),
        "tasks": [
            (name, s.status, s.attempt, s.previous, s.reference, s.failure)
            for name, s in _tasks(history, place, tasks, task)
        ],
    }


def _tasks(
    history: History, place: int, every: bool, task: str
) -> Iterable[tuple[str, Standing]]:
    if task:
        found = history.task_at(task, place)
        return [(task, found)] if found else []
    return history.tasks_at(place) if every else ()


def _moved(
    history: History, since: int, until: int, skip: int, limit: int
) -> dict[str, Any]:
    moved = list(history.moved(since, until))
    between = Counter(
        (m.before.status if m.before else "", m.after.status if m.after else "")
        for m in moved
    )
    shown = moved[skip : skip + limit]
    return {
        "since": since,
        "until": until,
        "total": len(moved),
        "moves": [
            {"before": before, "after": after, "tasks": tasks}
            for (before, after), tasks in between.most_common()
        ],
        "tasks": [
            {
                "task": m.task,
                "before": m.before._asdict() if m.before else None,
                "after": m.after._asdict() if m.after else None,
            }
            for m in shown
        ],
    }


class _Wanted:
    """Which facts are wanted."""

    def __init__(self, types: frozenset[str], task: str, text: str) -> None:
        self._types, self._task, self._text = types, task, text

    def __call__(self, told: Told) -> bool:
        if self._types and told.type not in self._types:
            return False
        if self._task and told.task != self._task:
            return False
        if not self._text:
            return True
        return self._text in told.task.casefold() or self._text in told.brief.casefold()


def _page(
    told: Sequence[Told], end: int, wanted: _Wanted, limit: int
) -> dict[str, Any]:
    found: list[Told] = []
    for place in range(end, 0, -1):
        if wanted(told[place - 1]):
            if len(found) == limit:
                return {"facts": _facts(found), "next": found[-1].place}
            found.append(told[place - 1])
    return {"facts": _facts(found), "next": None}


def _facts(told: Sequence[Told]) -> list[dict[str, Any]]:
    return [one._asdict() for one in told]


def _marks(told: Sequence[Told]) -> list[dict[str, Any]]:
    """The log in parts of equally many facts: how long each took, what failed."""
    step = max(len(told) // _MARKS, 1)
    marks = []
    for begin in range(0, len(told), step):
        part = told[begin : begin + step]
        took = max(part[-1].time - part[0].time, timedelta(0))
        marks.append(
            {
                "place": begin + len(part),
                "at": part[-1].time,
                "took_s": took.total_seconds(),
                "facts": len(part),
                "failed": sum(
                    one.type.endswith(("-failed", "-expired")) for one in part
                ),
                "done": sum(one.type.endswith("-done") for one in part),
                "asked": sum(one.type in _ASKED for one in part),
            }
        )
    return marks


_ASKED = frozenset(
    {
        "task-retry-asked",
        "task-fail-asked",
        "task-force-asked",
        "task-reopen-asked",
        "area-paused",
        "area-resumed",
        "area-cancelled",
        "area-limited",
    }
)
