# SPDX-License-Identifier: Apache-2.0
"""OData, as the Copernicus Data Space and CREODIAS speak it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from agents.catalogue.filters import Filter
from agents.catalogue.found import Listing, read_scene, utc, wkt_of
from agents.catalogue.search import Query
from agents.catalogue.searches.areas import hull, plain, sides
from agents.catalogue.searches.web import (
    Ask,
    Web,
    credentials_of,
    manners_of,
    shown,
    with_query,
)
from streams.errors import SearchError
from streams.model import LeftOut, Scene

_COLLECTIONS: Final = {"sentinel1": "SENTINEL-1", "sentinel2": "SENTINEL-2"}

_MOMENT: Final = timedelta(milliseconds=1)
"""Times are asked for in milliseconds."""

_SHORTEST: Final = timedelta(seconds=1)
"""An interval with too many products is halved down to this."""

# Servers and proxies refuse URLs of more than 8 kB; escaping triples some characters.
_LONGEST_WKT: Final = 1500
_MOST_HULLS: Final = 4


@dataclass(frozen=True, slots=True)
class Service:
    """One OData service."""

    url: str
    """Of its products."""
    download: str
    """Where a product is, by its `{Id}`."""
    page_size: int = 1000
    """Its limit."""
    reach: int = 10_000
    """Products of one question that it lets be skipped; further ones are asked for in
    shorter intervals."""


COPERNICUS: Final = Service(
    "https://catalogue.dataspace.copernicus.eu/odata/v1/Products",
    "https://download.dataspace.copernicus.eu/odata/v1/Products({Id})/$value",
)

CREODIAS: Final = Service(
    "https://datahub.creodias.eu/odata/v1/Products",
    "https://zipper.creodias.eu/odata/v1/Products({Id})/$value",
)


class ODataSearch:
    """Products of an OData service."""

    def __init__(self, service: Service, web: Web) -> None:
        self._service = service
        self._web = web

    def supports(self, constellation: str) -> bool:
        """Sentinel-1 and Sentinel-2."""
        return constellation in _COLLECTIONS

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Products in order of date, to the last page.

        Raises:
            SearchError: the service does not answer, or not in OData; or its answer is
                not complete.
        """
        seen: set[object] = set()
        for entry in self._interval(query, query.start, query.end):
            if entry.get("Id") in seen:
                continue  # on the border of two intervals
            seen.add(entry.get("Id"))
            name = str(entry.get("Name", "a product without name"))
            yield read_scene(entry, self._listing, name, query.sensor)

    def _interval(
        self, query: Query, start: datetime, end: datetime
    ) -> Iterator[dict[str, Any]]:
        first = self._page(self._first_url(query, start, end))
        announced = first.get("@odata.count")
        if isinstance(announced, int) and announced > self._service.reach:
            if end - start <= _SHORTEST:
                raise SearchError(
                    f"{shown(self._service.url)}: {announced} products at {start}, "
                    f"more than the {self._service.reach} it can list"
                )
            middle = start + (end - start) / 2
            yield from self._interval(query, start, middle)
            yield from self._interval(query, middle + _MOMENT, end)
        else:
            yield from self._pages(first, announced)

    def _pages(
        self, page: dict[str, Any], announced: object
    ) -> Iterator[dict[str, Any]]:
        """The products of a page and of those that follow."""
        came: set[str] = set()
        urls: set[str] = set()
        while True:
            fresh = [e for e in page["value"] if str(e.get("Id")) not in came]
            if page["value"] and not fresh:
                raise self._error("the same products on every page")
            came.update(str(entry.get("Id")) for entry in fresh)
            yield from fresh
            url = page.get("@odata.nextLink") or ""
            if not url:
                break
            if url in urls:
                raise self._error("pages that lead back to themselves")
            urls.add(url)
            page = self._page(url)
        if isinstance(announced, int) and len(came) < announced:
            raise self._error(f"{len(came)} products came of {announced} announced")
        if len(came) > self._service.reach:
            raise self._error(f"it ended after {len(came)} products, at its own limit")

    def _page(self, url: str) -> dict[str, Any]:
        page = self._web.json(Ask(url))
        status = page.get("status", 0) if isinstance(page, dict) else None
        if status not in (0, 200) or not isinstance(page.get("value"), list):
            raise self._error("an answer without products: no OData")
        return dict(page)

    def _error(self, problem: str) -> SearchError:
        return SearchError(f"{shown(self._service.url)}: {problem}")

    def _first_url(self, query: Query, start: datetime, end: datetime) -> str:
        terms = [
            f"Collection/Name eq '{_COLLECTIONS[query.sensor.constellation]}'",
            _area_term(query.area),
            f"ContentDate/Start ge {_time(start)}",
            f"ContentDate/Start le {_time(end + _MOMENT)}",
            *sorted(filter(None, (_term(f, query) for f in query.filters))),
        ]
        return with_query(
            self._service.url,
            {
                "$filter": " and ".join(terms),
                "$orderby": "ContentDate/Start asc",
                "$top": self._service.page_size,
                "$skip": 0,
                "$count": "True",
                "$expand": "Attributes",
            },
        )

    def _listing(self, entry: Mapping[str, Any]) -> Listing:
        said = {a["Name"]: a["Value"] for a in entry.get("Attributes", [])}
        facts = {
            fact: str(said[name])
            for name, fact in _FACTS.items()
            if said.get(name) is not None
        }
        date = entry.get("ContentDate", {}).get("Start")
        return Listing(
            name=entry["Name"],
            date=utc(date) if date else None,
            footprint=wkt_of(entry.get("GeoFootprint")),
            facts={**facts, "published": entry.get("PublicationDate") or ""},
            metadata={
                "uuid": entry["Id"],
                "download_link": self._service.download.format(Id=entry["Id"]),
                "s3_path": entry.get("S3Path") or "",
                "md5": _md5(entry),
                "size_bytes": str(entry.get("ContentLength") or ""),
                "online": str(entry["Online"]).lower() if "Online" in entry else "",
            },
        )


