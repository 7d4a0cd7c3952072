# SPDX-License-Identifier: Apache-2.0
"""What is read of areas under `/aoi`: lists, the text summary, the graph."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from agents.gateway.reading import Model, Writing
from agents.gateway.reference import texts
from agents.gateway.reference.answers import (
    AOI,
    Json,
    StoredScene,
    StoredTile,
    TileJson,
    answers,
)
from agents.gateway.reference.links import leaves, roots
from agents.gateway.reference.reading import (
    areas_like,
    download_of,
    is_pattern,
    links_of_area,
    scenes_json,
    stored_tasks,
    tasks_of,
    tiles_json,
)
from agents.gateway.reference.shapes import (
    area_json,
    stored_scene_json,
    tile_json,
)
from streams.chains import Links
from streams.model import Kind, Status, Tally

router = APIRouter(tags=["reference: areas"], default_response_class=Json)


@router.get("/aoi/", response_model=None, responses=answers(list[AOI]))
async def list_areas(model: Model) -> Response:
    """All areas that were not deleted, in order of name."""
    return Json([area_json(row) for row in await areas_like(model, "*")])


@router.get(
    "/aoi/{aoi}",
    response_model=None,
    responses={
        200: {
            "description": "The summary of one area; the list, for a pattern",
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/json": {
                    "schema": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/AOI"},
                    }
                },
            },
        }
    },
)
async def read_area(aoi: str, model: Model, desk: Writing) -> Response:
    """The text summary of an area, zeros when it is unknown; a pattern gives a list."""
    rows = await areas_like(model, aoi)
    if is_pattern(aoi):
        return Json([area_json(row) for row in rows])
    if not rows:
        return PlainTextResponse(
            texts.summary(Tally(), Tally(), 0, desk.clock().date(), date.min)
        )
    nodes = await model.fetch("reference_nodes", (aoi,))
    tiles, linked = await links_of_area(model, aoi, nodes)
    begins = [tile.date.date() for tile in roots(tiles, linked)]
    ends = [tile.date.date() for tile in leaves(tiles, linked)]
    return PlainTextResponse(
        texts.summary(
            Tally(**rows[0]["downloads"]),
            Tally(**rows[0]["processes"]),
            len(begins),
            min(begins, default=desk.clock().date()),
            max(ends, default=date.min),
        )
    )


@router.get(
    "/aoi/{aoi}/scenes", response_model=None, responses=answers(list[StoredScene])
)
async def list_scenes(aoi: str, model: Model, request: Request) -> Response:
    """Scenes of an area or of a pattern of areas; `page` and `limit`."""
    found = await tasks_of(model, aoi, Kind.DOWNLOAD, None, request)
    return Json([stored_scene_json(scene) for scene in found])


@router.get(
    "/aoi/{aoi}/scenes/{status}",
    response_model=None,
    responses=answers(list[StoredScene]),
)
async def list_scenes_of_status(
    aoi: str, status: str, model: Model, request: Request
) -> Response:
    """The same, of one status in upper case; any other word: none."""
    wanted = _status(status)
    if wanted is None:
        return Json([])
    found = await tasks_of(model, aoi, Kind.DOWNLOAD, wanted, request)
    return Json([stored_scene_json(scene) for scene in found])


@router.get(
    "/aoi/{aoi}/tiles/{status}",
    response_model=None,
    responses=answers(list[StoredTile]),
)
async def list_tiles_of_status(
    aoi: str, status: str, model: Model, request: Request
) -> Response:
    """Tiles of one status; of their scenes only who they are."""
    wanted = _status(status)
    if wanted is None:
        return Json([])
    found = await tasks_of(model, aoi, Kind.PROCESS, wanted, request)
    return Json(await tiles_json(model, found, loaded=False))


@router.get(
    "/aoi/{aoi}/roottiles", response_model=None, responses=answers(list[TileJson])
)
async def list_roots(aoi: str, model: Model) -> Response:
    """Tiles that begin a chain, with their scenes."""
    return Json(await _ends_of_chains(model, aoi, roots))


@router.get(
    "/aoi/{aoi}/leaftiles", response_model=None, responses=answers(list[TileJson])
)
async def list_leaves(aoi: str, model: Model) -> Response:
    """Tiles that end a chain, with their scenes."""
    return Json(await _ends_of_chains(model, aoi, leaves))


async def _ends_of_chains(model: Model, aoi: str, ends: Any) -> list[dict[str, Any]]:
    if not await areas_like(model, aoi):
        return []
    nodes = await model.fetch("reference_nodes", (aoi,))
    tiles, linked = await links_of_area(model, aoi, nodes)
    found = await stored_tasks(model, [tile.task for tile in ends(tiles, linked)])
    scenes = await scenes_json(model, {tile.process.download for tile in found})
    return [tile_json(tile, scenes[tile.process.download]) for tile in found]


@router.get(
    "/aoi/{aoi}/dot",
    response_model=None,
    responses={200: {"content": {"text/vnd.graphviz": {"schema": {"type": "string"}}}}},
)
async def draw(aoi: str, model: Model) -> Response:
    """The graph of an area's tasks, as DOT."""
    nodes: Sequence[Mapping[str, Any]] = []
    linked: dict[str, Links] = {}
    if await areas_like(model, aoi):
        nodes = await model.fetch("reference_nodes", (aoi,))
        _, linked = await links_of_area(model, aoi, nodes)
    scenes = [
        texts.Node(node["number"], node["id"], node["scene"], Status(node["status"]))
        for node in nodes
        if node["kind"] == Kind.DOWNLOAD.value
    ]
    tiles = [
        texts.Node(
            node["number"],
            node["id"],
            node["tile"],
            Status(node["status"]),
            download_of(aoi, node),
        )
        for node in nodes
        if node["kind"] == Kind.PROCESS.value
    ]
    graph = "".join(texts.dot(aoi, scenes, tiles, linked))
    return Response(graph, media_type="text/vnd.graphviz")


def _status(word: str) -> Status | None:
    found = (status for status in Status if status.upper() == word)
    return next(found, None)
