# SPDX-License-Identifier: Apache-2.0
"""Whatever catalogue eodag knows (extra `eodag`).

eodag has its own configuration and credentials; here it is only told what to look for,
and of which provider. Its ways of giving less are shut: no falling back to another
provider, errors raised, pages followed, and no area that it would simplify.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from agents.catalogue.found import FACTS, Listing, read_scene, utc
from agents.catalogue.search import Query
from agents.catalogue.searches.areas import hulls, plain
from agents.catalogue.searches.sites import PROPERTIES, Site
from agents.worker.extras import library
from streams.errors import SearchError
from streams.model import LeftOut, Scene

_COLLECTIONS: Final = Site(
    "eodag",
    collections={
        "sentinel1": {r"SLC|L?1$": "S1_SAR_SLC", r"GRD|L?1$": "S1_SAR_GRD"},
        "sentinel2": {r"1C$": "S2_MSI_L1C", r"2A$": "S2_MSI_L2A"},
        "landsat": {
            r"L?1(TP|GT|GS)?$": "LANDSAT_C2L1",
            r"L?2(SP|SR)?$": "LANDSAT_C2L2",
        },
    },
    usual=("LANDSAT_C2L1",),
)

# eodag simplifies areas whose WKT is longer than 1600 characters.
_LONGEST_WKT: Final = 1500

_WORLD: Final = shapely.box(-180, -90, 180, 90)

# It asks for what begins before the end, without the end itself.
_AFTER_END: Final = timedelta(seconds=1)


class EodagSearch:
    """One provider of eodag."""

    def __init__(self, gateway: Any, provider: str, page_size: int) -> None:
        """A search.

        Args:
            gateway: an `EODataAccessGateway`.
            provider: name by which eodag knows it.
            page_size: products of a page.
        """
        self._gateway = gateway
        self._provider = provider
        self._page_size = page_size
        self._errors = (library("eodag.utils.exceptions", "eodag").EodagError, OSError)
        # A gateway changes while it searches.
        self._lock = Lock()

    def supports(self, constellation: str) -> bool:
        """Those whose collections are known here."""
        return _COLLECTIONS.has(constellation)

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Products, to the last page.

        Raises:
            SearchError: the provider does not answer, or its answer is not complete.
        """
        for collection in self._collections(query):
            products: dict[str, Any] = {}
            for hull in hulls(query.area, _LONGEST_WKT):
                with self._lock:
                    products |= self._products(collection, query, hull)
            for name, product in products.items():
                yield read_scene(product, listing_of, name, query.sensor)

    def _collections(self, query: Query) -> list[str]:
        """Those of the query that the provider has."""
        wanted = _COLLECTIONS.collections_of(query) or ()
        try:
            has = self._gateway.providers[self._provider].collections_config
        except KeyError as error:
            raise SearchError(f"eodag: no provider '{self._provider}'") from error
        if wanted and not any(collection in has for collection in wanted):
            raise SearchError(
                f"eodag, {self._provider}: has no collection of {', '.join(wanted)}"
            )
        return [collection for collection in wanted if collection in has]

    def _products(
        self, collection: str, query: Query, hull: BaseGeometry
    ) -> dict[str, Any]:
        """The products of every page of one question, by id."""
        try:
            page = self._gateway.search(
                provider=self._provider,
                collection=collection,
                geom=plain(hull),
                start=query.start.isoformat(),
                end=(query.end + _AFTER_END).isoformat(),
                limit=self._page_size,
                count=True,
                raise_errors=True,
                validate=False,
            )
            announced = page.number_matched
            products = list(page)
            for following in page.next_page(update=False):
                products.extend(following)
        except self._errors as error:
            raise SearchError(
                f"eodag, {self._provider}: {type(error).__name__}: {error}"
            ) from error
        came = {str(product.properties["id"]): product for product in products}
        if announced is not None and len(came) < announced:
            raise SearchError(
                f"eodag, {self._provider}: {len(came)} products of '{collection}' came "
                f"of {announced} announced"
            )
        return came


def listing_of(product: Any) -> Listing:
    """The listing of a product of eodag."""
    said = product.properties
    found = {
        fact: next((said[n] for n in names if said.get(n) is not None), None)
        for fact, names in PROPERTIES.items()
        if fact in FACTS
    }
    # eodag gives the whole world to a product whose footprint it cannot read.
    known = product.geometry is not None and not product.geometry.equals(_WORLD)
    link = str(said.get("eodag:download_link") or product.location or "")
    return Listing(
        name=str(said.get("title") or said["id"]),
        date=utc(str(said.get("start_datetime") or said["datetime"])),
        footprint=str(shapely.to_wkt(product.geometry, 9)) if known else "",
        facts={fact: _text(value) for fact, value in found.items()},
        metadata={
            "uuid": str(said.get("uid") or said["id"]),
            "download_link": link,
            "eodag_provider": str(product.provider),
        },
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def make(options: Mapping[str, str]) -> EodagSearch:
    """The provider of eodag in the option `provider`; option `page_size`."""
    gateway = library("eodag", "eodag").EODataAccessGateway()
    return EodagSearch(
        gateway, options["provider"], int(options.get("page_size", "100"))
    )
