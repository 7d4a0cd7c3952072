# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from agents.worker.offsets import Offsets
from streams.envelope import Record


def record(offset: int, partition: int = 0) -> Record:
    return Record("orders", b"k", b"v", partition=partition, offset=offset)


def test_nothing_is_committed_before_the_first_is_done():
    offsets = Offsets()
    offsets.begin(record(5))
    offsets.begin(record(6))
    offsets.end(record(6))
    assert offsets.committable() == {}


def test_commit_passes_over_what_is_done_already():
    offsets = Offsets()
    for offset in (5, 6, 7):
        offsets.begin(record(offset))
    offsets.end(record(6))
    offsets.end(record(5))
    assert offsets.committable() == {("orders", 0): 7}
    assert offsets.committable() == {}


def test_forgotten_partition_begins_anew():
    offsets = Offsets()
    offsets.begin(record(5))
    offsets.forget({("orders", 0)})
    offsets.begin(record(3))
    offsets.end(record(3))
    assert offsets.committable() == {("orders", 0): 4}


@given(done=st.permutations(range(10)))
def test_committed_offset_never_passes_an_open_record(done):
    offsets = Offsets()
    for offset in range(10):
        offsets.begin(record(offset))
    ended: set[int] = set()
    committed = 0
    for offset in done:
        offsets.end(record(offset))
        ended.add(offset)
        committed = offsets.committable().get(("orders", 0), committed)
        assert set(range(committed)) <= ended
    assert committed == 10
