# SPDX-License-Identifier: Apache-2.0
"""What an area keeps in the object store, and why: as JSON and as text."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from agents.gateway.status import NOT_FOUND
from streams.errors import InvalidRequest
from streams.holdings import Keeping, Stock

router = APIRouter(tags=["storage"])

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
