# SPDX-License-Identifier: Apache-2.0
"""Histories in the gateway: what was read once is not read again."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from agents.gateway.pasts import Past, Pasts
from streams.envelope import Record
from tests.areas import an_area
from tests.system import wait_for


@dataclass
class Log:
    """One partition, in memory."""

    records: list[Record]
    reads: int = 0
    is_open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.is_open.set()

    def read(self, area: str, begin: int) -> Iterator[tuple[Record, int, int]]:
        self.reads += 1
        assert self.is_open.wait(60)
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


def test_what_is_being_read_is_never_forgotten_for_what_somebody_else_asks():
    areas = [f"a{number}" for number in range(8)]
    log = Log([record for area in areas for record in an_area(area, 1)])
    log.is_open.clear()
    pasts = Pasts(log)
    for _ in range(3):
        assert not any(pasts.of(area, 0).is_abreast for area in areas)
    assert log.reads < len(areas)
    log.is_open.set()
    for area in areas:
        # As a client does: again, until its turn has come.
        past = wait_for(lambda area=area: abreast(pasts.of(area, 1)))
        assert len(past.history.told) == len(log.records) // len(areas)


def test_what_was_read_before_is_not_taken_for_what_is_there_now():
    log = Log(an_area("demo", 1))
    pasts = Pasts(log)
    facts = len(pasts.of("demo", 60).history.told)
    log.records += an_area("demo", 2)
    log.is_open.clear()
    assert not pasts.of("demo", 0).is_abreast
    log.is_open.set()
    past = wait_for(lambda: abreast(pasts.of("demo", 1)))
    assert len(past.history.told) == len(log.records) > facts


def abreast(past: Past) -> Past | None:
    return past if past.is_abreast else None
