# SPDX-License-Identifier: Apache-2.0
"""The log of one area, read from end to end."""

from typing import Any

from infra.kafka.connection import Connection
from infra.kafka.lag import partition_of
from infra.kafka.reader import TopicReader
from streams.codec import message_type, unpack
from streams.envelope import Envelope
from streams.errors import ContractError
from streams.replay import Positioned
from streams.topics import TASKS


def read_area_log(connection: Connection, area: str) -> list[Positioned]:
    """The facts of an area up to now, in order.

    What is none is passed over: the workflow's dead letters hold it.

    Raises:
        BrokerError: Kafka does not answer.
    """
    facts: list[Positioned] = []
    with TopicReader(connection) as reader:
        spans = reader.spans(TASKS.name)
        ours = partition_of(area, len(spans))
        (span,) = (span for span in spans if span.partition == ours)
        for record in reader.read_span(TASKS.name, span):
            if record.key != area.encode():
                continue
            try:
                fact: Envelope[Any] = unpack(record)
            except ContractError:
                continue
            if message_type(fact.message) in TASKS.messages:
                facts.append(Positioned(record.partition, record.offset, fact))
    return facts
