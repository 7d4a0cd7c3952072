# SPDX-License-Identifier: Apache-2.0
"""Areas, scenes and tiles of the read model, as these routes need them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fastapi import HTTPException, Request

from agents.gateway.patterns import like
from agents.gateway.reading import ReadModel
from agents.gateway.reference.links import Linked, links_of
from agents.gateway.reference.shapes import (
    Stored,
    scene_json,
    stored,
    stored_tile_json,
    unloaded_scene_json,
)
from streams import pages
from streams.chains import Chain, Links
from streams.model import Kind, Status, download_task
from streams.table import CellRow, Row, cell_key, decode_row

_ANY_CASE = "(?i)"

# Of the database's integers.
_LARGEST = 2**31 - 1


async def areas_like(model: ReadModel, pattern: str) -> list[dict[str, Any]]:
    """Rows of the areas of this name or pattern; `(?i)` at its end: in any case."""
    parameters = {
        "any_case": pattern.endswith(_ANY_CASE),
        "like": like(pattern.removesuffix(_ANY_CASE)),
    }
    return await model.fetch("reference_areas", parameters)


def is_pattern(name: str) -> bool:
    """Does it stand for several areas?"""
    return "*" in name or "?" in name


async def tasks_of(
    model: ReadModel,
    pattern: str,
    kind: Kind,
    status: Status | None,
    request: Request,
) -> list[Stored]:
    """A page of the tasks of areas; `page` counts only with a positive `limit`."""
    limit = _number(request, "limit")
    page = max(_number(request, "page"), 0) if limit > 0 else 0
    areas = [row["name"] for row in await areas_like(model, pattern)]
    found = await model.fetch(
        "reference_tasks",
        {
            "areas": areas,
            "kind": kind.value,
            "status": status.value if status else "",
            "limit": limit if limit > 0 else None,
            "offset": min(page * limit, _LARGEST),
        },
    )
    return [stored(row) for row in found]


def _number(request: Request, name: str) -> int:
    try:
        number = int(request.query_params.get(name, "0"))
    except ValueError:
        return 0
    return max(-_LARGEST, min(number, _LARGEST))


async def task_by_number(model: ReadModel, number: str, kind: Kind) -> Stored | None:
    """The scene or tile of a number; None when there is none.

    Raises:
        HTTPException: 400, it is no number.
    """
    parameters = {"number": whole(number), "kind": kind.value}
    for row in await model.fetch("reference_task", parameters):
        return stored(row)
    return None


def whole(number: str) -> int:
    """The number of a path.

    Raises:
        HTTPException: 400, it is none.
    """
    try:
        found = int(number)
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 63:
        raise HTTPException(400, f"id '{number}': expected a number")
    return found


async def tiles_json(
    model: ReadModel, tiles: Sequence[Stored], *, loaded: bool
) -> list[dict[str, Any]]:
    """Stored tiles, with or without the whole of their scenes."""
    linked = await _links_of_rows(model, tiles)
    downloads = {tile.process.download for tile in tiles}
    neighbours = {n for links in linked.values() for n in _named(links)}
    ids = list(neighbours if loaded else neighbours | downloads)
    numbers = await _numbers(model, ids)
    scenes: dict[str, dict[str, Any]] = {}
    if loaded:
        scenes = await scenes_json(model, downloads)
    return [
        stored_tile_json(
            tile,
            scenes[tile.process.download]
            if loaded
            else unloaded_scene_json(numbers[tile.process.download], tile.process),
            numbers.get(linked[tile.row.task].previous),
            numbers.get(linked[tile.row.task].reference),
        )
        for tile in tiles
    ]


async def scenes_json(
    model: ReadModel, tasks: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Scenes by the task that downloads them."""
    found = await stored_tasks(model, tasks)
    return {scene.row.task: scene_json(scene) for scene in found}


async def stored_tasks(model: ReadModel, tasks: Iterable[str]) -> list[Stored]:
    """These tasks."""
    found = await model.fetch("reference_tasks_of", {"ids": list(tasks)})
    return [stored(row) for row in found]


async def links_of_area(
    model: ReadModel, area: str, nodes: Sequence[Mapping[str, Any]]
) -> tuple[list[Linked], dict[str, Links]]:
    """The tiles among an area's nodes, and their links."""
    tiles = [
        Linked(
            node["id"],
            node["acquired_at"],
            cell_key(area, node["cell"]) if node["cell"] else "",
            Status(node["status"]),
            node["previous"],
            node["reference"],
        )
        for node in nodes
        if node["kind"] == Kind.PROCESS.value
    ]
    return tiles, await _linked(model, tiles)


async def _links_of_rows(model: ReadModel, tiles: Sequence[Stored]) -> dict[str, Links]:
    rows = [tile.process for tile in tiles]
    return await _linked(
        model,
        [
            Linked(
                row.task,
                row.tile.date,
                cell_key(row.area, row.tile.cell) if row.tile.cell else "",
                row.course.status,
                row.previous,
                row.reference,
            )
            for row in rows
        ],
    )


async def _linked(model: ReadModel, tiles: Sequence[Linked]) -> dict[str, Links]:
    keys = {t.cell for t in tiles if t.cell and t.status is Status.NEW}
    chains = await _chains(model, keys)
    return {tile.task: links_of(tile, chains) for tile in tiles}


async def _chains(model: ReadModel, cells: Collection[str]) -> dict[str, Chain]:
    """The chains of cells, by the keys of these."""
    rows = await _rows(model, cells)
    rows |= await _rows(model, pages.page_keys(rows.values()))
    found = (row for row in rows.values() if isinstance(row, CellRow))
    return {row.key: pages.whole(row, rows) for row in found}


async def _rows(model: ReadModel, keys: Collection[str]) -> dict[str, Row]:
    if not keys:
        return {}
    found = await model.fetch("find_rows", (list(keys),))
    return {one["key"]: decode_row(one["key"], one["value"].encode()) for one in found}


async def _numbers(model: ReadModel, tasks: list[str]) -> dict[str, int]:
    if not tasks:
        return {}
    found = await model.fetch("task_numbers", (tasks,))
    return {row["id"]: row["number"] for row in found}


def _named(links: Links) -> set[str]:
    return {task for task in (links.previous, links.reference) if task}


def download_of(area: str, node: Mapping[str, Any]) -> str:
    """The task that downloads a tile's scene."""
    return download_task(area, node["scene"])
