# SPDX-License-Identifier: Apache-2.0
"""A single-node Kafka: broker and controller in one small process."""

import base64
import hashlib
import subprocess
from pathlib import Path
from uuid import uuid4

from infra.kafka.writer import MAX_RECORD_BYTES
from infra.local.home import Home
from infra.local.jars import kafka_jars
from infra.local.java import Java, find_java
from infra.local.service import Service
from streams.errors import StackError

NAME = "kafka"

# Writing the start-up cache takes some seconds, once.
_STOP_TIMEOUT_S = 60.0
_FORMAT_TIMEOUT_S = 120


def kafka_service(home: Home, *, heap_mb: int = 256) -> Service:
    """Kafka's process; its data folder is formatted when it is new.

    Raises:
        StackError: Java or the jars are missing, or the folder cannot be formatted.
    """
    port, controller = home.state().ports(NAME, "kafka-controller")
    java, jars = find_java(), kafka_jars(home.cache)
    settings = home.root / "kafka.properties"
    settings.write_text(_settings(home.data(NAME), port, controller))
    if not (home.data(NAME) / "meta.properties").exists():
        _format(java, jars, settings)
    return Service(
        name=NAME,
        argv=(
            str(java.path),
            "-Xms64m",
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            *_start_cache(home, java, jars),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            _class_path(jars),
            "kafka.Kafka",
            str(settings),
        ),
        port=port,
        stop_timeout_s=_STOP_TIMEOUT_S,
    )


def _class_path(jars: Path) -> str:
    return ":".join(sorted(str(jar) for jar in jars.glob("*.jar")))


def _start_cache(home: Home, java: Java, jars: Path) -> list[str]:
    """The JVM's cache of loaded classes: used if there, written at the end if not.

    It is bound to the JVM and the class path; another one is ignored by the JVM.
    """
    if not java.has_aot:
        return []
    bound = f"{java.path}:{java.version}:{_class_path(jars)}"
    name = f"kafka-{hashlib.sha256(bound.encode()).hexdigest()[:12]}.aot"
    cache = home.cache / name
    if cache.exists():
        return [f"-XX:AOTCache={cache}", "-Xlog:aot=off", "-Xlog:cds=off"]
    return [f"-XX:AOTCacheOutput={cache}", "-Xlog:aot=off", "-Xlog:cds=off"]


def _settings(data: Path, port: int, controller: int) -> str:
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # Topics come from `streams/topics.py`, not from a typo in a name.
        "auto.create.topics.enable": "false",
        "message.max.bytes": MAX_RECORD_BYTES,
        "replica.fetch.max.bytes": MAX_RECORD_BYTES,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 2,
        # The default of 128 MB would fill this heap.
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
        "broker.session.timeout.ms": 6000,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def _format(java: Java, jars: Path, settings: Path) -> None:
    """By the tool: a folder made by hand has every feature at its lowest level."""
    argv = [str(java.path), "-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    argv += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    argv += ["-cp", _class_path(jars), "kafka.tools.StorageTool", "format"]
    argv += ["--ignore-formatted", "-c", str(settings)]
    # In one word: an id may begin with a dash.
    argv += [f"--cluster-id={_cluster_id()}"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S
    )
    if done.returncode != 0:
        raise StackError(f"Kafka's data folder: {done.stdout}{done.stderr}".strip())


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
