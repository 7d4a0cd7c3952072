# SPDX-License-Identifier: Apache-2.0
"""The projector's door: reads the log in batches, projects, commits.

Its position is in PostgreSQL, beside the rows; what is committed to Kafka only tells
others how far it is.
"""

import signal
import threading

from prometheus_client import Counter, Gauge

from agents.health import Pulse, serve
from agents.logs import logger
from agents.projector.projection import Projection
from agents.settings import Settings
from infra.kafka.connection import connection
from infra.kafka.reader import GroupReader
from infra.postgres.migrate import migrate
from infra.postgres.read_model import ReadModelWriter
from streams.topics import TASKS

_LOG = logger("projector")

_FACTS = Counter("ingester_projector_facts_total", "Facts projected")
_BATCH = Gauge("ingester_projector_batch_facts", "Facts in the last batch")


def run(settings: Settings) -> None:
    """Project the log until told to stop."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    dsn = settings.postgres_dsn.get_secret_value()
    for name in migrate(dsn):
        _LOG.info(f"applied migration {name}", action="migrated")
    pulse = Pulse()
    serve(settings.health_listen, pulse)
    reader = GroupReader(
        connection(settings, "ingester-projector"),
        "ingester-projector",
        [TASKS.name],
        session_timeout_s=settings.kafka_session_timeout_s,
    )
    projection = Projection()
    model = ReadModelWriter(dsn)
    reader.on_revoke(lambda _: projection.forget())
    reader.on_assign(lambda places: _begin(model, places))
    _LOG.info("projector ready", action="worker_ready")
    while not stopping.is_set():
        _turn(reader, projection, model, settings.projector_batch)
        pulse.beat()
    reader.close()
    model.close()
    _LOG.info("projector stopped", action="worker_stopped")


def _begin(
    model: ReadModelWriter, places: set[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """Where the read model goes on: it may be new, or restored from a backup."""
    there = model.positions()
    return {place: there.get(place[1], 0) for place in places}


def _turn(
    reader: GroupReader, projection: Projection, model: ReadModelWriter, at_most: int
) -> None:
    records = reader.poll_many(at_most, 0.1)
    if not records:
        return
    with model.transaction():
        behind = projection.project(model, records)
    _FACTS.inc(len(records))
    _BATCH.set(len(records))
    for partition, offset in behind.items():
        _LOG.warning(
            "the read model is behind the committed offset: reading again",
            action="rewound",
            partition=partition,
            offset=offset,
        )
        reader.seek(TASKS.name, partition, offset)
    done = {(r.topic, r.partition): r.offset + 1 for r in records}
    reader.commit({p: o for p, o in done.items() if p[1] not in behind})
