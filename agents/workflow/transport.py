# SPDX-License-Identifier: Apache-2.0
"""Faust's Kafka transport, with a consumer that gives batches and does not dawdle.

Faust's own work for each event (objects, futures, acknowledgements) takes longer than
the fold of it. So what one fetch brought of a partition comes as one event, whose value
is the list of its records, and whose acknowledgement is that of all before it.

aiokafka has one fetch under way with a broker. One that was sent while our log's data
were still being handed out does not ask for more of them, and faust lets it wait 1.5 s
for records of other partitions: so long the log stood still (measured: 2.3 s from a
tile's end to the next one's order, instead of 0.5 s).
"""

from collections.abc import AsyncIterator
from typing import Any

import aiokafka
import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.envelope import Record
from streams.topics import TASKS

# An idle agent asks 20 times a second: 2 % of a core.
_FETCH_WAIT_MS = 50


class Untouched(faust.Codec):
    """Values as the consumer gives them: lists of records."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(
        self, transport: driver.Transport
    ) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # no setting of faust's
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """What a fetch brought, one message a partition."""
        fetched, _ = await self._wait_next_records(timeout)
        if not self.flow_active:
            await self.perform_seek()  # as faust's does
            return
        for tp, records in (fetched or {}).items():
            if not self.flow_active or self.should_stop:
                return
            message: Any = self._to_message(tp, records[-1])
            message.value = records
            yield tp, message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: between the last records of two batches lies the second batch."""

    def _new_offset(self, tp: TP) -> int | None:
        """What to commit: batches are acknowledged in order."""
        acknowledged = self._acked[tp]
        if not acknowledged:
            return None
        last = max(acknowledged)
        acknowledged.clear()
        self._acked_index[tp].clear()
        return last + 1


class _Transport(driver.Transport):
    Consumer = _Consumer


def use_batch_consumer(app: faust.App) -> None:
    """Have the app read by our consumer; before it is started."""
    app.transport = _Transport(app.conf.broker_consumer, app)


def record_of(found: Any) -> Record:
    """A fact's record, as ours, of what the consumer found."""
    return Record(
        topic=TASKS.name,
        key=found.key,
        value=found.value,
        headers=tuple((name, value or b"") for name, value in found.headers),
        partition=found.partition,
        offset=found.offset,
    )
