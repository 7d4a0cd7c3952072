# SPDX-License-Identifier: Apache-2.0
"""Writing records, and knowing that they are written."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, Message, Producer

from infra.kafka.connection import (
    METADATA_S,
    PARTITIONER,
    Connection,
    broker_error,
    guarded,
)
from streams.envelope import Record
from streams.errors import BrokerError

# Longer than a broker's restart: a writer waits for it rather than lose its record.
_DELIVERY_TIMEOUT_MS = 120_000


class Writer:
    """A producer whose records are acknowledged by all in-sync replicas, in order."""

    def __init__(self, connection: Connection, *, linger_ms: int = 5) -> None:
        self._prefix = connection.prefix
        self._failed: KafkaError | None = None
        self._producer = Producer(
            connection.options()
            | {
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": PARTITIONER,
                "compression.type": "zstd",
                "linger.ms": linger_ms,
                "delivery.timeout.ms": _DELIVERY_TIMEOUT_MS,
                "message.max.bytes": MAX_RECORD_BYTES,
                "delivery.report.only.error": True,
            }
        )

    def check(self, topic: str) -> None:
        """Is Kafka there, and this topic? Known sooner than by writing.

        Raises:
            BrokerError: it is not.
        """
        name = self._prefix + topic
        metadata = guarded(
            f"topic '{name}'", lambda: self._producer.list_topics(name, METADATA_S)
        ).topics[name]
        if metadata.error is not None:
            raise broker_error(f"topic '{name}'", metadata.error)

    def write(self, records: Iterable[Record]) -> None:
        """Write records; returns when every one is acknowledged.

        Raises:
            BrokerError: one of them is not, whatever became of the others. The process
                should stop: a second call may write the same records again.
        """
        for record in records:
            self.send(record)
        self.flush()

    def send(self, record: Record) -> None:
        """Queue a record; `flush` tells whether it was written."""
        topic = self._prefix + record.topic
        while True:
            try:
                self._producer.produce(
                    topic,
                    record.value,
                    record.key,
                    partition=record.partition,  # -1: as its key says
                    on_delivery=self._delivered,
                    headers=list(record.headers),
                )
            except BufferError:  # the queue is full: wait for it to drain
                self._producer.poll(0.5)
            else:
                return

    def flush(self) -> None:
        """Wait until every queued record is acknowledged.

        Raises:
            BrokerError: a record sent before was not.
        """
        left = self._producer.flush(_DELIVERY_TIMEOUT_MS / 1000 + 5)
        if self._failed is not None:
            raise broker_error("writing to Kafka", self._failed)
        if left:
            raise BrokerError(f"writing to Kafka: {left} records not acknowledged")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error


# A batch's journal of the dependency table is the largest record we write.
MAX_RECORD_BYTES = 16 * 1024 * 1024
