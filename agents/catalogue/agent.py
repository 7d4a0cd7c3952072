# SPDX-License-Identifier: Apache-2.0
"""The catalogue's door: requests in, facts out."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from agents import plugins
from agents.catalogue.bursts.cutter import BurstCutter
from agents.catalogue.bursts.memory import BurstMemory
from agents.catalogue.bursts.ranges import FileRanges, HttpRanges, Ranges
from agents.catalogue.bursts.sources import EODATA, Sources
from agents.catalogue.catalogue import Catalogue
from agents.catalogue.templates import problem_of
from agents.logs import logger
from agents.settings import Settings
from agents.worker.door import run_worker
from agents.worker.equipment import (
    eodata_options,
    make_indexer,
    open_stores,
    s3_options,
)
from agents.worker.loop import Desk, Facts
from agents.worker.reply import reply
from infra.minio.ranges import open_ranges
from streams.envelope import Envelope
from streams.errors import IndexUnavailable, InvalidRequest, SearchError
from streams.events import IngestionRefused
from streams.failures import Failure
from streams.orders import IngestionRequest
from streams.topics import REQUESTS

_LOG = logger("catalogue")

# A catalogue that is down for longer is said to be so; the request can be sent again.
_PAUSES_S = (0.0, 2.0, 10.0, 30.0)


class Cataloguing:
    """What the catalogue does with a request."""

    def __init__(self, catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def begin(self, order: Envelope[IngestionRequest]) -> Facts:
        """Nothing: the first fact of a request is that it is accepted or refused."""
        return ()

    def carry_out(self, order: Envelope[IngestionRequest], desk: Desk) -> Facts:
        """The facts of the request's plan. Their ids are the same every time."""
        request = order.message
        events = self._plan(request, desk)
        _LOG.info(
            f"planned {len(events) - 2} tasks for {request.name}",
            action="request_planned",
            area=request.name,
            request=request.request,
        )
        now = self._clock()
        for event in events:
            about = getattr(event, "task", "")
            yield reply(order, event, "catalogue", now, about)

    def fail(
        self, order: Envelope[IngestionRequest], error: Exception, failure: Failure
    ) -> Facts:
        """The request is refused; what is wrong stands in the log."""
        problems = (
            error.problems if isinstance(error, InvalidRequest) else (str(error),)
        )
        request = order.message
        refused = IngestionRefused(request.name, request.request, problems, request.by)
        _LOG.warning(f"refused: {error}", action="request_refused", area=request.name)
        return [reply(order, refused, "catalogue", self._clock())]

    def _plan(self, request: IngestionRequest, desk: Desk) -> list[Any]:
        *pauses, last = _PAUSES_S
        for pause_s in pauses:
            desk.cancelled.wait(pause_s)
            try:
                return list(self._catalogue.plan(request))
            except (SearchError, IndexUnavailable) as error:
                _LOG.warning(str(error), action="search_failed", area=request.name)
        desk.cancelled.wait(last)
        return list(self._catalogue.plan(request))


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue that the settings describe."""
    keeper = settings.catalogue_records
    return Catalogue(
        sensors=plugins.make_all("sensor", plugins.names("sensor")),
        searches=cache(partial(plugins.make, "search")),
        default_searches=settings.catalogue_searches,
        graph_roots=[Path(root) for root in settings.graph_roots],
        limit_downloads=settings.area_downloads,
        limit_processes=settings.area_processes,
        keeper=make_indexer(keeper, settings) if keeper else None,
        cutters=[open_cutter(settings)],
    )


def open_cutter(settings: Settings) -> BurstCutter:
    """What cuts Sentinel-1 products in bursts, as the settings say.

    Without an object store every annotation is read again each time.
    """
    web = HttpRanges()
    ranges: dict[str, Ranges] = {"/": FileRanges(), "file://": FileRanges()}
    ranges |= {"http://": web, "https://": web}
    sources = [s for s in settings.catalogue_annotations if s != EODATA]
    if settings.s3_endpoint:
        ranges["s3://"] = open_ranges(s3_options(settings))
    if settings.eodata_access_key.get_secret_value():
        ranges[f"s3://{EODATA}/"] = open_ranges(eodata_options(settings))
        sources = list(settings.catalogue_annotations)
    for template in sources:
        if template != EODATA and (problem := problem_of(template)):
            raise InvalidRequest("settings", [f"CATALOGUE_ANNOTATIONS: {problem}"])
    return BurstCutter(Sources(ranges, sources), _memory(settings))


def _memory(settings: Settings) -> BurstMemory | None:
    if settings.storage_uri.startswith("s3://") and not settings.s3_endpoint:
        return None
    return BurstMemory(open_stores(settings), settings.storage_uri)


def run(settings: Settings) -> None:
    """Serve requests until told to stop."""
    trade = Cataloguing(open_catalogue(settings), lambda: datetime.now(UTC))
    run_worker("catalogue", IngestionRequest, REQUESTS, trade, settings)
