# SPDX-License-Identifier: Apache-2.0
"""What the doors of catalogue, downloader and processor do alike: open, run, stop."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from agents.health import Pulse, serve
from agents.logs import logger
from agents.settings import Settings
from agents.worker.loop import M, Trade, Worker
from agents.worker.standing import Standings
from agents.worker.starts import Starts
from infra.kafka.connection import Connection, connection
from infra.kafka.reader import GroupReader, TopicReader
from infra.kafka.writer import Writer
from streams.errors import BrokerError
from streams.orders import DownloadOrder, ProcessOrder
from streams.topics import AREAS, Topic

_LOG = logger("worker")

# Told to the process manager: software failed, start me again.
_EXIT = 70

# A thread that ends by itself needs no longer.
_LAST_WORDS_S = 5.0


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
    turned: Callable[[], None] = lambda: None,
) -> None:
    """Carry out the orders of a topic until told to stop (SIGTERM, SIGINT).

    `turned` is called again and again meanwhile; it must be quick.
    """
    pulse = Pulse()

    def turn() -> None:
        pulse.beat()
        turned()

    worker = _worker(name, message, topic, trade, settings, parallel, turn)
    serve(settings.health_listen, pulse)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if not worker.run():
        # Python would wait for the thread of the order that does not end.
        os._exit(0)


@contextmanager
def beside(
    name: str,
    message: type[M],
    topic: Topic,
    trade: Trade[M],
    settings: Settings,
    *,
    parallel: int = 1,
) -> Iterator[None]:
    """Carry out the orders of another topic too, in a thread of this process.

    In the end what still runs is left: it is not committed, so it is done again.
    """
    worker = _worker(name, message, topic, trade, settings, parallel, lambda: None)

    def run() -> None:
        ended = False
        try:
            worker.run()
            ended = True
        finally:
            # The process must not live on without it.
            if not ended:
                _LOG.exception(f"{name} cannot go on", action="worker_failed")
                os._exit(_EXIT)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(_LAST_WORDS_S)
        if thread.is_alive():
            os._exit(0)


def _worker(
    name: str,
    message: type[M],
    topic: Topic,
    trade: Trade[M],
    settings: Settings,
    parallel: int,
    turned: Callable[[], None],
) -> Worker[M]:
    kafka = connection(settings, f"ingester-{name}")
    standings = Standings()
    tasks = message in (DownloadOrder, ProcessOrder)
    if tasks:
        _follow_areas(kafka, standings)
    return Worker(
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
        turned=turned,
        is_cancelled=standings.is_cancelled,
        starts=Starts(settings.worker_dir) if tasks else None,
    )


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
