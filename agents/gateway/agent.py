# SPDX-License-Identifier: Apache-2.0
"""The gateway's door: one FastAPI application over the read model."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import make_asgi_app

from agents.gateway import registry, stac, stac_search, status
from agents.settings import Settings
from agents.worker.equipment import open_stores
from agents.worker.store import ObjectStore
from infra.postgres.migrate import migrate
from infra.postgres.reader import ReadModelReader
from streams.errors import IngesterError

_DOCUMENTS_REMEMBERED = 2000


class StoredDocuments:
    """JSON objects of the store, the recent ones remembered: they never change."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._cached = lru_cache(_DOCUMENTS_REMEMBERED)(self._read)

    async def read(self, uri: str) -> dict[str, Any]:
        """The document under a URI."""
        text = await asyncio.to_thread(self._cached, uri)
        document: dict[str, Any] = json.loads(text)
        return document

    def _read(self, uri: str) -> bytes:
        with TemporaryDirectory() as folder:
            target = Path(folder, "document")
            self._store.get(uri, target)
            return target.read_bytes()


def build(settings: Settings) -> FastAPI:
    """The application."""
    model = ReadModelReader(settings.postgres_dsn.get_secret_value())

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await model.open()
        yield
        await model.close()

    app = FastAPI(title="Kafka geocube ingester", lifespan=life)
    app.state.model = model
    app.state.documents = StoredDocuments(open_stores(settings))
    app.include_router(status.router)
    app.include_router(registry.router)
    app.include_router(stac.router)
    app.include_router(stac_search.router)
    app.mount("/metrics", make_asgi_app())
    app.add_exception_handler(IngesterError, _unavailable)
    app.add_api_route("/healthz", _healthz, response_class=PlainTextResponse)
    return app


async def _healthz(request: Request) -> str:
    await request.app.state.model.fetch("positions")
    return "alive\n"


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503)


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    migrate(settings.postgres_dsn.get_secret_value())
    host, _, port = settings.gateway_listen.rpartition(":")
    uvicorn.run(
        build(settings),
        host=host,
        port=int(port),
        log_level="warning",
        access_log=False,
    )
