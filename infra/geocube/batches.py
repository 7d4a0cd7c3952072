# SPDX-License-Identifier: Apache-2.0
"""Batches of records: what is there is found, what is missing is made, once.

Creation is all or nothing and does not tell which record was in the way; so it is
listed before, listed again when something was there already, and halved when something
was wrong, until every record has its id or its own error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from grpc import StatusCode

from infra.geocube import records
from infra.geocube.errors import Declined, ours
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.records import Identity, NewRecord, Record
from infra.geocube.wire import Wire
from streams.errors import IndexerError, IndexRefused

# A request must stay below 4 MiB; a record takes 2.7 kB and an id at most.
_CREATED_AT_ONCE = 500

# Another writer may slip in between listing and creating, but not for ever.
_LISTINGS = 5

Outcome = str | IndexerError
"""The record's id, or why it has none."""


@dataclass(slots=True)
class Batch:
    """The records wanted, and what is known of each by now."""

    wire: Wire
    ignoring: frozenset[str]
    near: pb.AOI | None = None
    """Meets the area of all of them; None: not known."""
    made: Callable[[Sequence[str]], None] = lambda ids: None
    """Called with the ids of records that this batch makes."""
    known: dict[Identity, Outcome] = field(default_factory=dict)

    def ensure(self, wanted: Sequence[NewRecord]) -> list[Outcome]:
        """The outcome for each record, in order.

        Raises:
            Declined: the index does not answer; a second call goes on from there.
        """
        refused = {
            number: IndexRefused(f"record '{record.name}': {'; '.join(found)}")
            for number, record in enumerate(wanted)
            if (found := records.problems(record))
        }
        sound = [one for number, one in enumerate(wanted) if number not in refused]
        missing = self._missing(sound, self.near)
        for start in range(0, len(missing), _CREATED_AT_ONCE):
            self._create(missing[start : start + _CREATED_AT_ONCE], _LISTINGS)
        return [
            refused[number] if number in refused else self.known[self._key(record)]
            for number, record in enumerate(wanted)
        ]

    def _missing(
        self, wanted: Sequence[NewRecord], near: pb.AOI | None
    ) -> list[NewRecord]:
        """One of each identity that the index does not have."""
        self._look_up(wanted, near)
        missing: dict[Identity, NewRecord] = {}
        for record in wanted:
            if (key := self._key(record)) not in self.known:
                missing.setdefault(key, record)
        return list(missing.values())

    def _look_up(self, wanted: Sequence[NewRecord], near: pb.AOI | None) -> None:
        if not wanted:
            return
        keys = {self._key(record) for record in wanted}
        found: dict[Identity, Record] = {}
        for record in list_records(self.wire, wanted, self.ignoring, near):
            key = self._key(record)
            if key in keys:
                found[key] = _elder(record, found.get(key))
        self.known |= {key: record.id for key, record in found.items()}

    def _create(self, wanted: Sequence[NewRecord], listings: int) -> None:
        if not wanted:
            return
        request = pb.CreateRecordsRequest(
            records=[records.to_pb(one) for one in wanted]
        )
        try:
            answer = self.wire.call("CreateRecords", request, pb.CreateRecordsResponse)
        except Declined as refusal:
            self._explain(refusal, wanted, listings)
        else:
            self.made(list(answer.ids))
            keys = (self._key(record) for record in wanted)
            self.known |= dict(zip(keys, answer.ids, strict=True))

    def _explain(
        self, refusal: Declined, wanted: Sequence[NewRecord], listings: int
    ) -> None:
        if refusal.may_pass:
            raise refusal
        if refusal.code is StatusCode.ALREADY_EXISTS and listings > 0:
            # Wherever it is: its area is no part of what a record is known by.
            missing = self._missing(wanted, None)
            if len(missing) < len(wanted):
                self._create(missing, listings - 1)
                return
        if len(wanted) == 1:
            error = ours(f"record '{wanted[0].name}'", refusal)
            self.known[self._key(wanted[0])] = error
            return
        middle = len(wanted) // 2
        self._create(wanted[:middle], listings)
        self._create(wanted[middle:], listings)

    def _key(self, record: NewRecord | Record) -> Identity:
        return records.identity(record, self.ignoring)


def list_records(
    wire: Wire,
    like: Sequence[NewRecord],
    ignoring: frozenset[str],
    near: pb.AOI | None = None,
) -> list[Record]:
    """Records of the index like these: time range, common tags, meeting `near`."""
    names = {record.name for record in like}
    times = sorted(record.time for record in like)
    request = pb.ListRecordsRequest(
        name=names.pop() if len(names) == 1 else "",
        tags=records.common_tags(like, ignoring),
        from_time=records.timestamp(times[0]),
        to_time=records.timestamp(times[-1]),
        aoi=near,
    )
    items = wire.stream("ListRecords", request, pb.ListRecordsResponseItem)
    return [records.from_pb(item.record) for item in items]


def _elder(record: Record, other: Record | None) -> Record:
    """Of two records with one identity, the one that datasets more likely hang on.

    That is the one that was tagged after processing; then any, but always the same.
    """
    if other is None:
        return record
    return min(record, other, key=lambda one: (-len(one.tags), one.id))
