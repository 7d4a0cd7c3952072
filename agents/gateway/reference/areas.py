# SPDX-License-Identifier: Apache-2.0
"""`/aoi`: areas as the Go ingester serves them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from agents.gateway.asking import TaskWord, Wanted, ask, ask_of_tasks, until
from agents.gateway.gate import Administrator, Operator
from agents.gateway.reading import Desk, Model, Writing
from agents.gateway.reference import texts
from agents.gateway.reference.answers import (
    AOI,
    Bytes,
    Created,
    Json,
    Retried,
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
from agents.gateway.reference.scene import (
    AREA_NAME,
    area_facts,
    cells,
    ingestion_of,
    read_scene,
    scene_facts,
)
from agents.gateway.reference.shapes import (
    area_json,
    stored_scene_json,
    tile_json,
)
from streams.chains import Links
from streams.events import AreaCancelled
from streams.model import Kind, Status, Tally, download_task
from streams.table import ProcessRow

router = APIRouter(tags=["reference: areas"], default_response_class=Json)

_EXISTS = "X-Ingester-Exists"


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


@router.post(
    "/aoi/{aoi}",
    status_code=204,
    response_model=None,
    responses=answers(None, 400, 409),
)
async def create_area(aoi: str, who: Operator, desk: Writing) -> Response:
    """Create an empty area."""
    if not AREA_NAME.fullmatch(aoi):
        raise HTTPException(
            400, f"area '{aoi}': expected letters, digits, '-', ':' and '_' only"
        )
    rows = await desk.model.fetch("find_area", (aoi,))
    if rows:
        deleted = rows[0]["state"] == "cancelled"
        more = ", and was cancelled, which is final: take another name"
        raise HTTPException(409, f"area '{aoi}': exists{more if deleted else ''}")
    await desk.log.write(area_facts(aoi, who.name, desk.clock()))
    await _listed(desk, aoi, ingestion_of(aoi, ""))
    return Response(status_code=204)


@router.delete("/aoi/{aoi}", status_code=204, response_model=None)
async def delete_area(aoi: str, who: Administrator, desk: Writing) -> Response:
    """Cancel an area for good and list it no more. What happened stays in the log."""
    if await desk.model.fetch("find_area", (aoi,)):
        await ask(desk, [AreaCancelled(aoi, who.name, "deleted")])
    return Response(status_code=204)


@router.post(
    "/aoi/{aoi}/scene",
    response_model=None,
    responses=answers(Created, 400, 404, 409),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def post_scene(
    aoi: str, body: Bytes, who: Operator, desk: Writing, request: Request
) -> Response:
    """Add one scene and its tiles. One that is there answers with its id.

    The header `X-Ingester-Exists: true` tells a scene that was there before.
    """
    try:
        scene, problems = read_scene(aoi, body)
    except ValueError as error:
        raise HTTPException(400, f"scene: {error}") from error
    if not await areas_like(desk.model, aoi) or is_pattern(aoi):
        raise HTTPException(404, f"area '{aoi}': there is none; POST /aoi/{aoi} first")
    task = download_task(aoi, scene.source_id)
    rows = await desk.model.fetch("find_task", (task,))
    if rows and not problems:
        return Json({"id": rows[0]["number"]}, headers={_EXISTS: "true"})
    found = await stored_tasks(desk.model, scene.neighbours(aoi).values())
    followed = {tile.row.task: tile.row for tile in found}
    rows_of = {n: row for n, row in followed.items() if isinstance(row, ProcessRow)}
    places, more = cells(scene, aoi, rows_of)
    if problems + more:
        raise HTTPException(400, f"scene: {'; '.join(problems + more)}")
    limits: tuple[int, int] = request.app.state.limits
    facts = scene_facts(scene, aoi, places, who.name, desk.clock(), limits)
    await desk.log.write(facts)
    await _listed(desk, aoi, ingestion_of(aoi, scene.source_id))
    rows = await desk.model.fetch("find_task", (task,))
    if not rows:
        raise HTTPException(503, f"scene '{scene.source_id}': written, not projected")
    return Json({"id": rows[0]["number"]})


async def _listed(desk: Desk, area: str, ingestion: str) -> None:
    """Wait until a request is projected to its end."""

    async def listed() -> bool | None:
        wanted = {"area": area, "id": ingestion}
        rows = await desk.model.fetch("find_ingestion", wanted)
        return True if rows and rows[0]["listed"] else None

    if await until(desk, listed) is None:
        raise HTTPException(
            503, "written, and not projected in time: does the projector run?"
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
    lines = texts.dot(aoi, scenes, tiles, linked)
    return StreamingResponse(lines, media_type="text/vnd.graphviz")


@router.put("/aoi/{aoi}/retry", response_model=None, responses=answers(Retried, 409))
async def retry_area(aoi: str, who: Operator, desk: Writing) -> Response:
    """Try again every scene and tile in RETRY, of an area or of a pattern of areas."""
    wanted = Wanted(TaskWord.RETRY, who.name, "retry of the area")
    return await _again(desk, aoi, wanted, [Status.RETRY])


@router.put(
    "/aoi/{aoi}/retry/{mode}", response_model=None, responses=answers(Retried, 409)
)
async def retry_area_by_force(
    aoi: str, mode: str, who: Operator, desk: Writing
) -> Response:
    """With `force`: those that FAILED too. With anything else: as without."""
    if mode != "force":
        return await retry_area(aoi, who, desk)
    wanted = Wanted(
        TaskWord.FORCE, who.name, "forced retry of the area", Status.PENDING
    )
    return await _again(desk, aoi, wanted, [Status.RETRY, Status.FAILED])


async def _again(
    desk: Desk, aoi: str, wanted: Wanted, statuses: Sequence[Status]
) -> Response:
    """Scenes first: what becomes of them decides which tiles are left to ask for."""
    asked, refused = {Kind.DOWNLOAD: 0, Kind.PROCESS: 0}, []
    for kind in asked:
        for row in await areas_like(desk.model, aoi):
            filters = {
                "area": row["name"],
                "statuses": [status.value for status in statuses],
                "kind": kind.value,
                "cause": "",
                "like": "",
                "text": "",
            }
            page = filters | {"after": "", "limit": None}
            tasks = await desk.model.fetch("page_tasks", page)
            outcomes = await ask_of_tasks(desk, wanted, tasks)
            asked[kind] += sum(not outcome.refusal for outcome in outcomes)
            refused += [f"{o.task}: {o.refusal}" for o in outcomes if o.refusal]
    counts = {"Scenes": asked[Kind.DOWNLOAD], "Tiles": asked[Kind.PROCESS]}
    if refused:
        return Json({**counts, "detail": "; ".join(refused)}, 409)
    return Json(counts) if any(asked.values()) else Response(status_code=204)


def _status(word: str) -> Status | None:
    found = (status for status in Status if status.upper() == word)
    return next(found, None)
