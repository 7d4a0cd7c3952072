# SPDX-License-Identifier: Apache-2.0
"""Of what several agents wrote of a row, the furthest state is read back."""

from agents.workflow import journal
from agents.workflow.batch import Batch
from agents.workflow.latest import Latest
from streams.table import AreaRow, encode_row


def a_row(at: int) -> bytes:
    return encode_row(AreaRow("demo", ingestions=at, at=at))


def a_journal(position: int) -> bytes:
    return journal.encoded(Batch({}, position=position))[1]


def read(*values: bytes, key: bytes = b"demo", stored: bytes | None = None):
    latest = Latest(lambda _: stored)
    for value in values:
        latest.see(3, key, value)
    rows, wrong = latest.take()
    return rows[key], [(record.partition, record.value) for record in wrong]


def test_last_of_rows_in_order_is_the_row():
    assert read(a_row(1), a_row(2)) == (a_row(2), [])


def test_row_of_an_agent_that_was_overtaken_is_passed_over_and_mended():
    assert read(a_row(1), a_row(7), a_row(2)) == (a_row(7), [(3, a_row(7))])


def test_overtaken_row_that_was_written_over_needs_no_mending():
    assert read(a_row(7), a_row(2), a_row(8)) == (a_row(8), [])


def test_row_in_memory_that_is_further_stays():
    row, wrong = read(a_row(2), stored=a_row(7))
    assert (row, wrong) == (a_row(7), [(3, a_row(7))])


def test_furthest_journal_counts():
    value, wrong = read(a_journal(7), a_journal(2), key=b"~3")
    assert (value, wrong) == (a_journal(7), [])


def test_nothing_is_remembered_of_an_earlier_reading():
    latest = Latest(lambda _: None)
    latest.see(3, b"demo", a_row(7))
    latest.take()
    latest.see(3, b"demo", a_row(2))
    assert latest.take() == ({b"demo": a_row(2)}, [])
