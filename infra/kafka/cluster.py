# SPDX-License-Identifier: Apache-2.0
"""The brokers as operators want to see them: topics, groups, dead letters, one area's
part of the log."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.kafka.connection import METADATA_S, Connection, guarded
from infra.kafka.lag import behind, partition_of
from infra.kafka.reader import Span, TopicReader
from infra.kafka.writer import Writer
from streams.codec import unpack_as
from streams.envelope import Record
from streams.orders import DeadLetter
from streams.topics import DEAD_LETTERS, TASKS, Topic

Ends = dict[tuple[str, int], int]
Spans = dict[tuple[str, int], tuple[int, int]]


class Cluster:
    """Looks, and sends again what an operator says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def _admin(self) -> AdminClient:
        """Made when it is needed: it connects at once, and tells when it cannot."""
        return AdminClient(self._connection.options())

    def topics(self, wanted: tuple[Topic, ...]) -> list[dict[str, Any]]:
        """Partitions and records of topics; those that are not there are left out.

        Raises:
            BrokerError: they cannot be asked.
        """
        first = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        last = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        records, partitions = Counter[str](), Counter[str]()
        for (topic, partition), end in last.items():
            records[topic] += max(end - first.get((topic, partition), 0), 0)
            partitions[topic] += 1
        return [
            {
                "name": topic.name,
                "holds": topic.holds,
                "writers": topic.writers,
                "readers": topic.readers,
                "partitions": partitions[topic.name],
                "records": records[topic.name],
            }
            for topic in wanted
            if topic.name in partitions
        ]

    def groups(self, wanted: tuple[Topic, ...]) -> list[dict[str, Any]]:
        """Consumer groups of ours with members, and how far they are behind.

        Raises:
            BrokerError: they cannot be asked.
        """
        ours = self._connection.prefix.replace(".", "-") + "ingester-"
        listed = guarded("groups", self._admin.list_consumer_groups().result)
        names = sorted(g.group_id for g in listed.valid if g.group_id.startswith(ours))
        if not names:
            return []
        begins = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        spans = {place: (begins.get(place, 0), end) for place, end in ends.items()}
        described = self._admin.describe_consumer_groups(names)
        return [
            self._group(name, guarded(f"group '{name}'", described[name].result), spans)
            for name in names
        ]

    def letters(self, last: int) -> Iterator[tuple[str, DeadLetter]]:
        """The last dead letters of each partition with their places, oldest first.

        Raises:
            BrokerError: they cannot be read.
        """
        with TopicReader(self._connection) as reader:
            spans = reader.spans(DEAD_LETTERS.name)
            begin = {s.partition: max(s.begin, s.end - last) for s in spans}
            for record in reader.read(DEAD_LETTERS.name, begin=begin):
                letter = unpack_as(DeadLetter, record).message
                yield f"{record.partition}@{record.offset}", letter

    def send_again(self, letter: DeadLetter) -> None:
        """Write a dead letter's record to its topic once more.

        Raises:
            BrokerError: it was not acknowledged.
        """
        headers = tuple(letter.headers.items())
        writer = Writer(self._connection)
        writer.check(letter.topic)
        writer.write([Record(letter.topic, letter.key, letter.value, headers)])

    def _offsets(self, wanted: tuple[Topic, ...], spec: Any) -> Ends:
        prefix = self._connection.prefix
        metadata = guarded(
            "topics", lambda: self._admin.list_topics(timeout=METADATA_S)
        )
        places = {
            TopicPartition(prefix + topic.name, partition): spec
            for topic in wanted
            if prefix + topic.name in metadata.topics
            for partition in metadata.topics[prefix + topic.name].partitions
        }
        return {
            (place.topic.removeprefix(prefix), place.partition): guarded(
                f"topic '{place.topic}'", future.result
            ).offset
            for place, future in self._admin.list_offsets(places).items()
        }

    def _group(self, name: str, found: Any, spans: Spans) -> dict[str, Any]:
        prefix = self._connection.prefix
        lags = self._lags(name, found, spans)
        return {
            "name": name.removeprefix(prefix.replace(".", "-")),
            "state": found.state.name.lower(),
            "members": [
                {
                    "id": member.member_id,
                    "client": member.client_id,
                    "host": member.host.removeprefix("/"),
                    "partitions": len(
                        member.assignment.topic_partitions if member.assignment else ()
                    ),
                }
                for member in sorted(found.members, key=lambda m: str(m.member_id))
            ],
            "lags": [{"topic": t, "lag": n} for t, n in sorted(lags.items())],
        }

    def _lags(self, name: str, found: Any, spans: Spans) -> Counter[str]:
        """How far a group is behind, by topic that it reads or has read."""
        asked = [ConsumerGroupTopicPartitions(name)]
        future = self._admin.list_consumer_group_offsets(asked)[name]
        places = guarded(f"group '{name}'", future.result).topic_partitions
        committed = {self._place(place): place.offset for place in places}
        topics = {topic for topic, _ in committed}
        for member in found.members:
            if member.assignment:
                topics |= {
                    self._place(p)[0] for p in member.assignment.topic_partitions
                }
        lags: Counter[str] = Counter()
        # All of its partitions: of those that it never committed, it has read nothing.
        for place, (begin, end) in spans.items():
            if place[0] in topics:
                lags[place[0]] += behind(begin, end, committed.get(place))
        return lags

    def _place(self, found: TopicPartition) -> tuple[str, int]:
        return found.topic.removeprefix(self._connection.prefix), found.partition


class AreaLog:
    """Reads the partition of the task log where an area's facts are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, area: str, begin: int) -> Iterator[tuple[Record, int, int]]:
        """Records of the partition from an offset to its end, of every area.

        With each, how many records there are in all, and how many were read.

        Raises:
            BrokerError: it cannot be read.
        """
        with TopicReader(self._connection) as reader:
            spans = reader.spans(TASKS.name)
            span = spans[partition_of(area, len(spans))]
            rest = Span(span.partition, max(begin, span.begin), span.end)
            for record in reader.read_span(TASKS.name, rest):
                read = record.offset - span.begin + 1
                yield record, span.end - span.begin, read

    def record(self, partition: int, offset: int) -> Record | None:
        """One record; None: there is none.

        Raises:
            BrokerError: it cannot be read.
        """
        with TopicReader(self._connection) as reader:
            one = Span(partition, offset, offset + 1)
            return next(iter(reader.read_span(TASKS.name, one)), None)
