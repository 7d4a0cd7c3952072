# SPDX-License-Identifier: Apache-2.0
"""What the doors of catalogue, downloader and processor do alike: open, run, stop."""

import os
import signal
import socket
import threading
from datetime import UTC, datetime

from agents.health import Pulse, serve
from agents.logs import logger
from agents.settings import Settings
from agents.worker.loop import M, Trade, Worker
from agents.worker.standing import Standings
from infra.kafka.connection import Connection, connection
from infra.kafka.reader import GroupReader, TopicReader
from infra.kafka.writer import Writer
from streams.errors import BrokerError
from streams.orders import IngestionRequest
from streams.topics import AREAS, Topic

_LOG = logger("worker")

# Told to the process manager: software failed, start me again.
_EXIT = 70


def worker_name() -> str:
    """Name of this worker in its facts: host and process."""
    return f"{socket.gethostname()}-{os.getpid()}"


def run_worker(
    name: str,
    message: type[M],
    topic: Topic,
    trade: Trade[M],
    settings: Settings,
    *,
    parallel: int = 1,
) -> None:
    """Carry out the orders of a topic until told to stop (SIGTERM, SIGINT)."""
    kafka = connection(settings, f"ingester-{name}")
    pulse = Pulse()
    standings = Standings()
    if message is not IngestionRequest:
        _follow_areas(kafka, standings)
    worker = Worker(
        name,
        message,
        trade,
        GroupReader(
            kafka,
            f"ingester-{name}",
            [topic.name],
            max_poll_interval_s=settings.kafka_max_poll_interval_s,
            session_timeout_s=settings.kafka_session_timeout_s,
        ),
        Writer(kafka),
        lambda: datetime.now(UTC),
        worker=worker_name(),
        parallel=parallel,
        drain_s=settings.worker_drain_s,
        # Waiting for longer would cost us our place in the group.
        hand_over_s=min(
            settings.worker_drain_s, settings.kafka_max_poll_interval_s / 3
        ),
        heartbeat_s=settings.worker_heartbeat_s,
        turned=pulse.beat,
        is_cancelled=standings.is_cancelled,
    )
    serve(settings.health_listen, pulse)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if not worker.run():
        # Python would wait for the thread of the order that does not end.
        os._exit(0)


def _follow_areas(kafka: Connection, standings: Standings) -> None:
    """Know how areas stand now, and from now on by a thread of our own."""
    reader = TopicReader(kafka)
    position: dict[int, int] = {}
    for record in reader.read(AREAS.name):
        standings.see(record)
        position[record.partition] = record.offset + 1

    def follow() -> None:
        try:
            for record in reader.read(AREAS.name, follow=True, begin=position):
                standings.see(record)
        except BrokerError:
            # Who cannot hear that an area is cancelled must not go on working.
            _LOG.exception("cannot follow the areas", action="worker_failed")
            os._exit(_EXIT)

    threading.Thread(target=follow, name="areas", daemon=True).start()
