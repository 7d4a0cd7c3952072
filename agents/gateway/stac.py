# SPDX-License-Identifier: Apache-2.0
"""The indexed layers as a STAC API (Features): a collection an area, an item a tile.

Items are the documents that the processor stored beside the layers; a collection lists
those that a fact of the log lists.
"""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from agents.gateway.reading import Model, Store

router = APIRouter(prefix="/stac", tags=["stac"])

_VERSION = "1.1.0"
_CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]

Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("")
async def landing(request: Request, model: Model) -> dict[str, Any]:
    """The catalogue."""
    root = root_of(request)
    return {
        "type": "Catalog",
        "id": "ingester",
        "title": "Layers of the ingester",
        "description": "One collection for each area with indexed layers.",
        "stac_version": _VERSION,
        "conformsTo": _CONFORMANCE,
        "links": [
            link("self", root),
            link("root", root),
            link("conformance", f"{root}/conformance"),
            link("data", f"{root}/collections"),
            {**link("search", f"{root}/search"), "method": "GET"},
            {**link("search", f"{root}/search"), "method": "POST"},
            *[
                link("child", f"{root}/collections/{row['area']}")
                for row in await model.fetch("stac_areas")
            ],
        ],
    }


@router.get("/conformance")
async def conformance() -> dict[str, list[str]]:
    """What of the STAC API is served."""
    return {"conformsTo": _CONFORMANCE}


@router.get("/collections")
async def collections(request: Request, model: Model) -> dict[str, Any]:
    """Every area that has indexed layers."""
    root = root_of(request)
    return {
        "collections": [
            _collection(root, row) for row in await model.fetch("stac_areas")
        ],
        "links": [link("self", f"{root}/collections"), link("root", root)],
    }


@router.get("/collections/{area}")
async def collection(area: str, request: Request, model: Model) -> dict[str, Any]:
    """One area."""
    for row in await model.fetch("stac_areas"):
        if row["area"] == area:
            return _collection(root_of(request), row)
    raise HTTPException(404, f"collection '{area}': no layer of that area is indexed")


@router.get("/collections/{area}/items")
async def items(
    area: str,
    request: Request,
    model: Model,
    store: Store,
    after: str = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """A page of an area's items, in order of URI."""
    rows = await model.fetch(
        "stac_items", {"area": area, "after": after, "limit": limit}
    )
    here = f"{root_of(request)}/collections/{area}/items"
    links = [link("self", here), link("root", root_of(request))]
    if len(rows) == limit:
        links.append(link("next", f"{here}?limit={limit}&after={rows[-1]['uri']}"))
    features = [
        linked(await store.read(row["uri"]), root_of(request), area) for row in rows
    ]
    return {"type": "FeatureCollection", "features": features, "links": links}


@router.get("/collections/{area}/items/{item}")
async def item(
    area: str, item: str, request: Request, model: Model, store: Store
) -> dict[str, Any]:
    """One item: the layers of a tile."""
    for row in await model.fetch("stac_item", (area, item)):
        return linked(await store.read(row["uri"]), root_of(request), area)
    raise HTTPException(404, f"item '{item}': no such tile of '{area}' is indexed")


def root_of(request: Request) -> str:
    """URL of the STAC API, as the client calls us."""
    return f"{str(request.base_url).rstrip('/')}/stac"


def link(relation: str, href: str) -> dict[str, str]:
    """A link to one of our routes."""
    geojson = relation in ("item", "items", "next", "search")
    return {
        "rel": relation,
        "href": href,
        "type": "application/geo+json" if geojson else "application/json",
    }


def _collection(root: str, row: dict[str, Any]) -> dict[str, Any]:
    here = f"{root}/collections/{row['area']}"
    interval = [_instant(row["begins_at"]), _instant(row["ends_at"])]
    return {
        "type": "Collection",
        "id": row["area"],
        "description": f"Indexed layers of the area {row['area']}.",
        "license": "other",
        "stac_version": _VERSION,
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [interval]},
        },
        "links": [
            link("self", here),
            link("root", root),
            link("parent", root),
            link("items", f"{here}/items"),
        ],
    }


def _instant(time: Any) -> str:
    return str(time.isoformat().replace("+00:00", "Z"))


def linked(item: dict[str, Any], root: str, area: str) -> dict[str, Any]:
    """The stored item with links to where it was asked for."""
    here = f"{root}/collections/{area}"
    return {
        **item,
        "collection": area,
        "links": [
            link("self", f"{here}/items/{item['id']}"),
            link("root", root),
            link("parent", here),
            link("collection", here),
        ],
    }
