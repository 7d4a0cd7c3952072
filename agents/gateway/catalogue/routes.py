# SPDX-License-Identifier: Apache-2.0
"""Routes of the catalogue: the Go ingester's three, a plan, and inventories that last.

An inventory is taken by the catalogue, not by the gateway. An answer waits for it a
while; one that takes longer is fetched later, under its id.
"""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse

from agents.gateway.answers import Problem
from agents.gateway.catalogue.answers import (
    IngestionAnswer,
    InventoryAnswer,
    ScenesDocument,
    Spelling,
)
from agents.gateway.catalogue.asking import (
    Asking,
    Catalogue,
    ingest,
    read_asked,
    take_inventory,
    waits_s,
)
from agents.gateway.gate import Operator
from agents.gateway.reading import Desk, Writing
from streams.document import encoded
from streams.model import InventoryState, Stage
from streams.orders import InventoryProgress
from streams.spelling import as_in_2022

router = APIRouter(tags=["catalogue"])

_GEOJSON = "application/geo+json"

_Spelled = Annotated[
    Spelling, Query(description="Of the members: as now, or as they were in 2022.")
]

_FORM: dict[str, Any] = {
    "requestBody": {
        "content": {
            kind: {
                "schema": {
                    "type": "object",
                    "properties": {
                        name: {"type": shape} for name in ("area", "scenes", "tiles")
                    },
                    "required": ["area"],
                }
            }
            for kind, shape in (
                ("multipart/form-data", "string"),
                ("application/x-www-form-urlencoded", "string"),
                ("application/json", "object"),
            )
        }
    }
}

_WRONG: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "What is wrong, with JSON paths"}
}

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The scenes",
        "content": {
            _GEOJSON: {"schema": {"$ref": "#/components/schemas/ScenesDocument"}}
        },
    },
    202: {"model": InventoryAnswer, "description": "Not ready yet; see `Location`"},
    **_WRONG,
    503: {"model": Problem, "description": "Something did not answer; ask again"},
}

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No inventory of that id"}
}


