# SPDX-License-Identifier: Apache-2.0
"""What is done to areas under `/aoi`: created, deleted, given scenes, tried again."""

from collections.abc import Sequence

from fastapi import APIRouter, HTTPException, Request, Response

from agents.gateway.asking import (
    NOT_PROJECTED,
    TaskWord,
    Wanted,
    ask,
    ask_of_tasks,
    until,
)
from agents.gateway.gate import Administrator, Operator
from agents.gateway.reading import Desk, Writing
from agents.gateway.reference.answers import Bytes, Created, Json, Retried, answers
from agents.gateway.reference.reading import areas_like, is_pattern, stored_tasks
from agents.gateway.reference.scene import (
    area_facts,
    cells,
    ingestion_of,
    read_scene,
    scene_facts,
)
from streams.events import AreaCancelled
from streams.model import Kind, Status, download_task
from streams.payload import AN_AREA_NAME, AREA_NAME
from streams.table import ProcessRow

router = APIRouter(tags=["reference: areas"], default_response_class=Json)

_EXISTS = "X-Ingester-Exists"


@router.post(
    "/aoi/{aoi}",
    status_code=204,
    response_model=None,
    responses=answers(None, 400, 409),
)
async def create_area(aoi: str, who: Operator, desk: Writing) -> Response:
    """Create an empty area."""
    if not AREA_NAME.fullmatch(aoi):
        raise HTTPException(400, f"area '{aoi}': expected {AN_AREA_NAME}")
    rows = await desk.model.fetch("find_area", (aoi,))
    if rows and not await _is_half_written(desk, aoi):
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
        (outcome,) = await ask(desk, [AreaCancelled(aoi, who.name, "deleted")])
        if outcome.refusal is None:
            raise HTTPException(503, NOT_PROJECTED)
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
    half = await _is_half_written(desk, aoi, scene.source_id)
    if rows and not problems and not half:
        return Json({"id": rows[0]["number"]}, headers={_EXISTS: "true"})
    found = await stored_tasks(desk.model, scene.neighbours(aoi).values())
    followed = {tile.row.task: tile.row for tile in found}
    rows_of = {n: row for n, row in followed.items() if isinstance(row, ProcessRow)}
    places, more = cells(scene, aoi, rows_of)
    if problems + more:
        raise HTTPException(400, f"scene: {'; '.join(problems + more)}")
    limits: tuple[int, int] = request.app.state.limits
    alarm_after: int = request.app.state.alarm_after
    facts = scene_facts(scene, aoi, places, who.name, desk.clock(), limits, alarm_after)
    await desk.log.write(facts)
    await _listed(desk, aoi, ingestion_of(aoi, scene.source_id))
    rows = await desk.model.fetch("find_task", (task,))
    if not rows:
        raise HTTPException(503, NOT_PROJECTED)
    return Json({"id": rows[0]["number"]})


async def _is_half_written(desk: Desk, area: str, scene: str = "") -> bool:
    """Did a gateway end between the facts of a post? They are written again then."""
    wanted = {"area": area, "id": ingestion_of(area, scene)}
    rows = await desk.model.fetch("find_ingestion", wanted)
    return bool(rows) and not rows[0]["listed"]


async def _listed(desk: Desk, area: str, ingestion: str) -> None:
    """Wait until a request is projected to its end."""

    async def listed() -> bool | None:
        wanted = {"area": area, "id": ingestion}
        rows = await desk.model.fetch("find_ingestion", wanted)
        return True if rows and rows[0]["listed"] else None

    if await until(desk, listed) is None:
        raise HTTPException(503, NOT_PROJECTED)


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
            if any(outcome.refusal is None for outcome in outcomes):
                raise HTTPException(503, NOT_PROJECTED)
            asked[kind] += sum(not outcome.refusal for outcome in outcomes)
            refused += [f"{o.task}: {o.refusal}" for o in outcomes if o.refusal]
    counts = {"Scenes": asked[Kind.DOWNLOAD], "Tiles": asked[Kind.PROCESS]}
    if refused:
        return Json({**counts, "detail": "; ".join(refused)}, 409)
    return Json(counts) if any(asked.values()) else Response(status_code=204)
