# SPDX-License-Identifier: Apache-2.0
"""One ingester on shared servers: its settings, and its agents as processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psutil

from agents.commands.gateway import Gateway
from agents.commands.provision import prepare
from agents.commands.publish import send_request
from agents.settings import PREFIX, Settings
from infra.kafka.connection import Connection, connection
from infra.kafka.reader import TopicReader
from infra.kafka.writer import Writer
from infra.local.stack import Stack
from infra.postgres.dump import read_snapshot
from streams.codec import unpack
from streams.envelope import Envelope, Record
from streams.orders import IngestionRequest
from streams.replay import Positioned, Replayed, replay
from streams.table import Row
from streams.topics import TASKS

T = TypeVar("T")

_PATIENCE_S = 120.0


def wait_for(
    ask: Callable[[], T], *, timeout_s: float = _PATIENCE_S, every_s: float = 0.05
) -> T:
    """The first true answer."""
    end = time.monotonic() + timeout_s
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TimeoutError(f"no answer in {timeout_s:g} s")
        time.sleep(every_s)
    return answer


def is_running(pid: int) -> bool:
    """Is there such a process, and is it more than what nobody has asked about yet?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def is_reached(address: str) -> bool:
    """Does somebody listen at this `host:port`?"""
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


@dataclass
class Process:
    """An agent."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """End it as a power failure would."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        """End it kindly; its exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(90)

    @property
    def runs(self) -> bool:
        """Does it still run?"""
        return self.popen.poll() is None

    def says(self, text: str) -> bool:
        """Is that in its log?"""
        return text in self.log.read_text("utf-8", "replace")


@dataclass
class System:
    """Settings and processes of one ingester."""

    environment: dict[str, str]
    folder: Path
    processes: list[Process] = field(default_factory=list)

    @staticmethod
    def on(stack: Stack, dsn: str, bucket: str, folder: Path) -> "System":
        """A system on the servers of a stack, with nothing shared but them."""
        port, geocube = free_port(), free_port()
        (folder / "products").mkdir()
        return System(
            {
                **stack.environment(),
                "INGESTER_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
                "INGESTER_TOPICS_LOG_PARTITIONS": "4",
                "INGESTER_TOPICS_ORDERS_PARTITIONS": "8",
                "INGESTER_TOPICS_FEW_PARTITIONS": "1",
                "INGESTER_KAFKA_SESSION_TIMEOUT_S": "6",
                "INGESTER_POSTGRES_DSN": dsn,
                "INGESTER_STORAGE_URI": f"s3://{bucket}",
                "INGESTER_SEARCH_LOCAL_FOLDER": str(folder / "products"),
                "INGESTER_PROVIDER_LOCAL_FOLDER": str(folder / "products"),
                "INGESTER_WORKER_DIR": str(folder / "work"),
                "INGESTER_GATEWAY_LISTEN": f"127.0.0.1:{port}",
                "INGESTER_GATEWAY_URL": f"http://127.0.0.1:{port}",
                "INGESTER_GEOCUBE_LISTEN": f"127.0.0.1:{geocube}",
                "INGESTER_GEOCUBE_ADDRESS": f"127.0.0.1:{geocube}",
                "INGESTER_GEOCUBE_DSN": dsn,
            },
            folder,
        )

    @property
    def settings(self) -> Settings:
        """The settings as an agent of this system reads them."""
        values: dict[str, Any] = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in self.environment.items()
        }
        return Settings(**values)

    @property
    def kafka(self) -> Connection:
        """How to reach its topics."""
        return connection(self.settings, "tests")

    @property
    def gateway(self) -> Gateway:
        """Its gateway's client."""
        return Gateway(self.settings)

    def provision(self) -> None:
        """Make its topics, tables and bucket."""
        prepare(self.settings)

    # -- processes

    def start(self, *names: str, **settings: str) -> list[Process]:
        """Start agents; `geocube` is the stand-in. Settings by lower-case name.

        Returns when those that listen for others do.
        """
        started = [self._start(name, settings) for name in names]
        self.processes += started
        for name in names:
            address = self.environment.get(f"{PREFIX}{name}_LISTEN".upper())
            if address is not None:
                wait_for(lambda address=address: self._listens(address))
        return started

    def _listens(self, address: str) -> bool:
        self._check()
        return is_reached(address)

    def _start(self, name: str, settings: dict[str, str]) -> Process:
        log = self.folder / f"{name}-{len(list(self.folder.glob('*.log')))}.log"
        module = ["infra.geocube.standin"]
        argv = module if name == "geocube" else ["agents", "run", name]
        more = {f"{PREFIX}{key}".upper(): value for key, value in settings.items()}
        with log.open("xb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", *argv],
                env={**os.environ, **self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return Process(name, popen, log)

    def stop(self) -> None:
        """End every process that still runs."""
        running = [process for process in self.processes if process.runs]
        for process in running:
            process.popen.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.popen.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()

    def command(
        self, *arguments: str, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `ingester` with these arguments to its end."""
        more = {f"{PREFIX}{key}".upper(): value for key, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "agents", *arguments],
            env={**os.environ, **self.environment, **more, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    # -- topics

    def send(self, request: IngestionRequest) -> None:
        """Send an ingestion request."""
        send_request(self.settings, request)

    def write(self, *records: Record) -> None:
        """Write records, as they are."""
        Writer(self.kafka).write(records)

    def records(self, topic: str) -> list[Record]:
        """Everything that a topic holds now."""
        with TopicReader(self.kafka) as reader:
            return list(reader.read(topic))

    def messages(self, topic: str) -> list[Envelope[Any]]:
        """The same, decoded."""
        return [unpack(record) for record in self.records(topic)]

    def facts(self) -> Iterator[Positioned]:
        """The task log."""
        for record in self.records(TASKS.name):
            fact: Any = unpack(record)
            yield Positioned(record.partition, record.offset, fact)

    def replayed(self) -> Replayed:
        """What the task log folds to."""
        return replay(self.facts())

    def table(self) -> dict[str, Row]:
        """The dependency table of the read model."""
        return read_snapshot(self.environment["INGESTER_POSTGRES_DSN"]).rows

    def wait_until_ended(self, area: str, *, timeout_s: float = _PATIENCE_S) -> Any:
        """Wait until every task of an area has ended; its status."""

        def ended() -> Any:
            self._check()
            found = self.gateway.area(area)
            return found if found and found["status"] in _ENDED else None

        return wait_for(ended, timeout_s=timeout_s)

    def _check(self) -> None:
        for process in self.processes:
            if not process.runs and process.popen.returncode > 0:
                raise AssertionError(
                    f"{process.name} ended: {process.log.read_text()[-3000:]}"
                )


_ENDED = ("done", "done-with-failures", "failed", "refused", "cancelled")
