# SPDX-License-Identifier: Apache-2.0
"""The gateway's door: one FastAPI application over the read model and the log."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import HTTPBearer
from prometheus_client import make_asgi_app

from agents.gateway import (
    events,
    explaining,
    history,
    machinery,
    registry,
    requests,
    results,
    sketch,
    stac,
    stac_search,
    status,
    storage,
    wishes,
)
from agents.gateway.answers import Problem
from agents.gateway.behind import Behind
from agents.gateway.catalogue import routes as catalogue_routes
from agents.gateway.catalogue.asking import Catalogue
from agents.gateway.catalogue.board import Board
from agents.gateway.guard import guard
from agents.gateway.machinery import Fresh
from agents.gateway.objects import StoredObjects
from agents.gateway.page import files as page_files
from agents.gateway.page import routes as page_routes
from agents.gateway.pasts import Pasts
from agents.gateway.pulses import Pulses
from agents.gateway.reading import Desk
from agents.gateway.reference import areas as reference_areas
from agents.gateway.reference import steering as reference_steering
from agents.gateway.reference import tasks as reference_tasks
from agents.gateway.watch import Watch
from agents.gateway.webhooks import Webhooks
from agents.logs import logger
from agents.settings import Settings
from agents.worker.documents import Documents
from agents.worker.equipment import open_stores
from agents.worker.stock import stock_of
from infra.kafka.arealog import read_area_log
from infra.kafka.cluster import AreaLog, Cluster
from infra.kafka.connection import Connection, connection
from infra.kafka.lag import Lag
from infra.kafka.reader import GroupReader, TopicReader
from infra.kafka.requests import RequestLog
from infra.kafka.writer import Writer
from infra.postgres.dump import open_table
from infra.postgres.migrate import migrate
from infra.postgres.reader import ReadModelReader
from streams.codec import pack
from streams.envelope import Envelope, Record
from streams.errors import BrokerError, IngesterError, InvalidRequest
from streams.explain import Explanation
from streams.explain import explain as explained
from streams.topics import (
    INVENTORY_PROGRESS,
    NOTICES,
    PROGRESS,
    TASKS,
    Topic,
    key_of,
    topic_of,
)

_LOG = logger("gateway")

_BROKER_AGAIN_S = 5.0

# Streams of events end at once when told to; an answer may take so much longer.
_LAST_ANSWERS_S = 10

_BEARER = HTTPBearer(auto_error=False, description="Needed once tokens are known.")

_OF_THE_GATE: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token, or one that is not known"},
    413: {"model": Problem, "description": "The body is too large"},
    429: {"model": Problem, "description": "Too many requests; see `Retry-After`"},
    503: {"model": Problem, "description": "Kafka or PostgreSQL does not answer"},
}

ROUTERS = (
    # Before the status: a task's id takes the rest of a path.
    explaining.router,
    results.router,
    status.router,
    storage.router,
    sketch.router,
    requests.router,
    history.router,
    machinery.router,
    page_routes.router,
    events.router,
    wishes.router,
    reference_areas.router,
    reference_steering.router,
    reference_tasks.router,
    catalogue_routes.router,
    registry.router,
    stac.router,
    stac_search.router,
)
"""Every route but those of `build` itself."""


class TaskLog:
    """Writes facts and requests to their topics, one batch at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()
        self._writer: Writer | None = None

    async def write(self, messages: Sequence[Envelope[Any]]) -> None:
        """Write messages; returns when every one is acknowledged."""
        await asyncio.to_thread(self._write, messages)

    def _write(self, messages: Sequence[Envelope[Any]]) -> None:
        with self._turn:
            writer, self._writer = self._writer or Writer(self._connection), None
            for topic in sorted({topic_of(m.message).name for m in messages}):
                writer.check(topic)
            writer.write(
                pack(topic_of(m.message).name, key_of(m.message), m) for m in messages
            )
            # One that failed is not used again: it remembers its failure.
            self._writer = writer


