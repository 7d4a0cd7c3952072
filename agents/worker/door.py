# SPDX-License-Identifier: Apache-2.0
"""What the doors of catalogue, downloader and processor do alike: open, run, stop."""

import os
import signal
import socket
from datetime import UTC, datetime

from agents.health import Pulse, serve
from agents.settings import Settings
from agents.worker.loop import M, Trade, Worker
from infra.kafka.connection import connection
from infra.kafka.reader import GroupReader
from infra.kafka.writer import Writer
from streams.topics import Topic


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
    )
    serve(settings.health_listen, pulse)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if not worker.run():
        # Python would wait for the thread of the order that does not end.
        os._exit(0)
