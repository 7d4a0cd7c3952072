# SPDX-License-Identifier: Apache-2.0
"""Item search of the STAC API: by collection, id, time and place, page by page."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import shapely
from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field, ValidationError, field_validator
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from agents.gateway.reading import Model, Store
from agents.gateway.stac import link, linked, root_of

router = APIRouter(prefix="/stac", tags=["stac"])

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


class Search(BaseModel):
    """What is looked for, in the standard's words."""

    collections: list[str] = []
    ids: list[str] = []
    datetime: str = ""
    bbox: list[float] = []
    intersects: dict[str, Any] | None = None
    limit: int = Field(100, ge=1, le=500)
    token: str = ""
    """The item after which the page begins: of a `next` link."""

    @field_validator("collections", "ids", "bbox", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value


@router.get("/search")
async def search_by_query(request: Request, model: Model, store: Store) -> Any:
    """Items that meet the query string."""
    try:
        wanted = Search.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _refused(error) from error
    page = await _page(wanted, request, model, store)
    token = page.pop("token")
    if token:
        query = urlencode({**request.query_params, "token": token})
        page["links"].append(link("next", f"{root_of(request)}/search?{query}"))
    return page


@router.post("/search")
async def search_by_body(
    wanted: Search, request: Request, model: Model, store: Store
) -> Any:
    """Items that meet the body."""
    page = await _page(wanted, request, model, store)
    token = page.pop("token")
    if token:
        body = {**wanted.model_dump(exclude_unset=True), "token": token}
        following = link("next", f"{root_of(request)}/search")
        page["links"].append({**following, "method": "POST", "body": body})
    return page


async def _page(
    wanted: Search, request: Request, model: Model, store: Store
) -> dict[str, Any]:
    """A page of items; `token` says where the next one begins, empty: nowhere.

    Time and names are found by the database, places by looking at the items.
    """
    start, end = _interval(wanted.datetime)
    place = _place(wanted)
    features: list[dict[str, Any]] = []
    token = wanted.token
    while True:
        rows = await model.fetch(
            "stac_search",
            {
                "areas": wanted.collections,
                "ids": wanted.ids,
                "start": start,
                "end": end,
                "after": token,
                "limit": wanted.limit,
            },
        )
        for row in rows:
            token = row["uri"]
            item = await store.read(token)
            if place is None or place.intersects(shapely.geometry.shape(item)):
                features.append(linked(item, root_of(request), row["area"]))
                if len(features) == wanted.limit:
                    return _collection(features, request, token)
        if len(rows) < wanted.limit:
            return _collection(features, request, "")


def _collection(
    features: list[dict[str, Any]], request: Request, token: str
) -> dict[str, Any]:
    root = root_of(request)
    return {
        "type": "FeatureCollection",
        "features": features,
        "links": [link("root", root)],
        "numberReturned": len(features),
        "token": token,
    }


def _interval(text: str) -> tuple[datetime, datetime]:
    """Earliest and latest instant of `2023-01-01T00:00:00Z/..` or of one instant."""
    first, slash, last = text.partition("/")
    try:
        start = _EARLIEST if first in ("", "..") else _instant(first)
        if not slash and text:
            return start, start
        return start, _LATEST if last in ("", "..") else _instant(last)
    except ValueError as error:
        raise HTTPException(
            400, f"datetime '{text}': expected RFC 3339, or two with '/' between"
        ) from error


def _instant(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _place(wanted: Search) -> BaseGeometry | None:
    if wanted.intersects is not None and wanted.bbox:
        raise HTTPException(400, "bbox and intersects: expected one of them")
    if wanted.intersects is not None:
        try:
            return shapely.geometry.shape(wanted.intersects)
        except (ShapelyError, KeyError, ValueError, AttributeError, TypeError) as error:
            raise HTTPException(400, f"intersects: no GeoJSON geometry: {error}") from (
                error
            )
    if not wanted.bbox:
        return None
    if len(wanted.bbox) not in (4, 6):
        raise HTTPException(400, f"bbox: {len(wanted.bbox)} numbers, expected 4 or 6")
    half = len(wanted.bbox) // 2
    (west, south), (east, north) = wanted.bbox[:2], wanted.bbox[half : half + 2]
    if west > east:  # across the antimeridian
        return shapely.union_all(
            [
                shapely.box(west, south, 180, north),
                shapely.box(-180, south, east, north),
            ]
        )
    return shapely.box(west, south, east, north)


def _refused(error: ValidationError) -> HTTPException:
    problems = [
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
        for item in error.errors(include_url=False)
    ]
    return HTTPException(400, "; ".join(problems))
