# SPDX-License-Identifier: Apache-2.0
"""STAC: an API, searched through pystac-client, or a static catalogue, walked."""

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC

import pystac
import shapely
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import NoConformsTo
from urllib3 import Retry

from agents.catalogue.search import Query
from streams.errors import SearchError
from streams.model import Scene

# One request of a search; a page of a thousand items takes some seconds.
_TIMEOUT_S = 60.0

_RETRY = Retry(
    total=5,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    respect_retry_after_header=True,
)

# Property of an item → tag of its record.
_TAGS = {
    "eo:cloud_cover": "cloudCoverPercentage",
    "landsat:cloud_cover_land": "landCloudCoverPercentage",
    "view:sun_azimuth": "sunAzimuth",
    "view:sun_elevation": "sunElevation",
    "sat:orbit_state": "orbitDirection",
    "sat:relative_orbit": "relativeOrbit",
    "sat:absolute_orbit": "orbit",
}


_FAILURES = (APIError, ClientTypeError, pystac.errors.STACError, OSError, ValueError)


class StacSearch:
    """One STAC catalogue."""

    def __init__(
        self, url: str, collections: tuple[str, ...] = (), page_size: int = 100
    ) -> None:
        self._url = url
        self._collections = collections
        self._page_size = page_size

    def supports(self, constellation: str) -> bool:
        """Any: its items' names tell."""
        return True

    def search(self, query: Query) -> Iterator[Scene]:
        """Items whose ids are product names of the sensor, to the last page.

        Raises:
            SearchError: the catalogue does not answer, or not in STAC.
        """
        for item in self._items(query):
            fields = query.sensor.fields(item.id)
            if fields is not None:
                yield _scene(item, fields, query)

    def _items(self, query: Query) -> Iterator[pystac.Item]:
        try:
            io = StacApiIO(timeout=_TIMEOUT_S, max_retries=_RETRY)
            with warnings.catch_warnings():
                # A static catalogue has no conformance to tell.
                warnings.simplefilter("ignore", NoConformsTo)
                client = Client.open(self._url, stac_io=io)
            if client.conforms_to("ITEM_SEARCH"):
                yield from self._search(client, query)
            else:
                yield from self._walk(io)
        except _FAILURES as error:
            raise SearchError(f"STAC search at {self._url}: {error}") from error

    def _search(self, client: Client, query: Query) -> Iterator[pystac.Item]:
        found = client.search(
            intersects=shapely.geometry.mapping(query.area),
            datetime=(query.start, query.end),
            collections=list(self._collections) or None,
            limit=self._page_size,
        )
        yield from found.items()

    def _walk(self, io: StacApiIO) -> Iterator[pystac.Item]:
        catalogue = pystac.Catalog.from_file(self._url, stac_io=io)
        for item in catalogue.get_items(recursive=True):
            if not self._collections or item.collection_id in self._collections:
                yield item


def _scene(item: pystac.Item, fields: dict[str, str], query: Query) -> Scene:
    if item.datetime is None or item.geometry is None:
        raise ValueError(f"item '{item.id}' has no datetime or no geometry")
    tags = {
        tag: str(item.properties[name])
        for name, tag in _TAGS.items()
        if item.properties.get(name) is not None
    }
    return Scene(
        name=fields["SCENE"],
        constellation=query.sensor.constellation,
        date=item.datetime.astimezone(UTC),
        footprint=shapely.geometry.shape(item.geometry).wkt,
        fields=fields,
        metadata=_metadata(item),
        tags=query.sensor.tags(fields) | tags,
    )


def _metadata(item: pystac.Item) -> dict[str, str]:
    metadata = {"uuid": item.id}
    if (href := item.get_self_href()) is not None:
        metadata["stac_item"] = href
    if (cover := item.properties.get("eo:cloud_cover")) is not None:
        metadata["cloud_cover_pct"] = str(cover)
    return metadata


def make(options: Mapping[str, str]) -> StacSearch:
    """A search of the catalogue at the option `url`.

    Options `collections` (comma-separated ids, all by default) and `page_size`.
    """
    collections = tuple(filter(None, options.get("collections", "").split(",")))
    return StacSearch(options["url"], collections, int(options.get("page_size", "100")))
