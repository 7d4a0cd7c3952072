# SPDX-License-Identifier: Apache-2.0
"""Histories in the gateway: what was read once is not read again."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from agents.gateway.pasts import Pasts
from streams.envelope import Record
from tests.areas import an_area


@dataclass
class Log:
    """One partition, in memory."""

    records: list[Record]
    reads: int = 0

    def read(self, area: str, begin: int) -> Iterator[tuple[Record, int, int]]:
        self.reads += 1
        for offset in range(begin, len(self.records)):
            yield self.record(0, offset), len(self.records), offset + 1

    def record(self, partition: int, offset: int) -> Record:
        place = {"partition": partition, "offset": offset}
        return msgspec.structs.replace(self.records[offset], **place)


def test_a_place_that_was_read_is_not_looked_for_in_the_log_again():
    log = Log(an_area("demo", 3))
    pasts = Pasts(log)
    assert pasts.known("demo", 1) is None
    assert pasts.of("demo", 60).is_abreast
    facts = len(log.records)
    past = pasts.known("demo", facts)
    assert past is not None
    assert len(past.history.told) == facts
    assert pasts.known("demo", facts + 1) is None
    assert log.reads == 1
