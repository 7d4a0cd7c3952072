# SPDX-License-Identifier: Apache-2.0
"""Public STAC APIs, as configurations of one search."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from agents.catalogue.found import FACTS
from agents.catalogue.search import Query

PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "cloud_cover_pct": ("eo:cloud_cover",),
    "land_cloud_cover_pct": ("landsat:cloud_cover_land",),
    "sun_azimuth": ("view:sun_azimuth",),
    "sun_elevation": ("view:sun_elevation",),
    "incidence_angle": ("view:incidence_angle",),
    "orbit_direction": ("sat:orbit_state",),
    "relative_orbit": ("sat:relative_orbit",),
    "absolute_orbit": ("sat:absolute_orbit",),
    "polarisations": ("sar:polarizations",),
    "product_type": ("product:type", "s2:product_type", "sar:product_type"),
    "slice": ("s1:slice_number",),
    "mode": ("sar:instrument_mode",),
    "platform": ("platform",),
    "level": ("processing:level",),
    "published": ("published", "created"),
    "baseline": ("s2:processing_baseline",),
}
"""Fact → properties of an item that may hold it, the first wins: those of the STAC
extensions."""


@dataclass(frozen=True, slots=True)
class Site:
    """One STAC catalogue: where it is, and what its items call things."""

    url: str
    collections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Constellation → pattern of product types → collection. None for a constellation:
    it is not here. Empty: every collection may have every constellation."""
    usual: tuple[str, ...] = ()
    """Collections that are asked when a request names no product type; empty: all."""
    only: tuple[str, ...] = ()
    """Collections that are asked whatever the request; empty: as above."""
    name: tuple[str, ...] = ()
    """Properties that may hold the product's name; else the item's id is the name."""
    properties: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(PROPERTIES)
    )
    sure: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Constellation → facts that every item of it has: the API may filter by them."""
    page_size: int = 100
    counted: bool = True
    """Is the number of items that the API says it matched exact?"""

    def has(self, constellation: str) -> bool:
        """May it have scenes of that constellation?"""
        return not self.collections or constellation in self.collections

    def collections_of(self, query: Query) -> list[str] | None:
        """The collections to ask; None: the site is asked without naming any."""
        if self.only:
            return list(self.only)
        if not self.collections:
            return None
        here = self.collections.get(query.sensor.constellation, {})
        wanted = [f.value for f in query.filters if f.name in _PRODUCTS]
        if not wanted:
            usual = [name for name in here.values() if name in self.usual]
            return usual or list(here.values())
        return [
            collection
            for pattern, collection in here.items()
            if all(re.search(pattern, value.upper()) for value in wanted)
        ]


_PRODUCTS: Final = ("processinglevel", "producttype")

_CLOUDS: Final = frozenset({"cloud_cover_pct"})

COPERNICUS: Final = Site(
    url="https://stac.dataspace.copernicus.eu/v1",
    collections={
        "sentinel1": {r"SLC|L?1$": "sentinel-1-slc", r"GRD|L?1$": "sentinel-1-grd"},
        "sentinel2": {r"1C$": "sentinel-2-l1c", r"2A$": "sentinel-2-l2a"},
    },
    sure={
        "sentinel1": frozenset({"relative_orbit", "orbit_direction"}),
        "sentinel2": _CLOUDS | {"relative_orbit"},
    },
)

EARTH_SEARCH: Final = Site(
    url="https://earth-search.aws.element84.com/v1",
    collections={
        "sentinel1": {r"GRD|L?1$": "sentinel-1-grd"},
        "sentinel2": {r"1C$": "sentinel-2-l1c", r"2A$": "sentinel-2-l2a"},
        "landsat": {r"L?2(SP|SR)?$": "landsat-c2-l2"},
    },
    # Its ids are its own: `S2B_27VWK_20240206_0_L1C`.
    name=("s2:product_uri",),
    sure={"sentinel2": _CLOUDS, "landsat": _CLOUDS},
)

USGS: Final = Site(
    url="https://landsatlook.usgs.gov/stac-server",
    collections={
        "landsat": {
            r"L?1(TP|GT|GS)?$": "landsat-c2l1",
            r"L?2(SP|SR)?$": "landsat-c2l2-sr",
        }
    },
    usual=("landsat-c2l1",),
    sure={"landsat": _CLOUDS},
    # Larger pages have been answered with errors of the server.
    page_size=500,
)

PLANETARY_COMPUTER: Final = Site(
    url="https://planetarycomputer.microsoft.com/api/stac/v1",
    collections={
        "sentinel1": {r"GRD|L?1$": "sentinel-1-grd"},
        "sentinel2": {r"2A$": "sentinel-2-l2a"},
        "landsat": {r"L?2(SP|SR)?$": "landsat-c2-l2"},
    },
    # Its ids of Sentinel-2 leave the processing baseline out.
    name=("s2:product_uri",),
    sure={"sentinel2": _CLOUDS, "landsat": _CLOUDS},
    page_size=250,
    # It may estimate.
    counted=False,
)


def configured(site: Site, options: Mapping[str, str]) -> Site:
    """A site changed by a search's options.

    Options `url`, `collections` (ids, comma-separated), `page_size`, `counted`
    (`true` or `false`), `name` (properties that hold the product's name), and for every
    fact of `agents/catalogue/found.py` the properties that hold it.

    Raises:
        ValueError: an option cannot be understood.
    """
    if (counted := options.get("counted", str(site.counted)).lower()) not in _BOOLEANS:
        raise ValueError(f"counted: '{counted}', expected true or false")
    facts = {fact: _words(options[fact]) for fact in FACTS if fact in options}
    page_size = int(options.get("page_size", site.page_size))
    if page_size < 1:
        raise ValueError(f"page_size: {page_size}, expected 1 or more")
    return replace(
        site,
        url=options.get("url", site.url).rstrip("/"),
        only=_words(options.get("collections", "")) or site.only,
        name=_words(options.get("name", "")) or site.name,
        properties={**site.properties, **facts},
        page_size=page_size,
        counted=_BOOLEANS[counted],
    )


_BOOLEANS: Final = {"true": True, "false": False}


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
