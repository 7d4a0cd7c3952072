# SPDX-License-Identifier: Apache-2.0
"""OneAtlas: SPOT, Pléiades and Pléiades Neo."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from agents.catalogue.found import Listing, read_scene, utc, wkt_of
from agents.catalogue.search import Query
from agents.catalogue.searches.areas import hulls
from agents.catalogue.searches.web import (
    Web,
    credentials_of,
    manners_of,
    post_json,
    shown,
)
from agents.catalogue.sensor import Sensor
from streams.errors import SearchError
from streams.model import LeftOut, Scene

_URL: Final = "https://search.foundation.api.oneatlas.airbus.com/api/v2/opensearch"

_CONSTELLATIONS: Final = {"spot": "SPOT", "pleiades": "PHR", "pleiadesneo": "PNEO"}

_LONGEST_WKT: Final = 10_000

# Of a product, the first that is a name of the sensor.
_NAMES: Final = ("sourceIdentifier", "acquisitionIdentifier", "parentIdentifier")

# Filter → member of the question.
_ASKED: Final = {
    "acquisitionidentifier": "acquisitionIdentifier",
    "platformname": "platform",
    "processinglevel": "processingLevel",
    "relation": "relation",
    "workspace": "workspace",
}


class OneAtlasSearch:
    """Products of OneAtlas."""

    def __init__(self, url: str, web: Web, page_size: int = 200) -> None:
        self._url = url
        self._shown = shown(url)
        self._web = web
        self._page_size = page_size

    def supports(self, constellation: str) -> bool:
        """SPOT, Pléiades, Pléiades Neo."""
        return constellation in _CONSTELLATIONS

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Products in order of acquisition, to the last page.

        Raises:
            SearchError: the service does not answer, or not sensibly; or its answer is
                not complete.
        """
        seen: set[str] = set()
        for hull in hulls(query.area, _LONGEST_WKT):
            for feature in self._features(self._question(query, hull)):
                if _id(feature) in seen:
                    continue  # on both sides of the antimeridian
                seen.add(_id(feature))
                yield read_scene(
                    feature,
                    lambda feature: _listing(feature, query.sensor),
                    _id(feature),
                    query.sensor,
                )

    def _features(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The products of every page of one question."""
        came: set[str] = set()
        announced = 0
        number = 0
        while number == 0 or len(came) < announced:
            number += 1
            page = self._page({**body, "startPage": number})
            announced = announced or int(page.get("totalResults") or 0)
            fresh = [f for f in page["features"] if _id(f) not in came]
            if not fresh:
                break
            came.update(map(_id, fresh))
            yield from fresh
        if len(came) < announced:
            raise SearchError(
                f"{self._shown}: {len(came)} products came of {announced} announced"
            )

    def _page(self, body: Mapping[str, Any]) -> dict[str, Any]:
        page = self._web.json(post_json(self._url, body))
        if not isinstance(page, dict) or page.get("error"):
            said = page.get("message", "") if isinstance(page, dict) else ""
            raise SearchError(f"{self._shown}: an error instead of products: {said}")
        if not isinstance(page.get("features"), list):
            raise SearchError(f"{self._shown}: an answer without products")
        return page

    def _question(self, query: Query, hull: BaseGeometry) -> dict[str, Any]:
        start, end = (f"{t:%Y-%m-%dT%H:%M:%S.%fZ}" for t in (query.start, query.end))
        asked = {_ASKED[f.name]: f.value for f in query.filters if f.name in _ASKED}
        for wish in query.filters:
            if wish.name == "cloudcoverpercentage":
                asked["cloudCover"] = f"[{wish.low:g},{wish.high:g}]"
        return {
            "acquisitionDate": f"[{start},{end}]",
            "constellation": _CONSTELLATIONS[query.sensor.constellation],
            "geometry": shapely.geometry.mapping(hull),
            "itemsPerPage": self._page_size,
            "sortBy": "acquisitionDate",
            **asked,
        }


def _id(feature: Mapping[str, Any]) -> str:
    return str(feature.get("properties", {}).get("id", "a product without id"))


def _listing(feature: Mapping[str, Any], sensor: Sensor) -> Listing:
    said = feature["properties"]
    names = [str(said[name]) for name in _NAMES if said.get(name)]
    known = [name for name in names if sensor.fields(name) is not None]
    return Listing(
        name=(known or names)[0],
        date=utc(said["acquisitionDate"]),
        footprint=wkt_of(feature.get("geometry")),
        facts={
            "cloud_cover_pct": _text(said.get("cloudCover")),
            "incidence_angle": _text(said.get("incidenceAngle")),
            "product_type": _text(said.get("productType")),
            "level": _text(said.get("processingLevel")),
            "platform": _text(said.get("platform")),
            "published": _text(
                said.get("publicationDate") or said.get("processingDate")
            ),
        },
        metadata={"uuid": _text(said.get("id")), "download_link": _link(feature)},
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _link(feature: Mapping[str, Any]) -> str:
    """Where the product can be had without an order; empty when it must be ordered."""
    found = feature.get("_links", {}).get("download", [])
    for link in found if isinstance(found, list) else [found]:
        kind = (str(link.get("name")).lower(), str(link.get("type")).lower())
        if kind == ("download", "http"):
            return str(link.get("href", ""))
    return ""


def make(options: Mapping[str, str]) -> OneAtlasSearch:
    """OneAtlas; its key is the option `password`, its user `APIKEY` unless it says.

    Options `url`, `page_size`, and those of `Manners`.
    """
    url = options.get("url", _URL)
    password = options["password"]
    user = options.get("user", "APIKEY")
    signed = credentials_of(url, {"user": user, "password": password})
    page_size = int(options.get("page_size", "200"))
    if page_size < 1:
        raise ValueError(f"page_size: {page_size}, expected 1 or more")
    return OneAtlasSearch(url, Web(manners_of(options), signed), page_size)
