# SPDX-License-Identifier: Apache-2.0
"""Topics on the brokers, as `streams.topics` wants them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from infra.kafka.connection import METADATA_S, Connection, guarded
from infra.kafka.writer import MAX_RECORD_BYTES
from streams.errors import BrokerError
from streams.topics import Cleanup, Scale, Topic

_TIMEOUT_S = 30.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Layout:
    """How many partitions and replicas topics get on this cluster."""

    log: int = 12
    orders: int = 64
    few: int = 3
    replicas: int = 1

    def partitions(self, topic: Topic) -> int:
        """Partitions of a topic."""
        match topic.scale:
            case Scale.LOG:
                return self.log
            case Scale.ORDERS:
                return self.orders
            case Scale.FEW:
                return self.few


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the brokers have it."""

    name: str
    partitions: int
    replicas: int
    config: dict[str, str]


def create(
    connection: Connection, topics: Sequence[Topic], layout: Layout
) -> list[str]:
    """Create the topics that are not there; names of those created.

    Raises:
        BrokerError: one cannot be created, or is there with too few partitions to keep
            areas where they are.
    """
    admin = AdminClient(connection.options())
    there = _partitions(admin)
    missing = [t for t in topics if connection.prefix + t.name not in there]
    for topic in topics:
        _check(connection.prefix + topic.name, there, layout.partitions(topic))
    futures = (
        admin.create_topics(
            [_new(connection, topic, layout) for topic in missing],
            operation_timeout=_TIMEOUT_S,
        )
        if missing
        else {}
    )
    for name, future in futures.items():
        guarded(f"creating topic '{name}'", future.result)
    _wait_until_led(admin, sorted(futures))
    return sorted(futures)


def describe(connection: Connection, names: Sequence[str]) -> list[Found]:
    """These topics as the brokers have them; those that are not there are left out."""
    admin = AdminClient(connection.options())
    metadata = guarded("listing topics", lambda: admin.list_topics(timeout=METADATA_S))
    there = [connection.prefix + n for n in names]
    there = [name for name in there if name in metadata.topics]
    configs = _configs(admin, there)
    return [
        Found(
            name,
            len(metadata.topics[name].partitions),
            len(metadata.topics[name].partitions[0].replicas),
            configs[name],
        )
        for name in there
    ]


def _partitions(admin: AdminClient) -> dict[str, int]:
    metadata = guarded("listing topics", lambda: admin.list_topics(timeout=METADATA_S))
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _wait_until_led(admin: AdminClient, names: Sequence[str]) -> None:
    """A broker hears of a topic some time after it is created; agents do not wait."""
    deadline = time.monotonic() + _TIMEOUT_S
    while without := sorted(set(names) - _led(admin)):
        if time.monotonic() > deadline:
            raise BrokerError(
                f"topics {', '.join(without)}: created, and no broker leads them after "
                f"{_TIMEOUT_S:g} s; look at the log of the brokers"
            )
        time.sleep(_POLL_S)


def _led(admin: AdminClient) -> set[str]:
    """Topics of which every partition can be read and written."""
    metadata = guarded("listing topics", lambda: admin.list_topics(timeout=METADATA_S))
    return {
        name
        for name, topic in metadata.topics.items()
        if topic.error is None
        and all(part.error is None for part in topic.partitions.values())
    }


def _check(name: str, there: dict[str, int], wanted: int) -> None:
    if name in there and there[name] != wanted:
        raise BrokerError(
            f"topic '{name}' has {there[name]} partitions, the settings say {wanted}; "
            "set INGESTER_TOPICS_* to what the cluster has: keys must not move"
        )


def _new(connection: Connection, topic: Topic, layout: Layout) -> NewTopic:
    return NewTopic(
        connection.prefix + topic.name,
        num_partitions=layout.partitions(topic),
        replication_factor=layout.replicas,
        config=_config(topic, layout),
    )


def _config(topic: Topic, layout: Layout) -> dict[str, str]:
    retention = topic.retention
    retention_ms = str(int(retention.total_seconds() * 1000)) if retention else "-1"
    policy = {
        Cleanup.KEEP: "delete",
        Cleanup.EXPIRE: "delete",
        Cleanup.COMPACT: "compact",
        Cleanup.COMPACT_EXPIRE: "compact,delete",
    }[topic.cleanup]
    return {
        "cleanup.policy": policy,
        "retention.ms": retention_ms,
        "retention.bytes": "-1",
        "compression.type": "producer",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "min.insync.replicas": "2" if layout.replicas > 2 else "1",
    }


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures: dict[Any, Any] = admin.describe_configs(resources)
    found: dict[str, dict[str, str]] = {}
    for resource, future in futures.items():
        entries = guarded(f"describing topic '{resource.name}'", future.result)
        found[resource.name] = {
            name: entry.value for name, entry in entries.items() if not entry.is_default
        }
    return found
