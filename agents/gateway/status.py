# SPDX-License-Identifier: Apache-2.0
"""Areas and tasks as JSON, from the read model."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from agents.gateway.reading import Model
from streams.model import AreaState, Kind, Status, Tally
from streams.progress import area_status

router = APIRouter(tags=["status"])

Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/areas")
async def areas(model: Model) -> list[dict[str, Any]]:
    """Every area with its status and tallies."""
    return [_area(row) for row in await model.fetch("list_areas")]


@router.get("/areas/{name}")
async def area(name: str, model: Model) -> dict[str, Any]:
    """One area: status, tallies, failures by class, progress, refused requests."""
    rows = await model.fetch("find_area", (name,))
    refusals = await model.fetch("area_refusals", (name,))
    if not rows and not refusals:
        raise HTTPException(404, f"area '{name}': nothing was ever accepted for it")
    progress = await model.fetch("area_progress", (name,))
    return {
        **(_area(rows[0]) if rows else {"name": name, "status": "refused"}),
        "progress": progress[0],
        "failures": await model.fetch("area_failures", (name,)),
        "refusals": refusals,
    }


@router.get("/areas/{name}/tasks")
async def tasks(
    name: str,
    model: Model,
    status: Status | None = None,
    kind: Kind | None = None,
    after: str = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """A page of an area's tasks by id; `next` is the `after` of the next page."""
    found = await model.fetch(
        "list_tasks",
        {
            "area": name,
            "status": status.value if status else "",
            "kind": kind.value if kind else "",
            "after": after,
            "limit": limit,
        },
    )
    following = found[-1]["id"] if len(found) == limit else None
    return {"tasks": found, "next": following}


@router.get("/tasks/{task:path}")
async def task(task: str, model: Model) -> dict[str, Any]:
    """One task and its layers."""
    rows = await model.fetch("find_task", (task,))
    if not rows:
        raise HTTPException(404, f"task '{task}': there is none of that id")
    return {**rows[0], "layers": await model.fetch("task_layers", (task,))}


def _area(row: dict[str, Any]) -> dict[str, Any]:
    status = area_status(
        AreaState(row["state"]),
        row["ingestions"],
        row["open_ingestions"],
        Tally(**row["downloads"]),
        Tally(**row["processes"]),
    )
    return {**row, "status": status.value}
