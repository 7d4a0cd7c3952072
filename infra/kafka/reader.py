# SPDX-License-Identifier: Apache-2.0
"""Reading records: as one of a group, or a topic from end to end for oneself."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from infra.kafka.connection import METADATA_S, Connection, broker_error, guarded
from streams.envelope import Record
from streams.errors import BrokerError


def _record(message: Any, prefix: str) -> Record:
    """`message` is a `Message` without error: its place is known."""
    headers = tuple((name, value or b"") for name, value in message.headers() or ())
    return Record(
        topic=message.topic().removeprefix(prefix),
        key=message.key(),
        value=message.value(),
        headers=headers,
        partition=message.partition(),
        offset=message.offset(),
    )


def _is_end(message: Message) -> bool:
    """Is this no record, but the end of what its partition holds?"""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _offset(message: Any) -> int:
    """`message` is a `Message` without error: its place is known."""
    offset: int = message.offset()
    return offset


def _raise_for(message: Message) -> None:
    error = message.error()
    # Some errors pass by themselves: librdkafka goes on and tells when it cannot.
    if error is not None and (error.fatal() or not error.retriable()):
        if error.code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            raise broker_error("reading from Kafka", error)


def _tells_end(messages: Sequence[Message], partition: int) -> bool:
    """Is the end of the partition among these? Errors that do not pass are raised."""
    for message in messages:
        if not _is_end(message):
            _raise_for(message)
    return any(_is_end(one) and one.partition() == partition for one in messages)


class GroupReader:
    """One member of a consumer group; offsets are committed by hand."""

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Sequence[str],
        *,
        max_poll_interval_s: float = 300,
        session_timeout_s: float = 45,
    ) -> None:
        self._prefix = connection.prefix
        self._revoked: Callable[[set[tuple[str, int]]], None] = lambda _: None
        self._assigned: Callable[[set[tuple[str, int]]], dict[tuple[str, int], int]] = (
            lambda _: {}
        )
        self._consumer = Consumer(
            connection.options()
            | {
                "group.id": connection.prefix.replace(".", "-") + group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "max.poll.interval.ms": int(max_poll_interval_s * 1000),
                "session.timeout.ms": int(session_timeout_s * 1000),
                "fetch.message.max.bytes": 4 * 1024 * 1024,
            }
        )
        self._topics = [self._prefix + topic for topic in topics]
        self.join()

    def join(self) -> None:
        """Be a member of the group, again after `leave`."""
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def leave(self) -> None:
        """Have the partitions go to the other members: in the polls that follow."""
        self._consumer.unsubscribe()

    def on_revoke(self, call: Callable[[set[tuple[str, int]]], None]) -> None:
        """Have `call` called, inside a poll, before partitions go to another member."""
        self._revoked = call

    def on_assign(
        self, call: Callable[[set[tuple[str, int]]], dict[tuple[str, int], int]]
    ) -> None:
        """Have `call` say, inside a poll, where to begin with partitions that come.

        Those it says nothing of are read on from their committed offset.
        """
        self._assigned = call

    def poll(self, timeout_s: float) -> Record | None:
        """The next record; None when there is none in time.

        Raises:
            BrokerError: the group or a topic cannot be read.
        """
        message = guarded("polling", lambda: self._consumer.poll(timeout_s))
        if message is None:
            return None
        _raise_for(message)
        return None if message.error() else _record(message, self._prefix)

    def poll_many(self, at_most: int, timeout_s: float) -> list[Record]:
        """Up to `at_most` records; fewer, or none, when there are no more in time."""
        messages = guarded(
            "polling", lambda: self._consumer.consume(at_most, timeout_s)
        )
        for message in messages:
            _raise_for(message)
        return [_record(m, self._prefix) for m in messages if m.error() is None]

    def pause(self) -> None:
        """Take no further records, and stay in the group by polling."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Take records again."""
        self._consumer.resume(self._consumer.assignment())

    def commit(self, positions: dict[tuple[str, int], int]) -> None:
        """Say that every record before these offsets is dealt with.

        A partition that has gone to another member is passed over: that member will see
        its records again.
        """
        offsets = [
            TopicPartition(self._prefix + topic, partition, offset)
            for (topic, partition), offset in positions.items()
        ]
        if not offsets:
            return
        try:
            guarded(
                "committing",
                lambda: self._consumer.commit(offsets=offsets, asynchronous=False),
            )
        except BrokerError as error:
            code = error.__cause__.args[0].code() if error.__cause__ else None
            if code not in _NO_LONGER_OURS:
                raise

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read a partition on from this offset."""
        where = TopicPartition(self._prefix + topic, partition, offset)
        guarded("seeking", lambda: self._consumer.seek(where))

    def assignment(self) -> set[tuple[str, int]]:
        """The partitions that are ours now."""
        return {self._place(p) for p in self._consumer.assignment()}

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        begin = self._assigned({self._place(p) for p in partitions})
        for partition in partitions:
            partition.offset = begin.get(self._place(partition), partition.offset)
        consumer.incremental_assign(partitions)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._revoked({self._place(p) for p in partitions})

    def _place(self, partition: TopicPartition) -> tuple[str, int]:
        return partition.topic.removeprefix(self._prefix), partition.partition


_NO_LONGER_OURS = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._NO_OFFSET,
        KafkaError._STATE,
    }
)


# A topic that is new, or whose broker has just gone: its next leader is known soon.
_LEADER_MOVES = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
)
_POLL_S = 0.1

_AT_ONCE = 1000

Pairs = list[tuple[bytes | None, bytes | None]]
"""Keys and values of records that follow one another."""


@dataclass(frozen=True, slots=True)
class Span:
    """What one partition holds: offsets from `begin` up to, not including, `end`."""

    partition: int
    begin: int
    end: int


class TopicReader:
    """Reads a whole topic for oneself, in no group and leaving no trace."""

    def __init__(self, connection: Connection) -> None:
        self._prefix = connection.prefix
        self._consumer = Consumer(
            connection.options()
            | {
                "group.id": "ingester-none",  # demanded by the library; never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # A partition may end with what is no record: the mark of a transaction.
                "enable.partition.eof": True,
                # Of a full queue: the default of a second is longer than it lasts us.
                "fetch.queue.backoff.ms": 10,
            }
        )

    def __enter__(self) -> "TopicReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def spans(self, topic: str) -> list[Span]:
        """What each partition of the topic holds now.

        Raises:
            BrokerError: there is no such topic.
        """
        name = self._prefix + topic
        metadata = guarded(
            f"topic '{name}'",
            lambda: self._consumer.list_topics(name, METADATA_S),
        ).topics[name]
        if metadata.error is not None:
            raise broker_error(f"topic '{name}'", metadata.error)
        return [
            self._span(name, partition) for partition in sorted(metadata.partitions)
        ]

    def read(
        self, topic: str, *, follow: bool = False, begin: dict[int, int] | None = None
    ) -> Iterator[Record]:
        """Records of a topic, each partition in order, up to its end at the call.

        Args:
            topic: without the prefix.
            follow: go on for ever with what is written later.
            begin: offset to begin at, by partition; the beginning for any other.
        """
        spans = self.spans(topic)
        begin = begin or {}
        self._consumer.assign(
            [
                TopicPartition(
                    self._prefix + topic,
                    span.partition,
                    begin.get(span.partition, OFFSET_BEGINNING),
                )
                for span in spans
            ]
        )
        open_until = {
            span.partition: span.end
            for span in spans
            if span.end > max(span.begin, begin.get(span.partition, 0))
        }
        while follow or open_until:
            yield from self._next(open_until, follow=follow)

    def read_span(self, topic: str, span: Span) -> Iterator[Record]:
        """Records of a part of one partition, in order."""
        if span.begin >= span.end:
            return
        begin = TopicPartition(self._prefix + topic, span.partition, span.begin)
        self._consumer.assign([begin])
        open_until = {span.partition: span.end}
        while open_until:
            yield from self._next(open_until, follow=False)

    def read_pairs(self, topic: str, span: Span) -> Iterator[tuple[int, Pairs]]:
        """The same in parts, keys and values alone: several times as fast.

        Yields:
            Where the next part begins, and the part.
        """
        if span.begin >= span.end:
            return
        begin = TopicPartition(self._prefix + topic, span.partition, span.begin)
        self._consumer.assign([begin])
        is_over = False
        while not is_over:
            messages = guarded("reading", lambda: self._consumer.consume(_AT_ONCE, 0.2))
            found = [
                one
                for one in messages
                if one.error() is None and one.partition() == span.partition
            ]
            if len(found) < len(messages):
                is_over = _tells_end(messages, span.partition)
            if found and _offset(found[-1]) >= span.end - 1:
                is_over = True
                found = [one for one in found if _offset(one) < span.end]
            if found:
                pairs = [(one.key(), one.value()) for one in found]
                yield _offset(found[-1]) + 1, pairs

    def _next(self, open_until: dict[int, int], *, follow: bool) -> Iterator[Record]:
        messages = guarded("reading", lambda: self._consumer.consume(_AT_ONCE, 0.2))
        for message in messages:
            partition, offset = message.partition(), message.offset()
            end = open_until.get(partition)
            if _is_end(message):
                open_until.pop(partition, None)
                continue
            _raise_for(message)
            if message.error() is not None:
                continue
            if end is not None and offset >= end - 1:
                del open_until[partition]
            if follow or (end is not None and offset < end):
                yield _record(message, self._prefix)

    def _span(self, name: str, partition: int) -> Span:
        place = TopicPartition(name, partition)
        deadline = time.monotonic() + METADATA_S
        while True:
            try:
                begin, end = self._consumer.get_watermark_offsets(place, METADATA_S)
            except KafkaException as error:
                code = error.args[0].code()
                if code not in _LEADER_MOVES or time.monotonic() > deadline:
                    raise broker_error(f"topic '{name}'", error.args[0]) from error
                time.sleep(_POLL_S)
            else:
                return Span(partition, begin, end)
