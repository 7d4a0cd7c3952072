# SPDX-License-Identifier: Apache-2.0
"""Many tasks at once, for pictures: where they lie, how they are chained.

Rows are lists in the order of `columns`: half the bytes, and no time spent on names.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from agents.gateway.answers import Outline, Sketch
from agents.gateway.packed import packed
from agents.gateway.pages import After
from agents.gateway.reading import Model
from agents.gateway.status import NOT_FOUND
from streams.model import Kind

router = APIRouter(tags=["status"])

Many = Annotated[int, Query(ge=1, le=10_000, description="Largest number of rows.")]

_GRID = ("id", "cell", "acquired", "status", "attempt", "previous", "reference")
_FOOTPRINTS = ("id", "acquired", "status", "footprint")


@router.get("/areas/{name}/outline", response_model=Outline, responses=NOT_FOUND)
async def outline(name: str, model: Model) -> Any:
    """What was asked for: the area's requests, each with its polygons and interval."""
    if not await model.fetch("find_area", (name,)):
        raise HTTPException(404, f"area '{name}': nothing was ever accepted for it")
    found = await model.fetch("area_outlines", (name,))
    unknown = await model.fetch("unknown_outlines", {"area": name})
    return {
        "area": name,
        "unknown": unknown[0]["requests"],
        "requests": [{**row, "geometry": json.loads(row["geometry"])} for row in found],
    }


@router.get("/areas/{name}/grid", response_model=Sketch)
async def grid(
    name: str, request: Request, model: Model, after: After = "", limit: Many = 2500
) -> Response:
    """The tiles of an area that are in chains, in order of cell and date."""
    parameters = {"area": name, "after": after, "limit": limit}
    rows = await model.fetch("sketch_grid", parameters)
    return await packed(request, _sketched(_GRID, rows, limit))


@router.get("/areas/{name}/footprints", response_model=Sketch)
async def footprints(
    name: str,
    request: Request,
    model: Model,
    kind: Kind = Kind.PROCESS,
    after: After = "",
    limit: Many = 1500,
) -> Response:
    """Where tasks lie, as WKT, in order of id; a tile that is its scene lies there."""
    parameters = {"area": name, "kind": kind.value, "after": after, "limit": limit}
    rows = await model.fetch("sketch_footprints", parameters)
    return await packed(request, _sketched(_FOOTPRINTS, rows, limit))


def _sketched(columns: tuple[str, ...], rows: list[Any], limit: int) -> dict[str, Any]:
    return {
        "columns": columns,
        "rows": [[row[column] for column in columns] for row in rows],
        "next": rows[-1]["id"] if len(rows) == limit else None,
    }
