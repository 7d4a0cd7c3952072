# SPDX-License-Identifier: Apache-2.0
"""The catalogue's door: requests in, facts out."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from agents import plugins
from agents.catalogue.bursts.cutter import BurstCutter
from agents.catalogue.bursts.memory import BurstMemory
from agents.catalogue.bursts.sources import EODATA, Sources
from agents.catalogue.catalogue import Catalogue
from agents.catalogue.known import NothingKnown
from agents.catalogue.patience import patiently
from agents.catalogue.showing import Showing
from agents.catalogue.sweep import Made, Sweep
from agents.catalogue.trial import Fallback, Nothing, Rules
from agents.logs import logger
from agents.settings import Settings
from agents.worker.desk import Desk
from agents.worker.documents import Documents
from agents.worker.door import beside, run_worker
from agents.worker.equipment import (
    eodata_options,
    make_indexer,
    open_stores,
    s3_options,
)
from agents.worker.loop import Facts
from agents.worker.ranges import FileRanges, HttpRanges, Ranges
from agents.worker.reply import reply
from agents.worker.templates import problem_of
from infra.minio.ranges import open_ranges
from infra.postgres.dump import borne_records, read_rows
from streams.envelope import Envelope
from streams.errors import InvalidRequest, ReadModelError
from streams.events import Event, IngestionRefused
from streams.failures import Failure
from streams.orders import IngestionRequest, InventoryRequest
from streams.table import Row
from streams.topics import INVENTORIES, REQUESTS

_LOG = logger("catalogue")

# They wait for catalogues and for object stores, not for us.
_INVENTORIES_AT_ONCE = 4

_SWEEP_EVERY_S = 2.0

# One who does not answer is not asked for every scene.
_READ_MODEL_AGAIN_S = 10.0


class Cataloguing:
    """What the catalogue does with a request."""

    def __init__(
        self,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
        sweep: Sweep | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._sweep = sweep

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
        self,
        order: Envelope[IngestionRequest],
        error: Exception,
        failure: Failure,
        desk: Desk,
    ) -> Facts:
        """The request is refused; what is wrong stands in the log."""
        problems = (
            error.problems if isinstance(error, InvalidRequest) else (str(error),)
        )
        request = order.message
        refused = IngestionRefused(request.name, request.request, problems, request.by)
        _LOG.warning(f"refused: {error}", action="request_refused", area=request.name)
        return [reply(order, refused, "catalogue", self._clock())]

    def _plan(self, request: IngestionRequest, desk: Desk) -> list[Event]:
        made: list[str] = []
        refused = True
        try:
            events = patiently(desk, lambda: self._catalogue.plan(request, made))
            refused = False
        finally:
            if self._sweep is not None:
                told = (request.name, request.request, tuple(made), self._clock())
                self._sweep.watch(Made(*told, refused))
        return events


class _Projected:
    """What the read model knows; nothing while it does not answer.

    It spares questions and makes previews exact; no ingestion depends on it.
    """

    def __init__(self, dsn: str, away: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._away = away
        self._again = 0.0

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """See `Known.rows`."""
        if not keys or time.monotonic() < self._again:
            return {}
        try:
            return read_rows(self._dsn, keys)
        except ReadModelError as error:
            self._again = time.monotonic() + _READ_MODEL_AGAIN_S
            self._away(str(error))
            return {}

    def borne(self, records: Sequence[str]) -> set[str]:
        """See `Known.borne`."""
        return borne_records(self._dsn, records)


def _log_away(text: str) -> None:
    _LOG.warning(text, action="read_model_away")


def open_catalogue(
    settings: Settings, away: Callable[[str], None] = _log_away
) -> Catalogue:
    """The catalogue that the settings describe.

    Args:
        settings: of this process.
        away: hears that the read model does not answer.
    """
    keeper = settings.catalogue_records
    dsn = settings.postgres_dsn.get_secret_value()
    return Catalogue(
        sensors=plugins.make_all("sensor", plugins.names("sensor")),
        searches=cache(
            partial(plugins.make, "search", defaults=search_options(settings))
        ),
        default_searches=settings.catalogue_searches,
        graph_roots=[Path(root) for root in settings.graph_roots],
        annotations_from=settings.catalogue_annotations_from,
        graph_digests=settings.graph_digests,
        limit_downloads=settings.area_downloads,
        limit_processes=settings.area_processes,
        alarm_after=settings.area_alarm_after,
        keeper=make_indexer(keeper, settings) if keeper else None,
        cutters=[open_cutter(settings)],
        rules=Rules(
            Fallback(settings.catalogue_fallback),
            Nothing(settings.catalogue_nothing),
            settings.catalogue_most_scenes,
        ),
        documents=lambda uri: open_documents(settings).read(uri),
        known=_Projected(dsn, away) if dsn else NothingKnown(),
    )


def open_documents(settings: Settings) -> Documents:
    """Where posted documents and results are."""
    return Documents(open_stores(settings), settings.storage_uri)


def search_options(settings: Settings) -> dict[str, str]:
    """Options that every search has unless its own variables say otherwise."""
    return {
        "timeout_s": str(settings.catalogue_timeout_s),
        "tries": str(settings.catalogue_tries),
        "per_second": str(settings.catalogue_per_second),
        "longest_pause_s": str(settings.catalogue_longest_pause_s),
    }


def open_cutter(settings: Settings) -> BurstCutter:
    """What cuts Sentinel-1 products in bursts, as the settings say.

    Without an object store every annotation is read again each time.
    """
    return BurstCutter(open_sources(settings), _memory(settings))


def open_sources(settings: Settings) -> Sources:
    """Where annotations of Sentinel-1 are read, as the settings say.

    Raises:
        InvalidRequest: one of the templates is no URL.
    """
    web = HttpRanges()
    ranges: dict[str, Ranges] = {"/": FileRanges(), "file://": FileRanges()}
    ranges |= {"http://": web, "https://": web}
    templates = list(settings.catalogue_annotations)
    if settings.s3_endpoint:
        ranges["s3://"] = open_ranges(s3_options(settings))
    if settings.eodata_access_key.get_secret_value():
        ranges[f"s3://{EODATA}/"] = open_ranges(eodata_options(settings))
    else:
        templates = [template for template in templates if template != EODATA]
    for template in templates:
        if template != EODATA and (problem := problem_of(template)):
            raise InvalidRequest("settings", [f"CATALOGUE_ANNOTATIONS: {problem}"])
    return Sources(ranges, templates)


def _memory(settings: Settings) -> BurstMemory | None:
    if settings.storage_uri.startswith("s3://") and not settings.s3_endpoint:
        return None
    return BurstMemory(open_stores(settings), settings.storage_uri)


def run(settings: Settings) -> None:
    """Serve requests until told to stop."""
    catalogue = open_catalogue(settings)
    sweep = _open_sweep(catalogue, settings.catalogue_sweep_after_s)
    ingesting = Cataloguing(catalogue, _now, sweep)
    showing = Showing(catalogue, open_documents(settings), _now)
    with beside(
        "inventories",
        InventoryRequest,
        INVENTORIES,
        showing,
        settings,
        parallel=_INVENTORIES_AT_ONCE,
    ):
        run_worker("catalogue", IngestionRequest, REQUESTS, ingesting, settings)


def _now() -> datetime:
    return datetime.now(UTC)


def _open_sweep(catalogue: Catalogue, after_s: float) -> Sweep | None:
    """Looks after records from a thread of its own; None where there is no index."""
    if catalogue.keeper is None or isinstance(catalogue.known, NothingKnown):
        return None
    sweep = Sweep(catalogue.known, catalogue.keeper, after_s)

    def look() -> None:
        while True:
            time.sleep(_SWEEP_EVERY_S)
            sweep.look(_now())

    threading.Thread(target=look, name="sweep", daemon=True).start()
    return sweep