def build(settings: Settings) -> FastAPI:
    """The application."""
    model = ReadModelReader(settings.postgres_dsn.get_secret_value())
    kafka = connection(settings, "ingester-gateway")
    posting = _Posting(settings, kafka) if settings.gateway_webhooks else None

    board, pulses = Board(), Pulses()

    async def positions() -> dict[int, int]:
        found = await model.fetch("positions")
        return {row["partition"]: row["next_offset"] for row in found}

    async def position() -> int:
        return sum((await positions()).values())

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await model.open()
        # Inventories from the oldest that Kafka remembers; heartbeats come again soon.
        _start_following(kafka, INVENTORY_PROGRESS, board.see, from_end=False)
        _start_following(kafka, PROGRESS, pulses.see, from_end=True)
        if posting:
            posting.start()
        yield
        if posting:
            await asyncio.to_thread(posting.stop)
        await model.close()

    app = FastAPI(
        title="Kafka geocube ingester",
        version=version("kafka-geocube-ingester"),
        lifespan=life,
        # For the description: the gate has looked at the token before.
        dependencies=[Depends(_BEARER)],
        responses=_OF_THE_GATE,
    )
    app.state.model = model
    app.state.documents = StoredObjects(open_stores(settings))
    app.state.pulses = pulses
    app.state.desk = Desk(
        TaskLog(kafka), model, lambda: datetime.now(UTC), settings.gateway_wait_s
    )
    app.state.catalogue = Catalogue(
        board,
        Documents(open_stores(settings), settings.storage_uri),
        settings.gateway_inventory_wait_s,
    )
    stores = open_stores(settings)
    app.state.stock = lambda area: (
        stock_of(area, read_area_log(kafka, area), stores, settings.storage_uri).stock
    )
    app.state.reading_url = stores.reading_url
    app.state.limits = (settings.area_downloads, settings.area_processes)
    app.state.alarm_after = settings.area_alarm_after
    app.state.watch = Watch(position, settings.gateway_events_clients)
    app.state.behind = Behind(positions, _log_ends(kafka))
    app.state.posting = posting
    app.state.explain = _explainer(settings)
    app.state.pasts = Pasts(AreaLog(kafka))
    app.state.requests = RequestLog(kafka)
    app.state.cluster = Fresh(Cluster(kafka))
    app.state.basemap = settings.gateway_basemap
    # Before the routes: they are tried one by one, and the page is many files.
    files = page_files.PageFiles(settings.gateway_basemap)
    app.mount(page_files.PLACE, files, name="page")
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/metrics", make_asgi_app())
    app.add_exception_handler(IngesterError, _unavailable)
    health: dict[str, Any] = {"tags": ["health"], "response_class": PlainTextResponse}
    app.add_api_route("/", _hello, **health)
    app.add_api_route("/healthz", _healthz, **health)
    guard(app, settings)
    return app


def _explainer(settings: Settings) -> Callable[[str], tuple[Explanation, ...]]:
    dsn = settings.postgres_dsn.get_secret_value()

    def explain(task: str) -> tuple[Explanation, ...]:
        with open_table(dsn) as table:
            return explained(table, task, datetime.now(UTC))

    return explain


def _log_ends(kafka: Connection) -> Callable[[], dict[int, int]]:
    """What tells the ends of the task log; it connects when it is asked first."""
    lag = cache(lambda: Lag(kafka))
    return lambda: lag().ends(TASKS.name)


def _start_following(
    kafka: Connection, topic: Topic, see: Callable[[Record], None], *, from_end: bool
) -> None:
    args = (kafka, topic.name, see, from_end)
    threading.Thread(target=_follow, args=args, name=topic.name, daemon=True).start()


def _follow(
    kafka: Connection, topic: str, see: Callable[[Record], None], from_end: bool
) -> None:
    """Hear every record of a topic, for ever."""
    while True:
        try:
            with TopicReader(kafka) as reader:
                spans = reader.spans(topic) if from_end else []
                begin = {span.partition: span.end for span in spans}
                for record in reader.read(topic, follow=True, begin=begin):
                    see(record)
        except BrokerError as error:
            # Reading goes on without Kafka; so does the gateway.
            _LOG.warning(str(error), action="broker_away")
            time.sleep(_BROKER_AGAIN_S)


class _Posting:
    """The thread that posts notices."""

    def __init__(self, settings: Settings, kafka: Connection) -> None:
        secret = settings.gateway_webhook_secret.get_secret_value()
        if not secret:
            problem = "INGESTER_GATEWAY_WEBHOOK_SECRET: missing, webhooks are signed"
            raise InvalidRequest("settings", [problem])
        self._webhooks = Webhooks(
            GroupReader(
                kafka,
                "ingester-webhooks",
                [NOTICES.name],
                session_timeout_s=settings.kafka_session_timeout_s,
            ),
            Writer(kafka),
            settings.gateway_webhooks,
            secret,
            lambda: datetime.now(UTC),
            settings.gateway_webhook_tries,
        )
        self._thread = threading.Thread(target=self._run, name="webhooks")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being tried goes on after the next start."""
        self._webhooks.stop()
        self._thread.join()

    @property
    def runs(self) -> bool:
        """Does it still run?"""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._webhooks.run()
        except BrokerError as error:
            # The thread ends, and with it the gateway's health: it is started again.
            _LOG.error(str(error), action="webhooks_ended")


async def _hello(request: Request) -> Response:
    """A sign of life, as the Go ingester gives it; a browser is led to the page."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{page_files.PLACE}/")
    return PlainTextResponse("ingester ok")


async def _healthz(request: Request) -> str:
    """Is the read model there, and are the webhooks?"""
    await request.app.state.model.fetch("positions")
    posting: _Posting | None = request.app.state.posting
    if posting is not None and not posting.runs:
        raise HTTPException(503, "webhooks: ended, see the log; restart the gateway")
    return "alive\n"


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503)


class _Server(uvicorn.Server):
    """Ends streams of events when told to stop, instead of waiting for their ends."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called for SIGTERM and SIGINT."""
        self._watch.close()
        super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    app = build(settings)
    migrate(settings.postgres_dsn.get_secret_value())
    host, _, port = settings.gateway_listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host.strip("[]"),
        port=int(port),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
    _Server(config, app.state.watch).run()
