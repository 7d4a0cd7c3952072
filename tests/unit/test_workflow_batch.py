# SPDX-License-Identifier: Apache-2.0
"""The table is exactly the fold of the log up to its position, whatever crashes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.worker.recent import Recent
from agents.workflow import journal
from agents.workflow.batch import View, fold_batch
from streams.codec import pack, unpack
from streams.envelope import Record
from streams.replay import replay
from streams.table import decode_row, encode_row
from streams.topics import DOWNLOADS, TASKS
from tests.scenarios import a_history
from tests.world import AREA

WORLD = a_history()
RECORDS = [
    Record(
        TASKS.name,
        record.key,
        record.value,
        record.headers,
        partition=0,
        offset=entry.offset,
    )
    for entry in WORLD.log
    for record in [pack(TASKS.name, AREA, entry.fact)]
]


class Agent:
    """Folds in batches; `changelog` is what Kafka has acknowledged of its table."""

    def __init__(self, changelog: list[Record]) -> None:
        self.changelog = changelog
        self.table: dict[str, bytes] = {}
        self.position = -1
        self.recover()

    def recover(self) -> None:
        for record in self.changelog:
            self.table[record.key.decode()] = record.value
        entry = self.table.get(journal.journal_key(0))
        if entry is not None:
            self.position, rows = journal.read_journal(entry)
            self.table |= rows
            self.changelog += journal.row_records(0, rows)

    def fold(self, records: list[Record], written: int | None = None) -> list[Record]:
        """Fold a batch; a crash lets only the first `written` records reach Kafka."""
        fresh = [r for r in records if r.offset > self.position]
        batch = fold_batch(View(self.table.get), fresh)
        rows, entry = journal.encoded(batch)
        self.changelog += list(journal.changelog(0, rows, entry))[:written]
        self.table |= rows
        self.position = batch.position
        return batch.outgoing

    def rows(self) -> dict[str, object]:
        return {
            key: decode_row(key, value)
            for key, value in self.table.items()
            if not journal.is_journal(key)
        }


@given(sizes=st.lists(st.integers(1, 9), min_size=len(RECORDS)))
def test_batches_of_any_size_fold_to_the_same_table(sizes):
    agent, left = Agent([]), list(RECORDS)
    outgoing = []
    for size in sizes:
        outgoing += agent.fold(left[:size]) if left else []
        left = left[size:]
    assert agent.rows() == WORLD.table
    assert len(outgoing) == len(WORLD.outgoing)


@given(
    crashes=st.lists(
        st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=6
    )
)
@settings(max_examples=200)
def test_table_is_exact_after_crashes_between_any_two_writes(crashes):
    """Only a prefix of a batch's records is written; the next agent folds on."""
    changelog: list[Record] = []
    agent = Agent(changelog)
    for size, written in crashes:
        start = agent.position + 1
        if start >= len(RECORDS):
            break
        agent.fold(RECORDS[start : start + size], written)
        agent = Agent(changelog)
        assert agent.rows() == replay(WORLD.log[: agent.position + 1]).table
    agent.fold(RECORDS[agent.position + 1 :])
    assert Agent(changelog).rows() == WORLD.table


@given(at_most=st.integers(0, 40))
def test_memory_smaller_than_a_batch_forgets_none_of_its_rows(at_most):
    batch = fold_batch(View({}.get, Recent(at_most)), RECORDS)
    found = {key: decode_row(key, encode_row(row)) for key, row in batch.rows.items()}
    assert found == replay(WORLD.log).table


def test_facts_seen_again_are_passed_over():
    agent = Agent([])
    agent.fold(RECORDS)
    before = dict(agent.table)
    assert agent.fold(RECORDS[5:9]) == []
    assert agent.rows() == {
        key: decode_row(key, value)
        for key, value in before.items()
        if not journal.is_journal(key)
    }


def test_poison_is_rejected_and_the_next_fact_folded():
    garbage = Record(TASKS.name, b"demo", b"garbage", partition=0, offset=0)
    order = pack(DOWNLOADS.name, AREA, an_order_envelope())
    unknown = RECORDS[-1]
    batch = fold_batch(View({}.get), [garbage, order, unknown, RECORDS[0]])
    assert [type(error).__name__ for _, error in batch.rejected] == [
        "UndecodableRecord",
        "UndecodableRecord",
        "UnknownSubject",
    ]
    assert set(batch.rows) == {AREA, f"{AREA}!i1"}


def an_order_envelope():
    agent = Agent([])
    return unpack(agent.fold(RECORDS[:2])[0])


def test_orders_have_ids_of_task_and_attempt():
    agent = Agent([])
    orders = [unpack(r) for r in agent.fold(RECORDS)]
    ids = {o.id for o in orders if hasattr(o.message, "attempt")}
    assert f"{AREA}/s2#1" in ids
    assert f"{AREA}/s2#2" in ids
    assert all(o.correlation == "i1" for o in orders if "#" in o.id)
