# SPDX-License-Identifier: Apache-2.0
"""Requests as they were published: the topic keeps them for ever."""

from collections.abc import Iterator

from infra.kafka.connection import Connection
from infra.kafka.lag import partition_of
from infra.kafka.reader import Span, TopicReader
from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import ContractError
from streams.orders import IngestionRequest
from streams.topics import REQUESTS

# Most who ask for one mean a late one: it is looked for from the end.
_STEP = 500

# A partition holds those of many areas; an answer does not read years of them.
_MOST = 20_000


class RequestLog:
    """Finds requests in the topic of requests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, area: str, request: str) -> IngestionRequest | None:
        """The request of that id; None: it is not among the last of its partition.

        Raises:
            BrokerError: they cannot be read.
        """
        with TopicReader(self._connection) as reader:
            for record in _backwards(reader, area):
                found = _request(record)
                if found is not None and found.request == request:
                    return found
        return None


def _backwards(reader: TopicReader, area: str) -> Iterator[Record]:
    """The records of an area, the newest first."""
    spans = reader.spans(REQUESTS.name)
    span = spans[partition_of(area, len(spans))]
    first = max(span.begin, span.end - _MOST)
    for end in range(span.end, first, -_STEP):
        part = Span(span.partition, max(end - _STEP, first), end)
        records = list(reader.read_span(REQUESTS.name, part))
        yield from (one for one in reversed(records) if one.key == area.encode())


def _request(record: Record) -> IngestionRequest | None:
    """The request in a record; None for poison, which the dead letters hold."""
    try:
        return unpack_as(IngestionRequest, record).message
    except ContractError:
        return None
