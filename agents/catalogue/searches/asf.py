# SPDX-License-Identifier: Apache-2.0
"""The Alaska Satellite Facility: Sentinel-1, through asf-search (extra `asf`)."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from shapely.geometry.base import BaseGeometry
from urllib3 import Retry

from agents.catalogue.found import Listing, read_scene, utc, wkt_of
from agents.catalogue.search import Query
from agents.catalogue.searches.areas import hulls, plain
from agents.catalogue.searches.web import Manners, manners_of
from agents.worker.extras import library
from agents.worker.hosts import pace_of
from streams.errors import SearchError
from streams.model import LeftOut, Scene

# Kinds of products that are asked for at once where a request wants one.
_LEVELS: Final = {"SLC": ["SLC"], "GRD": ["GRD_HD", "GRD_HS", "GRD_MD", "GRD_MS"]}

# The library simplifies areas with more corners, and may lose scenes by it.
_LONGEST_WKT: Final = 2000


class AsfSearch:
    """Sentinel-1 products of the Alaska Satellite Facility."""

    def __init__(self, manners: Manners) -> None:
        self._asf = library("asf_search", "asf")
        # Else the library tells its makers of every failure, with the question.
        self._asf.REPORT_ERRORS = False
        self._manners = manners

    def supports(self, constellation: str) -> bool:
        """Sentinel-1."""
        return constellation == "sentinel1"

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Products, to the last page.

        Raises:
            SearchError: the service does not answer, or its answer is not complete.
        """
        try:
            yield from self._search(query)
        except (self._asf.exceptions.ASFError, RequestException, ValueError) as error:
            raise SearchError(f"ASF: {type(error).__name__}: {error}") from error

    def _search(self, query: Query) -> Iterator[Scene | LeftOut]:
        session = _session(self._asf, self._manners)
        seen: set[str] = set()
        for hull in hulls(query.area, _LONGEST_WKT):
            for product in self._products(question_of(query, hull), session):
                name = str(product.properties["fileID"])
                if name not in seen:
                    seen.add(name)
                    yield read_scene(product, listing_of, name, query.sensor)

    def _products(self, question: Mapping[str, Any], session: Any) -> Iterator[Any]:
        """The products of every page of one question."""
        announced = self._asf.search_count(
            opts=self._asf.ASFSearchOptions(**question, session=session)
        )
        came: set[str] = set()
        for page in self._asf.search_generator(
            opts=self._asf.ASFSearchOptions(**question, session=session)
        ):
            came.update(str(product.properties["fileID"]) for product in page)
            yield from page
        if len(came) < announced:
            raise SearchError(
                f"ASF: {len(came)} products came of {announced} announced"
            )


def question_of(query: Query, hull: BaseGeometry) -> dict[str, Any]:
    """Options of asf-search."""
    question: dict[str, Any] = {
        "dataset": "SENTINEL-1",
        "start": query.start,
        "end": query.end,
        "intersectsWith": plain(hull),
        "processingLevel": [level for some in _LEVELS.values() for level in some],
    }
    for wish in query.filters:
        match wish.name:
            case "producttype":
                question["processingLevel"] = _LEVELS.get(wish.value, [wish.value])
            case "relativeorbitnumber":
                question["relativeOrbit"] = [int(wish.value)]
            case "orbitdirection":
                question["flightDirection"] = wish.value
            case "sensoroperationalmode":
                question["beamMode"] = wish.value.split()
    return question


def listing_of(product: Any) -> Listing:
    """The listing of a product of asf-search."""
    said = product.properties
    return Listing(
        name=said["sceneName"],
        date=utc(said["startTime"]),
        footprint=wkt_of(product.geometry),
        facts={
            "orbit_direction": _text(said.get("flightDirection")),
            "relative_orbit": _text(said.get("pathNumber")),
            "absolute_orbit": _text(said.get("orbit")),
            "polarisations": _text(said.get("polarization")),
            "mode": _text(said.get("beamModeType")),
            "published": _text(said.get("processingDate")),
        },
        metadata={
            "uuid": _text(said.get("fileID")),
            "download_link": _text(said.get("url")),
            "md5": _text(said.get("md5sum")),
            "size_bytes": _text(said.get("bytes")),
        },
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _session(asf: Any, manners: Manners) -> Any:
    """A session of the library with our manners."""

    class Paced(asf.ASFSession):  # type: ignore[misc]  # imported late
        """Waits for its turn."""

        def send(self, request: Any, **options: Any) -> Any:
            time.sleep(pace_of(request.url).turn(manners.per_second))
            return super().send(request, **{**options, "timeout": manners.timeout_s})

    session = Paced()
    retry = Retry(
        total=manners.tries - 1,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        backoff_max=manners.longest_pause_s,
        retry_after_max=int(manners.longest_pause_s),
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=None,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def make(options: Mapping[str, str]) -> AsfSearch:
    """ASF; options of `Manners`."""
    return AsfSearch(manners_of(options))
