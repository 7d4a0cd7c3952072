# SPDX-License-Identifier: Apache-2.0
"""The janitor's door: releases in, objects deleted, facts out."""

import signal
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from agents.health import Pulse, serve
from agents.janitor.clean import Cleaning, Policy, Stopped, expire
from agents.logs import logger
from agents.settings import Settings
from agents.worker.documents import INVENTORIES
from agents.worker.equipment import open_stores
from infra.kafka.arealog import read_area_log
from infra.kafka.connection import Connection, connection
from infra.kafka.reader import GroupReader
from infra.kafka.writer import Writer
from streams.errors import StoreError
from streams.holdings import left_of
from streams.orders import LayerReleased
from streams.topics import AREAS, RELEASES

_LOG = logger("janitor")

_BATCH = 500
_POLL_S = 0.5
_EXPIRE_EVERY_S = 3600.0


def run(settings: Settings) -> None:
    """Delete what is released until told to stop."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pulse = Pulse()
    serve(settings.health_listen, pulse)
    kafka = connection(settings, "ingester-janitor")
    store = open_stores(settings)
    policy = Policy(settings.janitor_policy)
    cleaning = Cleaning(
        store=store,
        roots=(settings.storage_uri, *settings.janitor_roots),
        policy=policy,
        layers_of=lambda area: _layers_of(kafka, area),
        sink=Writer(kafka),
        clock=lambda: datetime.now(UTC),
        stopping=stopping,
        beat=pulse.beat,
    )
    reader = GroupReader(
        kafka,
        "ingester-janitor",
        [RELEASES.name, AREAS.name],
        session_timeout_s=settings.kafka_session_timeout_s,
    )
    _LOG.info("janitor ready", action="worker_ready", policy=policy.value)
    expired_at = -_EXPIRE_EVERY_S
    while not stopping.is_set():
        _turn(reader, cleaning)
        if time.monotonic() - expired_at >= _EXPIRE_EVERY_S:
            _expire_inventories(cleaning, settings)
            expired_at = time.monotonic()
        pulse.beat()
    reader.close()
    _LOG.info("janitor stopped", action="worker_stopped")


def _turn(reader: GroupReader, cleaning: Cleaning) -> None:
    records = reader.poll_many(_BATCH, _POLL_S)
    if not records:
        return
    try:
        cleaning.handle(records)
    except Stopped:
        return
    reader.commit({(r.topic, r.partition): r.offset + 1 for r in records})


def _expire_inventories(cleaning: Cleaning, settings: Settings) -> None:
    """Remove results of inventories that nobody can ask for any more."""
    before = datetime.now(UTC) - timedelta(days=settings.janitor_inventories_days)
    prefix = f"{settings.storage_uri.rstrip('/')}/{INVENTORIES}/"
    try:
        number = expire(cleaning.store, prefix, before, cleaning.policy, cleaning.beat)
    except StoreError as error:
        _LOG.warning(str(error), action="store_away")
    else:
        if number:
            _LOG.info(
                f"{number} old inventories", action="inventories_expired", n=number
            )


def _layers_of(kafka: Connection, area: str) -> Iterable[LayerReleased]:
    """What is intermediate of an area and was not deleted, as its log has it."""
    return left_of(entry.fact.message for entry in read_area_log(kafka, area))
