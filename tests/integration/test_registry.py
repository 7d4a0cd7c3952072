# SPDX-License-Identifier: Apache-2.0
"""Our topics for strangers: stock clients, with the gateway as their registry."""

import os
import re
import shutil
import subprocess
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from msgspec import structs

from infra.kafka.reader import TopicReader
from streams.codec import MESSAGES, decode, pack
from streams.contract import current, full_name
from streams.envelope import Envelope, Record
from streams.events import LayerDeleted
from streams.orders import LayerReleased
from streams.topics import (
    DEAD_LETTERS,
    DOWNLOADS,
    NOTICES,
    PROCESSES,
    PROGRESS,
    RELEASES,
    REQUESTS,
    TASKS,
    TOPICS,
)
from tests.areas import ORIGIN, a_record, a_request_record, a_script, an_area
from tests.system import System
from tests.tables import wait_until_ended

AREA = "demo"
OURS = (REQUESTS, TASKS, DOWNLOADS, PROCESSES, RELEASES, NOTICES, PROGRESS)
HEADER = re.compile(r"ce_[a-z0-9]{1,20}|content-type")
REQUIRED = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"}


@pytest.fixture
def full(system):
    """Every topic holds something, most of it written by the agents themselves."""
    graph = a_script(system.folder / "graphs", "work", "import time; time.sleep(1)")
    system.environment |= {
        "INGESTER_DOWNLOADER_PROVIDERS": "null",
        "INGESTER_GRAPH_ROOTS": str(system.folder / "graphs"),
        "INGESTER_WORKER_HEARTBEAT_S": "0.2",
    }
    system.start("catalogue", "workflow", "downloader", "processor", "projector")
    system.start("gateway")
    poison = Record(TASKS.name, AREA.encode(), b"garbage")
    released = LayerReleased(AREA, f"{AREA}/s000", "s3://layers/a.tif")
    system.write(poison, a_request_record("asked"), a_record(RELEASES.name, released))
    system.write(*an_area(AREA, 3, scene_graph=graph))
    wait_until_ended(system, AREA, "asked")
    return system


def raw(system: System, topic: str) -> list[Any]:
    """Messages of a topic as a stock consumer gives them."""
    with TopicReader(system.kafka) as reader:
        spans = reader.spans(topic)
    name = system.kafka.prefix + topic
    consumer = Consumer({"bootstrap.servers": system.kafka.bootstrap, "group.id": "x"})
    consumer.assign([TopicPartition(name, span.partition, 0) for span in spans])
    left = sum(span.end - span.begin for span in spans)
    found: list[Any] = []
    while len(found) < left:
        found += consumer.consume(left - len(found), 1)
    consumer.close()
    assert all(message.error() is None for message in found)
    return found


@pytest.fixture
def registry(system):
    """A stock client of the gateway's registry; the gateway is started by the test."""
    url = system.environment["INGESTER_GATEWAY_URL"]
    with SchemaRegistryClient({"url": f"{url}/registry"}) as client:
        yield client


def test_stock_consumer_reads_every_topic_as_our_codec_does(full, registry):
    deserialize = AvroDeserializer(registry)
    for topic in (*OURS, DEAD_LETTERS):
        messages = [m for m in raw(full, topic.name) if m.value() != b"garbage"]
        assert messages, topic.name
        for message in messages:
            context = SerializationContext(topic.name, MessageField.VALUE)
            theirs = deserialize(message.value(), context)
            ours = decode(message.value())
            assert msgspec.convert(theirs, type(ours), builtin_types=_NATIVE) == ours
            check_headers(message, topic.messages)
    assert {topic.name for topic in (*OURS, DEAD_LETTERS)} <= {t.name for t in TOPICS}


_NATIVE = (bytes, type(ORIGIN))


def check_headers(message: Any, types: tuple[str, ...]) -> None:
    """CloudEvents in binary mode; a key that any console can show."""
    headers = {name: value.decode() for name, value in message.headers()}
    assert headers.keys() >= REQUIRED
    assert all(HEADER.fullmatch(name) for name in headers)
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] in types
    assert headers["content-type"] == "application/avro"
    assert message.key().decode()


def test_kcat_shows_keys_and_headers(full):
    if shutil.which("kcat") is None:
        if os.environ.get("CI"):
            pytest.fail("kcat is missing: .ci/run installs it")
        pytest.skip("kcat is not installed: apt-get install kcat")
    topic = full.kafka.prefix + TASKS.name
    done = subprocess.run(
        ["kcat", "-Ceq", "-b", full.kafka.bootstrap, "-t", topic, "-f", "%k|%h\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(full.records(TASKS.name))
    told = [line for line in lines if line.startswith(f"{AREA}|ce_specversion=1.0,")]
    assert any("ce_type=download-done" in line for line in told)


def test_stock_serializer_writes_what_our_codec_reads(system, registry):
    system.start("gateway")
    fact = LayerDeleted(AREA, f"{AREA}/s000", "s3://layers/a.tif")
    subject = full_name(current()["layer-deleted"])
    serialize = AvroSerializer(
        registry,
        conf={
            "auto.register.schemas": False,
            "use.latest.version": True,
            "subject.name.strategy": lambda *_: subject,
        },
    )
    value = serialize(
        structs.asdict(fact), SerializationContext(TASKS.name, MessageField.VALUE)
    )
    ours = pack(TASKS.name, AREA, Envelope(fact, "1", ORIGIN, "/tests"))
    assert value == ours.value
    assert decode(value) == fact


def test_registry_serves_every_message_and_registers_none(system, registry):
    system.start("gateway")
    assert len(registry.get_subjects()) == len(MESSAGES)
    for schema in current().values():
        latest = registry.get_latest_version(full_name(schema))
        assert registry.get_schema(latest.schema_id).schema_str
    with pytest.raises(Exception, match="released with the ingester's code"):
        registry.register_schema(
            full_name(schema), type(latest.schema)('{"type": "string"}', "AVRO")
        )
