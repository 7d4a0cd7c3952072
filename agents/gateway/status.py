# SPDX-License-Identifier: Apache-2.0
"""Areas and tasks as JSON, from the read model."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from msgspec.structs import asdict

from agents.gateway.answers import (
    AreaAnswer,
    AreaSummary,
    ChainPage,
    Problem,
    RefusedArea,
    TaskLife,
    TaskPage,
)
from agents.gateway.pace import pace
from agents.gateway.pages import After, Limit, following
from agents.gateway.patterns import like
from agents.gateway.reading import Model, ReadModel
from streams.failures import Failure
from streams.model import AreaState, Kind, Status, Tally
from streams.progress import area_status

router = APIRouter(tags=["status"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is none of that name"}
}

Pattern = Annotated[str, Query(description="With `*` for any text, `?` for a letter.")]

_NOTHING_STARTED = {
    "now": None,
    "running": 0,
    "ended": 0,
    "ended_lately": 0,
    "first_started_at": None,
    "last_ended_at": None,
}


@router.get("/areas", response_model=list[AreaAnswer])
async def areas(
    request: Request,
    response: Response,
    model: Model,
    pattern: Pattern = "*",
    after: After = "",
    limit: Limit = 1000,
) -> Any:
    """Areas with their status and tallies, in order of name."""
    rows = await model.fetch(
        "page_areas", {"like": like(pattern), "after": after, "limit": limit}
    )
    total = (await model.fetch("count_areas", {"like": like(pattern)}))[0]["total"]
    following(request, response, rows, "name", limit, total)
    return [_area(row) for row in rows]


@router.get("/refusals", response_model=list[RefusedArea])
async def refusals(model: Model) -> Any:
    """Requests that were refused, of areas that nothing was ever accepted for."""
    found = await model.fetch("refused_areas")
    return sorted(found, key=lambda row: row["at"], reverse=True)


@router.get("/areas/{name}", response_model=AreaSummary, responses=NOT_FOUND)
async def area(name: str, model: Model) -> Any:
    """One area: status, tallies, pace, failures by cause, refused requests."""
    found = await summary(model, name)
    if found is None:
        raise HTTPException(404, f"area '{name}': nothing was ever accepted for it")
    return found


async def summary(model: ReadModel, name: str) -> dict[str, Any] | None:
    """An area in numbers; None when nothing is known of it."""
    rows = await model.fetch("find_area", (name,))
    refusals = await model.fetch("area_refusals", (name,))
    if not rows:
        if not refusals:
            return None
        none = Tally()
        return {
            "name": name,
            "status": "refused",
            "downloads": asdict(none),
            "processes": asdict(none),
            "progress": pace(none, none, _NOTHING_STARTED),
            "failures": [],
            "oldest_pending": None,
            "refusals": refusals,
        }
    progress = await model.fetch("area_pace", (name,))
    oldest = await model.fetch("oldest_pending", (name,))
    tallies = Tally(**rows[0]["downloads"]), Tally(**rows[0]["processes"])
    return {
        **_area(rows[0]),
        "progress": pace(*tallies, progress[0]),
        "failures": await model.fetch("area_failures", (name,)),
        "oldest_pending": oldest[0] if oldest else None,
        "refusals": refusals,
    }


@router.get("/areas/{name}/tasks", response_model=TaskPage)
async def tasks(
    name: str,
    request: Request,
    response: Response,
    model: Model,
    status: Status | None = None,
    kind: Kind | None = None,
    cause: Annotated[
        Failure | None, Query(description="Class of the last failure.")
    ] = None,
    pattern: Pattern = "",
    text: Annotated[str, Query(description="In id or message, in any case.")] = "",
    after: After = "",
    limit: Limit = 100,
) -> Any:
    """A page of an area's tasks, in order of id."""
    filters = {
        "area": name,
        "statuses": [status.value] if status else [],
        "kind": kind.value if kind else "",
        "cause": cause.value if cause else "",
        "like": like(pattern),
        "text": text,
    }
    found = await model.fetch("page_tasks", filters | {"after": after, "limit": limit})
    total = await _total(model, "count_tasks", filters, found, after, limit)
    after_next = following(request, response, found, "id", limit, total)
    return {"tasks": found, "total": total, "next": after_next}


@router.get("/areas/{name}/chains", response_model=ChainPage)
async def chains(
    name: str,
    request: Request,
    response: Response,
    model: Model,
    after: After = "",
    limit: Limit = 100,
) -> Any:
    """A page of an area's chains, each with its tiles in order of acquisition."""
    parameters = {"area": name, "after": after, "limit": limit}
    cells = await model.fetch("page_cells", parameters)
    total = (await model.fetch("count_cells", (name,)))[0]["total"]
    found: dict[str, list[Any]] = {row["cell"]: [] for row in cells}
    wanted = {"area": name, "cells": list(found)}
    for tile in await model.fetch("chain_tiles", wanted):
        found[tile["cell"]].append(tile)
    return {
        "chains": [{"cell": cell, "tiles": tiles} for cell, tiles in found.items()],
        "total": total,
        "next": following(request, response, cells, "cell", limit, total),
    }


@router.get("/search", response_model=TaskPage)
async def search(
    product: Annotated[
        str, Query(min_length=3, description="Name of a scene, or a pattern of names.")
    ],
    request: Request,
    response: Response,
    model: Model,
    after: After = "",
    limit: Limit = 100,
) -> Any:
    """Tasks of a product in every area, in order of id."""
    # Products are known with and without this ending; scenes are named without.
    wanted = {"like": like(product.removesuffix(".SAFE"))}
    found = await model.fetch(
        "search_product", wanted | {"after": after, "limit": limit}
    )
    total = await _total(model, "count_product", wanted, found, after, limit)
    after_next = following(request, response, found, "id", limit, total)
    return {"tasks": found, "total": total, "next": after_next}


@router.get("/tasks/{task:path}", response_model=TaskLife, responses=NOT_FOUND)
async def task(task: str, model: Model) -> Any:
    """One task: how it stands, its layers, its attempts, and what was asked of it."""
    rows = await model.fetch("find_task", (task,))
    if not rows:
        raise HTTPException(404, f"task '{task}': there is none of that id")
    asked = {"area": rows[0]["area"], "task": task}
    beside = await model.fetch("beside_in_chain", rows[0])
    tiles = {tile["side"]: tile for tile in beside}
    return {
        **rows[0],
        "layers": await model.fetch("task_layers", (task,)),
        "attempts": await model.fetch("task_attempts", (task,)),
        "wishes": await model.fetch("task_wishes", asked),
        "before": tiles.get("before"),
        "after": tiles.get("after"),
    }


async def _total(
    model: ReadModel,
    count: str,
    wanted: Mapping[str, Any],
    found: Sequence[Any],
    after: str,
    limit: int,
) -> int:
    """Length of the whole list; counted only where its first page has not all of it."""
    if not after and len(found) < limit:
        return len(found)
    total: int = (await model.fetch(count, wanted))[0]["total"]
    return total


def _area(row: dict[str, Any]) -> dict[str, Any]:
    status = area_status(
        AreaState(row["state"]),
        row["ingestions"],
        row["open_ingestions"],
        Tally(**row["downloads"]),
        Tally(**row["processes"]),
    )
    return {**row, "status": status.value}