@router.get(
    "/catalog/scenes",
    response_model=ScenesDocument,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def find_scenes(
    request: Request,
    desk: Writing,
    catalogue: Asking,
    spelling: _Spelled = Spelling.NOW,
) -> Response:
    """The scenes of an area, by a search; `page` and `limit`."""
    return await _shown(Stage.SCENES, request, desk, catalogue, spelling)


@router.post(
    "/catalog/scenes",
    response_model=ScenesDocument,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def list_scenes_of_area(
    request: Request,
    who: Operator,
    desk: Writing,
    catalogue: Asking,
    spelling: _Spelled = Spelling.NOW,
) -> Response:
    """The same."""
    return await _shown(Stage.SCENES, request, desk, catalogue, spelling)


@router.get(
    "/catalog/tiles",
    response_model=ScenesDocument,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def find_tiles(
    request: Request,
    desk: Writing,
    catalogue: Asking,
    spelling: _Spelled = Spelling.NOW,
) -> Response:
    """The scenes posted as `scenes`, with their tiles and what these are linked to."""
    return await _shown(Stage.TILES, request, desk, catalogue, spelling, "scenes")


@router.post(
    "/catalog/tiles",
    response_model=ScenesDocument,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def list_tiles_of_scenes(
    request: Request,
    who: Operator,
    desk: Writing,
    catalogue: Asking,
    spelling: _Spelled = Spelling.NOW,
) -> Response:
    """The same."""
    return await _shown(Stage.TILES, request, desk, catalogue, spelling, "scenes")


@router.post(
    "/catalog/plan",
    response_model=ScenesDocument,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def plan(
    request: Request, who: Operator, desk: Writing, catalogue: Asking
) -> Response:
    """All that an ingestion would lead to, as the member `plan` tells it.

    With `scenes` or `tiles`, of these instead of a search. Nothing is ingested.
    """
    return await _shown(Stage.PLAN, request, desk, catalogue, Spelling.NOW)


@router.post(
    "/catalog/aoi",
    status_code=202,
    response_model=IngestionAnswer,
    responses=_WRONG,
    openapi_extra=_FORM,
)
async def ingest_area(
    request: Request, who: Operator, desk: Writing, catalogue: Asking
) -> JSONResponse:
    """Ingest an area: what a search finds, or the `scenes` or `tiles` that are posted.

    With an `Idempotency-Key`, the same key is the same ingestion.
    """
    asked = await read_asked(request, who.name, catalogue)
    check = await take_inventory(desk, catalogue, asked, Stage.CHECK)
    found = await catalogue.board.ended(check, desk.wait_s)
    # Without an answer in time it is asked all the same: the log tells the outcome.
    if found is not None and found.state is InventoryState.REFUSED:
        raise HTTPException(400, list(found.problems))
    await ingest(desk, asked)
    area = asked.request.name
    answer = IngestionAnswer(area=area, request=asked.request.request)
    headers = {"Location": f"/areas/{area}"}
    return JSONResponse(answer.model_dump(), 202, headers)


@router.get(
    "/catalog/inventories/{inventory}",
    response_model=InventoryAnswer,
    responses=_UNKNOWN,
)
async def read_inventory(inventory: str, catalogue: Asking) -> InventoryAnswer:
    """How far an inventory is."""
    return _answer(_known(inventory, catalogue))


@router.get(
    "/catalog/inventories/{inventory}/document",
    response_model=ScenesDocument,
    responses=_ANSWERS | _UNKNOWN,
)
async def read_document_of_inventory(
    inventory: str,
    request: Request,
    catalogue: Asking,
    spelling: _Spelled = Spelling.NOW,
) -> Response:
    """What an inventory found, once it is done; until then how far it is."""
    _known(inventory, catalogue)
    found = await catalogue.board.ended(
        inventory, waits_s(request, 0.0, catalogue.wait_s)
    )
    return await _outcome(inventory, found, catalogue, spelling)


async def _shown(
    stage: Stage,
    request: Request,
    desk: Desk,
    catalogue: Catalogue,
    spelling: Spelling,
    *needs: str,
) -> Response:
    identity = request.state.identity
    asked = await read_asked(request, identity.name, catalogue, *needs)
    inventory = await take_inventory(desk, catalogue, asked, stage)
    wait_s = waits_s(request, catalogue.wait_s, catalogue.wait_s)
    found = await catalogue.board.ended(inventory, wait_s)
    return await _outcome(inventory, found, catalogue, spelling)


async def _outcome(
    inventory: str,
    found: InventoryProgress | None,
    catalogue: Catalogue,
    spelling: Spelling,
) -> Response:
    found = found or InventoryProgress(inventory, InventoryState.WAITING)
    match found.state:
        case InventoryState.DONE:
            text = await asyncio.to_thread(catalogue.documents.read, found.document)
            if spelling is Spelling.IN_2022:
                text = encoded(as_in_2022(json.loads(text)))
            return Response(text + b"\n", media_type=_GEOJSON)
        case InventoryState.REFUSED:
            raise HTTPException(400, list(found.problems))
        case InventoryState.FAILED:
            raise HTTPException(503, list(found.problems))
        case _:
            headers = {
                "Location": f"/catalog/inventories/{inventory}",
                "Retry-After": "1",
            }
            answer = _answer(found).model_dump(mode="json")
            return JSONResponse(answer, 202, headers)


def _known(inventory: str, catalogue: Catalogue) -> InventoryProgress:
    found = catalogue.board.find(inventory)
    if found is None:
        raise HTTPException(404, f"inventory '{inventory}': there is none of that id")
    return found


def _answer(found: InventoryProgress) -> InventoryAnswer:
    done = found.state is InventoryState.DONE and found.document
    return InventoryAnswer(
        inventory=found.inventory,
        state=found.state,
        step=found.step,
        done=found.done,
        total=found.total,
        scenes=found.scenes,
        tiles=found.tiles,
        problems=list(found.problems),
        document=f"/catalog/inventories/{found.inventory}/document" if done else None,
    )
