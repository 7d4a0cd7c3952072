# SPDX-License-Identifier: Apache-2.0
"""STAC: an API, searched through pystac-client, or a static catalogue, walked."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import pystac
import shapely
from pystac.utils import make_absolute_href
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry.base import BaseGeometry

from agents.catalogue.found import Listing, read_scene, utc, wkt_of
from agents.catalogue.search import Query
from agents.catalogue.searches.sites import (
    COPERNICUS,
    EARTH_SEARCH,
    PLANETARY_COMPUTER,
    USGS,
    Site,
    configured,
)
from agents.catalogue.searches.web import (
    Ask,
    Manners,
    Web,
    credentials_of,
    manners_of,
    post_json,
    shown,
    with_query,
)
from streams.errors import SearchError
from streams.model import LeftOut, Scene

_FAILURES: Final = (
    APIError,
    ClientTypeError,
    pystac.errors.STACError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)
"""What comes out of the libraries when an answer is not what it should be."""

# Servers that filter late give empty pages before the next full one.
_MOST_EMPTY: Final = 50

# Of an area in a URL, which servers and proxies refuse beyond 8 kB.
_LONGEST_WKT: Final = 2000

# Assets that are the product itself, in Copernicus and other catalogues.
_PRODUCT_ASSETS: Final = ("Product", "PRODUCT", "product")


class StacSearch:
    """One STAC catalogue."""

    def __init__(self, site: Site, web: Web | None = None) -> None:
        self._site = site
        self._shown = shown(site.url)
        self._io = _Io(web or Web(Manners()))

    def supports(self, constellation: str) -> bool:
        """As the site's configuration says; its items' names tell."""
        return self._site.has(constellation)

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Items whose names are product names of the sensor, to the last page.

        Raises:
            SearchError: the catalogue does not answer, or not in STAC; or its answer is
                not complete.
        """
        collections = self._site.collections_of(query)
        if collections == []:
            return  # no collection here has such products
        named = collections is not None
        try:
            for item in self._items(query, collections):
                name = str(item.get("id", "an item without id"))
                scene = read_scene(item, self._listing, name, query.sensor)
                # Where anything may be found, only products of the sensor are found.
                if named or isinstance(scene, Scene):
                    yield scene
        except _FAILURES as error:
            raise SearchError(
                f"STAC search at {self._shown}: {type(error).__name__}: {error}"
            ) from error

    def _items(
        self, query: Query, collections: list[str] | None
    ) -> Iterator[dict[str, Any]]:
        # `open` warns of static catalogues, and hushing warnings is not for threads.
        client = Client.from_file(self._site.url, stac_io=self._io)
        if not client.conforms_to("ITEM_SEARCH"):
            return self._walk(collections)
        if client.conforms_to("COLLECTIONS") or client.conforms_to("FEATURES"):
            for name in collections or ():
                # An API finds nothing in a collection that it does not have.
                client.get_collection(name)
        return self._search(client, query, collections)

    def _search(
        self, client: Client, query: Query, collections: list[str] | None
    ) -> Iterator[dict[str, Any]]:
        method = _method(client)
        wanted = client.search(
            method=method,
            intersects=shapely.geometry.mapping(_area(query.area, method)),
            datetime=(query.start, query.end),
            collections=collections,
            limit=self._site.page_size,
            query=self._conditions(query) if client.conforms_to("QUERY") else None,
        )
        seen: set[tuple[str, str]] = set()
        announced = None
        empty = 0
        for page in self._io.get_pages(
            wanted.url, wanted.method, wanted.get_parameters()
        ):
            items = page["features"]
            announced = _announced(page) if announced is None else announced
            fresh = [item for item in items if _key(item) not in seen]
            if items and not fresh:
                raise SearchError(f"{self._shown}: the same items on every page")
            empty = 0 if items else empty + 1
            if empty > _MOST_EMPTY:
                raise SearchError(f"{self._shown}: empty pages without end")
            seen.update(map(_key, items))
            yield from fresh
        if self._site.counted and announced is not None and len(seen) < announced:
            raise SearchError(
                f"{self._shown}: {len(seen)} items came of {announced} announced"
            )

    def _conditions(self, query: Query) -> dict[str, Any] | None:
        """Filters that the API can apply as we do: on facts that all items have."""
        sure = self._site.sure.get(query.sensor.constellation, frozenset())
        conditions: dict[str, Any] = {}
        for wish in query.filters:
            fact = _FACT_OF.get(wish.name, "")
            if fact not in sure:
                continue
            (name, *_) = self._site.properties[fact]
            match fact:
                case "cloud_cover_pct":
                    conditions[name] = {"gte": wish.low, "lte": wish.high}
                case "orbit_direction":
                    conditions[name] = {"eq": wish.value.lower()}
                case _:
                    conditions[name] = {"eq": int(wish.value)}
        return conditions or None

    def _walk(self, collections: list[str] | None) -> Iterator[dict[str, Any]]:
        waiting = [self._site.url]
        seen = set(waiting)
        while waiting:
            href = waiting.pop()
            found = self._io.read_json(href)
            if found.get("type") == "Feature":
                if collections is None or found.get("collection") in collections:
                    yield _placed(found, href)
                continue
            if found.get("type") not in ("Catalog", "Collection"):
                raise SearchError(f"STAC search at {href}: neither catalogue nor item")
            for link in reversed(found["links"]):
                below = make_absolute_href(link["href"], href)
                if link["rel"] in ("child", "item") and below not in seen:
                    seen.add(below)
                    waiting.append(below)

    def _listing(self, item: Mapping[str, Any]) -> Listing:
        properties = item["properties"]
        name = next((v for p in self._site.name if (v := properties.get(p))), "")
        return Listing(
            name=str(name or item["id"]),
            date=_date(properties),
            footprint=wkt_of(item.get("geometry")),
            facts={
                fact: _text(value)
                for fact, names in self._site.properties.items()
                for value in [_first(properties, names)]
                if value is not None
            },
            metadata=_metadata(item),
        )


