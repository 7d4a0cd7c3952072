# SPDX-License-Identifier: Apache-2.0
"""`/scene` and `/tile`: tasks by number, as the Go ingester serves them."""

import json
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from agents.gateway.asking import NOT_PROJECTED, TaskWord, Wanted, ask
from agents.gateway.gate import Operator
from agents.gateway.reading import Desk, Model, Writing
from agents.gateway.reference.answers import (
    Bytes,
    Json,
    StoredScene,
    StoredTile,
    answers,
)
from agents.gateway.reference.reading import (
    stored_tasks,
    task_by_number,
    tiles_json,
)
from agents.gateway.reference.shapes import (
    Stored,
    scene_data,
    stored_scene_json,
    tile_data,
)
from agents.gateway.tokens import Identity
from streams.model import Kind, Status

router = APIRouter(tags=["reference: scenes and tiles"], default_response_class=Json)

_DONE = answers(None, 400, 403)
_EDITED: dict[str, Any] = {"status_code": 204, "response_model": None}
_JSON_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.get(
    "/scene/{id}", response_model=None, responses=answers(StoredScene, 400, 404)
)
async def read_scene(id: str, model: Model) -> Response:
    """A scene."""
    return Json(stored_scene_json(await _found(model, id, Kind.DOWNLOAD)))


@router.get(
    "/scene/{id}/tiles", response_model=None, responses=answers(list[StoredTile], 400)
)
async def read_tiles_of_scene(id: str, model: Model) -> Response:
    """The tiles of a scene, without it; none when it is unknown."""
    scene = await task_by_number(model, id, Kind.DOWNLOAD)
    if scene is None:
        return Json([])
    tiles = await stored_tasks(model, scene.download.processes)
    return Json(await tiles_json(model, tiles, loaded=False))


@router.get("/tile/{id}", response_model=None, responses=answers(StoredTile, 400, 404))
async def read_tile(id: str, model: Model) -> Response:
    """A tile, with its scene."""
    tile = await _found(model, id, Kind.PROCESS)
    return Json((await tiles_json(model, [tile], loaded=True))[0])


@router.put("/scene/{id}/retry", response_model=None, responses=_DONE)
async def retry_scene(id: str, who: Operator, desk: Writing) -> Response:
    """Try a scene in RETRY again."""
    return await _ask(desk, id, Kind.DOWNLOAD, _wanted(TaskWord.RETRY, who))


@router.put("/tile/{id}/retry", response_model=None, responses=_DONE)
async def retry_tile(id: str, who: Operator, desk: Writing) -> Response:
    """Try a tile in RETRY again."""
    return await _ask(desk, id, Kind.PROCESS, _wanted(TaskWord.RETRY, who))


@router.put("/scene/{id}/fail", response_model=None, responses=_DONE)
async def fail_scene(id: str, who: Operator, desk: Writing) -> Response:
    """Give up a scene that is PENDING or in RETRY."""
    return await _ask(desk, id, Kind.DOWNLOAD, _wanted(TaskWord.FAIL, who))


@router.put("/tile/{id}/fail", response_model=None, responses=_DONE)
async def fail_tile(id: str, who: Operator, desk: Writing) -> Response:
    """Give up a tile that is PENDING or in RETRY."""
    return await _ask(desk, id, Kind.PROCESS, _wanted(TaskWord.FAIL, who))


@router.put("/scene/{id}/force/{status}", response_model=None, responses=_DONE)
async def force_scene(id: str, status: str, who: Operator, desk: Writing) -> Response:
    """Force a scene to PENDING, DONE or FAILED, in any case of letters."""
    return await _ask(desk, id, Kind.DOWNLOAD, _forced(status, who))


@router.put("/tile/{id}/force/{status}", response_model=None, responses=_DONE)
async def force_tile(id: str, status: str, who: Operator, desk: Writing) -> Response:
    """Force a tile to PENDING, DONE or FAILED, in any case of letters."""
    return await _ask(desk, id, Kind.PROCESS, _forced(status, who))


@router.put(
    "/scene/{id}/data",
    responses=answers(None, 400, 404, 409),
    openapi_extra=_JSON_BODY,
    **_EDITED,
)
async def edit_scene(id: str, body: Bytes, who: Operator, model: Model) -> Response:
    """Refused, unless it is what stands there: facts are never edited."""
    scene = await _found(model, id, Kind.DOWNLOAD)
    return _edit(body, scene_data(scene), "scene")


@router.put(
    "/tile/{id}/data",
    responses=answers(None, 400, 404, 409),
    openapi_extra=_JSON_BODY,
    **_EDITED,
)
async def edit_tile(id: str, body: Bytes, who: Operator, model: Model) -> Response:
    """Refused, unless it is what stands there: facts are never edited."""
    tile = await _found(model, id, Kind.PROCESS)
    return _edit(body, tile_data(tile), "tile")


async def _found(model: Model, number: str, kind: Kind) -> Stored:
    found = await task_by_number(model, number, kind)
    if found is None:
        name = "scene" if kind is Kind.DOWNLOAD else "tile"
        raise HTTPException(404, f"{name} {number}: there is none of that id")
    return found


def _wanted(word: TaskWord, who: Identity) -> Wanted:
    return Wanted(word, who.name, "")


def _forced(status: str, who: Identity) -> Wanted:
    try:
        wanted = Status(status.lower())
    except ValueError as error:
        words = ", ".join(status.upper() for status in Status)
        raise HTTPException(400, f"status '{status}': expected {words}") from error
    return Wanted(TaskWord.FORCE, who.name, "", wanted)


async def _ask(desk: Desk, number: str, kind: Kind, wanted: Wanted) -> Response:
    found = await task_by_number(desk.model, number, kind)
    if found is None:
        raise HTTPException(403, f"id {number}: there is none")
    row = found.row
    wish = wanted.of(row.area, row.task, row.course.attempt)
    (outcome,) = await ask(desk, [wish], row.course.ended_at)
    if outcome.refusal is None:
        raise HTTPException(503, NOT_PROJECTED)
    if outcome.refusal:
        raise HTTPException(403, f"{row.task}: {outcome.refusal}")
    return Response(status_code=200)


def _edit(body: bytes, there: dict[str, Any], name: str) -> Response:
    try:
        wanted = json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"data: not JSON: {error}") from error
    if wanted != there:
        raise HTTPException(
            409,
            f"the data of a {name} is a fact and is not edited: publish a request that "
            "says it rightly, under another area name",
        )
    return Response(status_code=204)
