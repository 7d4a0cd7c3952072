# SPDX-License-Identifier: Apache-2.0
"""What a task gives a person to look at: its pictures, what its steps said, how far
it is.

Pictures come from here and not from the store, so that whoever may see the task, and
nobody else, sees them, and a page needs to load nothing from another host.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response

from agents.gateway.answers import LogAnswer, ProgressAnswer
from agents.gateway.pulses import Pulses
from agents.gateway.reading import Model, Store
from agents.gateway.status import NOT_FOUND
from agents.worker.layers import attempt_of
from streams.errors import ObjectNotFound
from streams.model import PICTURES

router = APIRouter(tags=["status"])

_MEDIA = {"png": "image/png", "jpg": "image/jpeg"}

# Quick-looks have a megabyte; whatever is larger is meant for other readers.
_LARGEST = 20_000_000

_HEADERS = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    # Its bytes were made by somebody's graph: it is a picture, and nothing else.
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@router.get(
    "/tasks/{task:path}/picture",
    response_class=Response,
    responses={
        200: {"description": "PNG or JPEG", "content": {"image/png": {}}},
        204: {"description": "The task has no picture"},
        304: {"description": "It is the one that the client has"},
        **NOT_FOUND,
    },
)
async def picture(
    task: str,
    model: Model,
    store: Store,
    uri: Annotated[str, Query(description="Of one of its layers; default: any.")] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """A picture among the layers of a task: its quick-look, of the newest attempt."""
    wanted = {"task": task, "uri": uri, "extensions": sorted(PICTURES)}
    found = await model.fetch("task_pictures", wanted)
    if not found:
        return Response(status_code=204)
    newest = max(found, key=lambda row: attempt_of(row["uri"]))
    if newest["size_bytes"] > _LARGEST:
        raise HTTPException(404, f"{newest['uri']}: larger than {_LARGEST} bytes")
    headers = {**_HEADERS, "ETag": f'"{newest["sha256"]}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    content = await _content(store, newest["uri"])
    return Response(content, headers=headers, media_type=_MEDIA[newest["extension"]])


@router.get(
    "/tasks/{task:path}/attempts/{attempt}/log",
    response_model=LogAnswer,
    responses=NOT_FOUND,
)
async def log(
    task: str,
    attempt: int,
    model: Model,
    store: Store,
    tail: Annotated[
        int, Query(ge=1, le=10_000_000, description="The last so many bytes.")
    ] = 64_000,
) -> Any:
    """What the steps of an attempt said, the end of it."""
    rows = await model.fetch("attempt_log", (task, attempt))
    if not rows:
        raise HTTPException(404, f"task '{task}': attempt {attempt} kept no log")
    content = await _content(store, rows[0]["log"])
    end = content[-tail:]
    if len(end) < len(content):
        # From the beginning of a line, if there is one.
        end = end[end.find(b"\n") + 1 :]
    return {"size_bytes": len(content), "text": end.decode("utf-8", "replace")}


@router.get("/tasks/{task:path}/progress", response_model=ProgressAnswer | None)
async def progress(task: str, model: Model, request: Request) -> Any:
    """What the worker of a running attempt said last; null: nothing was heard."""
    rows = await model.fetch("find_task", (task,))
    if not rows or rows[0]["status"] != "pending":
        return None
    return told(request, task, rows[0]["attempt"])


def told(request: Request, task: str, attempt: int) -> dict[str, Any] | None:
    """What was heard last of an attempt."""
    pulses: Pulses = request.app.state.pulses
    heard = pulses.find(task, attempt)
    if heard is None:
        return None
    beat = heard.beat
    return {
        "attempt": beat.attempt,
        "worker": beat.worker,
        "step": beat.step,
        "done_bytes": beat.done_bytes,
        "total_bytes": beat.total_bytes,
        "at": heard.at,
    }


async def _content(store: Store, uri: str) -> bytes:
    try:
        return await store.content(uri)
    except ObjectNotFound as error:
        raise HTTPException(404, str(error)) from error
