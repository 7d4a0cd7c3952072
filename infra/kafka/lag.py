# SPDX-License-Identifier: Apache-2.0
"""How far a group is behind on a topic, and where a key lies."""

from typing import Any

from aiokafka.partitioner import murmur2
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.kafka.connection import METADATA_S, Connection, guarded


class Lag:
    """Looks into consumer groups."""

    def __init__(self, connection: Connection) -> None:
        self._prefix = connection.prefix
        self._admin = AdminClient(connection.options())

    def of(self, group: str, topic: str) -> dict[int, int]:
        """Records that the group has not committed yet, by partition of the topic."""
        begins = self._offsets(topic, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self.ends(topic)
        name = self._prefix + topic
        committed = self._committed(self._prefix.replace(".", "-") + group, name)
        return {
            partition: behind(begins[partition], end, committed.get(partition))
            for partition, end in ends.items()
        }

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition of a topic.

        Raises:
            BrokerError: they cannot be asked.
        """
        return self._offsets(topic, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def _offsets(self, topic: str, spec: Any) -> dict[int, int]:
        name = self._prefix + topic
        metadata = guarded(
            f"topic '{name}'", lambda: self._admin.list_topics(name, timeout=METADATA_S)
        )
        wanted = {
            TopicPartition(name, partition): spec
            for partition in metadata.topics[name].partitions
        }
        futures = self._admin.list_offsets(wanted)
        return {
            place.partition: guarded(f"topic '{name}'", future.result).offset
            for place, future in futures.items()
        }

    def _committed(self, group: str, name: str) -> dict[int, int]:
        asked = [ConsumerGroupTopicPartitions(group)]
        future = self._admin.list_consumer_group_offsets(asked)[group]
        found = guarded(f"group '{group}'", future.result)
        return {
            place.partition: place.offset
            for place in found.topic_partitions
            if place.topic == name
        }


def behind(begin: int, end: int, committed: int | None) -> int:
    """Records of a partition that a group has to read yet.

    Args:
        begin: offset of the first record that is still there.
        end: offset after the last one.
        committed: by the group; None, or negative, when nothing was.
    """
    return max(end - max(begin, committed or 0), 0)


def partition_of(key: str, partitions: int) -> int:
    """Where every producer of ours puts this key (murmur2, as in Java)."""
    return (int(murmur2(key.encode())) & 0x7FFFFFFF) % partitions
