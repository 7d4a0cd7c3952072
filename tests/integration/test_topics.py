# SPDX-License-Identifier: Apache-2.0
"""Topics on a real broker: where keys lie, how they are read to their end."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.kafka.cluster import Cluster
from infra.kafka.lag import Lag, partition_of
from infra.kafka.reader import GroupReader, Span, TopicReader
from streams.envelope import Record
from streams.topics import DOWNLOADS, PROCESSES, REQUESTS, TASKS
from tests.system import wait_for

AREAS = ["DenmarkDemo", "toulouse-2024", "a", "b", "c", "Ålborg"]


def test_every_producer_puts_an_area_where_we_do(system):
    system.write(*(Record(TASKS.name, area.encode(), b"ours") for area in AREAS))
    asyncio.run(write_as_faust_does(system))
    places: dict[bytes, set[int]] = {}
    for record in system.records(TASKS.name):
        places.setdefault(record.key or b"", set()).add(record.partition)
    assert places == {area.encode(): {partition_of(area, 4)} for area in AREAS}
    assert len(system.records(TASKS.name)) == 2 * len(AREAS)


async def write_as_faust_does(system) -> None:
    bootstrap = system.kafka.bootstrap
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for area in AREAS:
            topic = system.kafka.prefix + TASKS.name
            await producer.send_and_wait(topic, b"theirs", key=area.encode())


@pytest.fixture
def stranger(system):
    """A client that writes requests in transactions of its own."""
    producer = Producer(
        {"bootstrap.servers": system.kafka.bootstrap, "transactional.id": "stranger"}
    )
    producer.init_transactions()
    return producer


def test_topic_that_ends_with_a_transaction_is_read_to_its_end(system, stranger):
    for keep in (True, False):
        stranger.begin_transaction()
        stranger.produce(system.kafka.prefix + REQUESTS.name, b"value", key=b"demo")
        stranger.commit_transaction() if keep else stranger.abort_transaction()
    # The broker says that a transaction has ended before readers see its end.
    wait_for(lambda: [r.value for r in system.records(REQUESTS.name)] == [b"value"])


def test_reader_begins_where_it_is_told_and_leaves_no_trace(system):
    system.write(*(Record(TASKS.name, b"a", bytes([n])) for n in range(5)))
    partition = partition_of("a", 4)
    with TopicReader(system.kafka) as reader:
        found = list(reader.read(TASKS.name, begin={partition: 3}))
    assert [record.value for record in found] == [b"\3", b"\4"]
    assert [record.offset for record in found] == [3, 4]


def test_keys_and_values_are_read_within_a_span_and_no_further(system):
    system.write(*(Record(TASKS.name, b"a", b"%d" % n) for n in range(2500)))
    partition = partition_of("a", 4)
    with TopicReader(system.kafka) as reader:
        parts = list(reader.read_pairs(TASKS.name, Span(partition, 3, 2400)))
        (end, rest), *more = reader.read_pairs(
            TASKS.name, Span(partition, parts[0][0], parts[0][0] + 1)
        )
    pairs = [pair for _, part in parts for pair in part]
    assert pairs == [(b"a", b"%d" % n) for n in range(3, 2400)]
    assert parts[-1][0] == 2400
    assert rest == [(b"a", b"%d" % parts[0][0])]
    assert (end, more) == (parts[0][0] + 1, [])


def test_span_that_ends_with_a_transaction_is_read_to_its_end(system, stranger):
    stranger.begin_transaction()
    stranger.produce(system.kafka.prefix + REQUESTS.name, b"value", key=b"demo")
    stranger.commit_transaction()
    with TopicReader(system.kafka) as reader:
        (span,) = wait_for(
            lambda: [s for s in reader.spans(REQUESTS.name) if s.end == 2]
        )
        assert list(reader.read_pairs(REQUESTS.name, span)) == [
            (1, [(b"demo", b"value")])
        ]


def test_a_group_is_behind_on_partitions_that_it_never_committed(system):
    system.write(*(Record(DOWNLOADS.name, b"%d" % n, b"") for n in range(40)))
    reader = GroupReader(
        system.kafka, "ingester-downloader", [DOWNLOADS.name], session_timeout_s=6
    )
    found = wait_for(lambda: reader.poll(1))
    cluster = Cluster(system.kafka)
    (group,) = cluster.groups((DOWNLOADS, PROCESSES))
    assert group["lags"] == [{"topic": DOWNLOADS.name, "lag": 40}]
    reader.commit({(DOWNLOADS.name, found.partition): found.offset + 1})
    reader.close()
    (group,) = cluster.groups((DOWNLOADS, PROCESSES))
    assert group["members"] == []
    assert group["lags"] == [{"topic": DOWNLOADS.name, "lag": 39}]


def test_what_is_no_longer_in_a_topic_keeps_nobody_behind(system):
    system.write(*(Record(TASKS.name, b"a", bytes([n])) for n in range(5)))
    name, partition = system.kafka.prefix + TASKS.name, partition_of("a", 4)
    admin = AdminClient(system.kafka.options())
    first = TopicPartition(name, partition, 3)
    assert admin.delete_records([first])[first].result().low_watermark == 3
    assert Lag(system.kafka).of("g", TASKS.name)[partition] == 2


def test_lag_is_what_the_group_has_not_committed(system):
    system.write(*(Record(TASKS.name, b"a", bytes([n])) for n in range(5)))
    place = (TASKS.name, partition_of("a", 4))
    lag = Lag(system.kafka)
    assert lag.of("g", TASKS.name)[place[1]] == 5
    reader = GroupReader(system.kafka, "g", [TASKS.name], session_timeout_s=6)
    while reader.poll(1) is None:
        pass
    reader.commit({place: 2})
    assert lag.of("g", TASKS.name)[place[1]] == 3
    assert sum(lag.of("g", TASKS.name).values()) == 3
    reader.close()
