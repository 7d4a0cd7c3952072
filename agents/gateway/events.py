# SPDX-License-Identifier: Apache-2.0
"""How an area goes on, as server-sent events."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import StreamingResponse

from agents.gateway.answers import AreaSummary, Problem
from agents.gateway.behind import Behind
from agents.gateway.reading import Model, ReadModel
from agents.gateway.status import NOT_FOUND, summary
from agents.gateway.watch import Watch
from agents.logs import logger
from streams.errors import ReadModelError

_LOG = logger("gateway")

router = APIRouter(tags=["status"])

# Less than the minute after which proxies give up a silent connection.
_SIGN_OF_LIFE_S = 15.0

# Somebody looks at the page, and wants to know soon that it is not up to date.
_STILL_THERE_S = 5.0

# A projector that stopped moves nothing: that is to be seen without a move.
_LOOK_EVERY_S = 1.0

_CHANGES = ("status", "state", "downloads", "processes", "failures", "refusals")


@router.get(
    "/areas/{name}/events",
    response_model=None,
    responses={
        200: {
            "description": "Events `progress`, each with an `AreaSummary` as data",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        503: {"model": Problem, "description": "Too many follow already"},
        **NOT_FOUND,
    },
)
async def follow(
    name: str,
    request: Request,
    model: Model,
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """Follow an area: a snapshot now and whenever it changed, and signs of life.

    `Last-Event-ID` says which snapshot a client has: it is not sent again.
    """
    watch: Watch = request.app.state.watch
    if watch.full:
        raise HTTPException(
            503, "too many follow areas already; ask again later", {"Retry-After": "10"}
        )
    if await summary(model, name) is None:
        raise HTTPException(404, f"area '{name}': nothing was ever accepted for it")
    return StreamingResponse(
        _events(name, watch, model, last_event_id),
        media_type="text/event-stream",
        # Proxies must hand it on as it comes.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get(
    "/events",
    response_model=None,
    responses={
        200: {
            "description": "Events `moved`: the read model has changed; `still`: not",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        503: {"model": Problem, "description": "Too many follow already"},
    },
)
async def follow_all(request: Request) -> StreamingResponse:
    """Be told whenever the read model moves on: what is shown is to be asked again.

    Data of each event: `behind`, how many facts of the log are late to be in the read
    model; null while Kafka does not answer.
    """
    watch: Watch = request.app.state.watch
    if watch.full:
        raise HTTPException(
            503, "too many follow areas already; ask again later", {"Retry-After": "10"}
        )
    return StreamingResponse(
        _moves(watch, request.app.state.behind),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _moves(watch: Watch, behind: Behind) -> AsyncIterator[bytes]:
    async with watch.joined():
        yield b"retry: 2000\n\n"
        moved, since = True, watch.moves
        said, next_sign = behind.known(), time.monotonic()
        while not watch.closed:
            late = behind.known()
            if moved or late != said or time.monotonic() >= next_sign:
                said, next_sign = late, time.monotonic() + _STILL_THERE_S
                word, data = "moved" if moved else "still", {"behind": late}
                yield f"event: {word}\ndata: {json.dumps(data)}\n\n".encode()
            moved = await watch.moved(since, _LOOK_EVERY_S)
            since = watch.moves


async def _events(
    name: str, watch: Watch, model: ReadModel, known: str
) -> AsyncIterator[bytes]:
    async with watch.joined():
        yield b"retry: 2000\n\n"
        moved = True
        while not watch.closed:
            # Before reading: what moves meanwhile is read again.
            since = watch.moves
            if not moved:
                yield b": still there\n\n"
            else:
                try:
                    found = await watch.shared(name, lambda: summary(model, name))
                except ReadModelError as error:
                    # The client comes back, and says what it knows.
                    _LOG.warning(str(error), action="read_model_away")
                    return
                if found is not None and (id := _digest(found)) != known:
                    known = id
                    yield _event(id, found)
            moved = await watch.moved(since, _SIGN_OF_LIFE_S)


def _event(id: str, found: dict[str, Any]) -> bytes:
    data = AreaSummary.model_validate(found).model_dump_json()
    return f"id: {id}\nevent: progress\ndata: {data}\n\n".encode()


def _digest(found: dict[str, Any]) -> str:
    """The same while nothing happens: rates and estimates change by themselves."""
    changes = {name: found.get(name) for name in _CHANGES}
    changes["running"] = found["progress"]["running"]
    return hashlib.sha256(msgspec.json.encode(changes)).hexdigest()[:16]