_FACT_OF: Final = {
    "cloudcoverpercentage": "cloud_cover_pct",
    "orbitdirection": "orbit_direction",
    "relativeorbitnumber": "relative_orbit",
}


class _Io(StacApiIO):
    """pystac-client's way to the network, which is ours."""

    def __init__(self, web: Web) -> None:
        super().__init__()
        self._web = web

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The body of an answer; JSON, as everything in STAC."""
        if (method or "GET").upper() == "POST":
            ask = post_json(href, parameters or {}, headers)
        else:
            ask = Ask(with_query(href, parameters or {}), headers=headers or {})
        return self._web.json_text(ask)

    def get_pages(
        self,
        url: str,
        method: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every page. The library's own ends at an empty one, whatever comes after."""
        page = self.read_json(url, method=method, parameters=parameters)
        seen: set[str] = set()
        while True:
            if not isinstance(page.get("features"), list):
                raise SearchError(f"{shown(url)}: a page without features")
            yield page
            following = [k for k in page.get("links", []) if k.get("rel") == "next"]
            if not following:
                return
            mark = json.dumps(following[0], sort_keys=True)
            if mark in seen:
                raise SearchError(f"{shown(url)}: pages that lead back to themselves")
            seen.add(mark)
            page = self.read_json(
                pystac.Link.from_dict(following[0]), parameters=parameters
            )


def _placed(item: dict[str, Any], href: str) -> dict[str, Any]:
    """An item of a file, with the link to itself that it may lack."""
    links = item.get("links", [])
    if any(link["rel"] == "self" for link in links):
        return item
    return {**item, "links": [*links, {"rel": "self", "href": href}]}


def _method(client: Client) -> str:
    """POST where the API takes it: an area may be too long for a URL."""
    links = client.get_links("search")
    methods = {link.extra_fields.get("method", "GET").upper() for link in links}
    return "POST" if "POST" in methods else "GET"


def _area(area: BaseGeometry, method: str) -> BaseGeometry:
    """The area, or what is around it when a URL has no room; the inventory knows it."""
    if method == "POST" or len(area.wkt) <= _LONGEST_WKT:
        return area
    return area.envelope


def _announced(page: Mapping[str, Any]) -> int | None:
    """How many items the API says there are."""
    context = page.get("context") or page.get("search:metadata") or {}
    matched = page.get("numberMatched", context.get("matched"))
    return matched if isinstance(matched, int) else None


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item.get("collection")), str(item["id"])


def _date(properties: Mapping[str, Any]) -> datetime | None:
    """Start of sensing, as in all other catalogues."""
    text = properties.get("start_datetime") or properties.get("datetime")
    return utc(text) if text else None


def _first(properties: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((v for n in names if (v := properties.get(n)) is not None), None)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _metadata(item: Mapping[str, Any]) -> dict[str, str]:
    hrefs = {link["rel"]: link["href"] for link in item.get("links", [])}
    assets = item.get("assets") or {}
    product: dict[str, Any] = next(
        (assets[name] for name in _PRODUCT_ASSETS if name in assets), {}
    )
    manifest = assets.get("safe_manifest", {}).get("href", "")
    folder, _, file = manifest.removeprefix("s3:/").rpartition("/")
    return {
        "uuid": item["id"],
        "stac_item": hrefs.get("self", ""),
        "download_link": product.get("href", ""),
        "size_bytes": str(product.get("file:size") or ""),
        "s3_path": folder if file == "manifest.safe" else "",
    }


def _make(site: Site, options: Mapping[str, str]) -> StacSearch:
    site = configured(site, options)
    web = Web(manners_of(options), credentials_of(site.url, options))
    return StacSearch(site, web)


def make(options: Mapping[str, str]) -> StacSearch:
    """A search of the catalogue at the option `url`; others as `configured` says."""
    return _make(Site(options["url"]), options)


def make_copernicus(options: Mapping[str, str]) -> StacSearch:
    """Copernicus Data Space."""
    return _make(COPERNICUS, options)


def make_earth_search(options: Mapping[str, str]) -> StacSearch:
    """Earth Search."""
    return _make(EARTH_SEARCH, options)


def make_usgs(options: Mapping[str, str]) -> StacSearch:
    """USGS Landsat."""
    return _make(USGS, options)


def make_planetary_computer(options: Mapping[str, str]) -> StacSearch:
    """Planetary Computer."""
    return _make(PLANETARY_COMPUTER, options)
