# SPDX-License-Identifier: Apache-2.0
"""What an area keeps in the object store, and why: as JSON and as text."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from agents.gateway.reading import Model
from agents.gateway.status import NOT_FOUND
from agents.worker.layers import attempt_of, logical_uri
from streams.errors import InvalidRequest
from streams.holdings import Keeping, Stock
from streams.model import download_task, process_task

router = APIRouter(tags=["storage"])

_READABLE = timedelta(minutes=15)

Every = Annotated[bool, Query(description="With every object, not only sums.")]


class StorageSum(BaseModel):
    """Objects that are kept for one reason."""

    keeping: Keeping
    why: str
    objects: int
    size_bytes: int


class StorageObject(BaseModel):
    """One object of an area."""

    uri: str
    size_bytes: int
    keeping: Keeping
    why: str
    task: str


class StorageAnswer(BaseModel):
    """What an area keeps in the object store."""

    area: str
    sums: list[StorageSum]
    objects: list[StorageObject] | None = None


class StoredFile(BaseModel):
    """One object, by the name under which attempts replace one another."""

    name: str
    uri: str
    size_bytes: int
    sha256: str
    url: str


@router.get("/areas/{name}/storage", response_model=StorageAnswer, responses=NOT_FOUND)
async def storage(name: str, request: Request, every: Every = False) -> Any:
    """What is kept of an area and why, what is released, too much or missing.

    The log of the area is folded and the store listed: this takes as long as both are.
    """
    stock = await _stock(name, request)
    sums = [
        StorageSum(keeping=keeping, why=why, objects=number, size_bytes=size)
        for keeping, why, number, size in stock.sums()
    ]
    objects = [
        StorageObject.model_validate(one, from_attributes=True)
        for one in stock.holdings
    ]
    return StorageAnswer(area=name, sums=sums, objects=objects if every else None)


@router.get(
    "/areas/{name}/storage.txt",
    response_class=PlainTextResponse,
    responses=NOT_FOUND,
)
async def storage_text(name: str, request: Request, every: Every = False) -> str:
    """The same for people."""
    stock = await _stock(name, request)
    return "\n".join(_lines(stock, every=every)) + "\n"


@router.get(
    "/areas/{name}/scenes/{scene}/tiles/{tile}/{file}",
    response_model=StoredFile,
    responses=NOT_FOUND,
)
async def stored_file(
    name: str, scene: str, tile: str, file: str, request: Request, model: Model
) -> Any:
    """The newest object of a name without attempt, as the Go ingester names it.

    Its `url` can be read without keys, for a quarter of an hour.
    """
    wanted = {
        "area": name,
        "tile": tile,
        "tasks": [download_task(name, scene), process_task(name, scene, tile)],
        "ending": f"/{file}",
    }
    found = await model.fetch("layers_of_tile", wanted)
    if not found:
        raise HTTPException(404, f"'{name}/{scene}/tiles/{tile}/{file}': not there")
    newest = max(found, key=lambda row: attempt_of(row["uri"]))
    url = request.app.state.reading_url(newest["uri"], _READABLE)
    return {**newest, "name": logical_uri(newest["uri"]), "url": url}


async def _stock(name: str, request: Request) -> Stock:
    try:
        stock: Stock = await asyncio.to_thread(request.app.state.stock, name)
    except InvalidRequest as error:
        raise HTTPException(404, str(error)) from error
    return stock


def _lines(stock: Stock, *, every: bool) -> Iterator[str]:
    yield f"Storage of {stock.area}"
    for keeping, why, number, size in stock.sums():
        yield f"{size:>15,} bytes  {number:>8,} objects  {keeping:8}  {why}"
    if every:
        for one in stock.holdings:
            yield f"{one.size_bytes:>15,} bytes  {one.keeping:8}  {one.uri}  {one.why}"