_FACTS: Final = {
    "cloudCover": "cloud_cover_pct",
    "orbitDirection": "orbit_direction",
    "relativeOrbitNumber": "relative_orbit",
    "orbitNumber": "absolute_orbit",
    "polarisationChannels": "polarisations",
    "operationalMode": "mode",
    "productType": "product_type",
    "sliceNumber": "slice",
    "processorVersion": "baseline",
}
"""Attribute of a product → fact."""


def _md5(entry: Mapping[str, Any]) -> str:
    found = {c.get("Algorithm"): c.get("Value") for c in entry.get("Checksum") or []}
    return str(found.get("MD5") or "")


def _time(time: datetime) -> str:
    """Milliseconds, cut off: an end has one added to it before."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def _area_term(area: BaseGeometry) -> str:
    """Meets the area: as it is if it is short, else hulls of its parts."""
    shapes = [area]
    if not isinstance(area, shapely.Polygon) or len(plain(area)) > _LONGEST_WKT:
        parts = list(getattr(area, "geoms", [area]))
        parts = parts if len(parts) <= _MOST_HULLS else sides(area)
        shapes = [hull(part, _LONGEST_WKT) for part in parts]
    terms = [
        f"OData.CSC.Intersects(area=geography'SRID=4326;{plain(shape)}')"
        for shape in shapes
    ]
    return terms[0] if len(terms) == 1 else f"({' or '.join(terms)})"


def _term(wish: Filter, query: Query) -> str:
    """A filter as the service applies it; empty when only we do.

    Product types are looked for in names: their attribute has been written in a short
    and in a long form.
    """
    match wish.name, query.sensor.constellation:
        case "cloudcoverpercentage", "sentinel2":
            return (
                f"{_attribute('Double', 'cloudCover', 'ge', f'{wish.low:.6f}')} and "
                f"{_attribute('Double', 'cloudCover', 'le', f'{wish.high:.6f}')}"
            )
        case "relativeorbitnumber", _:
            return _attribute("Integer", "relativeOrbitNumber", "eq", wish.value)
        case "orbitnumber", _:
            return _attribute("Integer", "orbitNumber", "eq", wish.value)
        case "orbitdirection", "sentinel1":
            return _attribute("String", "orbitDirection", "eq", _quoted(wish.value))
        case "producttype", "sentinel1" if wish.value in ("SLC", "GRD", "OCN", "RAW"):
            return f"contains(Name,'_{wish.value}')"
        case "producttype", "sentinel2" if wish.value.startswith("S2MSI"):
            return f"contains(Name,'_MSIL{wish.value.removeprefix('S2MSI')}_')"
        case "filename", _ if not set("*?[") & set(wish.value.strip("*")):
            return f"contains(Name,{_quoted(wish.value.strip('*'))})"
        case _:
            return ""


def _attribute(kind: str, name: str, relation: str, value: str) -> str:
    return (
        f"Attributes/OData.CSC.{kind}Attribute/any(att:att/Name eq '{name}' and "
        f"att/OData.CSC.{kind}Attribute/Value {relation} {value})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _make(service: Service, options: Mapping[str, str]) -> ODataSearch:
    service = replace(
        service,
        url=options.get("url", service.url),
        download=options.get("download", service.download),
        page_size=int(options.get("page_size", service.page_size)),
    )
    if not 1 <= service.page_size <= service.reach:
        raise ValueError(f"page_size: {service.page_size}, expected 1 or more")
    web = Web(manners_of(options), credentials_of(service.url, options))
    return ODataSearch(service, web)


def make_copernicus(options: Mapping[str, str]) -> ODataSearch:
    """Copernicus Data Space; options `url`, `download`, `page_size`, of `Manners`."""
    return _make(COPERNICUS, options)


def make_creodias(options: Mapping[str, str]) -> ODataSearch:
    """CREODIAS; options as for Copernicus."""
    return _make(CREODIAS, options)
