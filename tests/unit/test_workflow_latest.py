# SPDX-License-Identifier: Apache-2.0
"""Of what several agents wrote of a row, the furthest state is read back."""

from datetime import UTC, datetime

import pytest

from agents.workflow import journal
from agents.workflow.batch import Batch
from agents.workflow.latest import Latest, reach
from streams.chains import Chain
from streams.model import Scene, Settings
from streams.table import (
    AreaRow,
    CellRow,
    DownloadRow,
    IngestionRow,
    Page,
    PageRow,
    Row,
    encode_row,
)
from streams.transitions import Course

DATE = datetime(2024, 5, 1, tzinfo=UTC)


def a_row(at: int) -> bytes:
    return encode_row(AreaRow("demo", ingestions=at, at=at))


def a_journal(position: int) -> bytes:
    return journal.encoded(Batch({}, position=position))[1]


def read(*values: bytes, key: bytes = b"demo", stored: bytes | None = None):
    latest = Latest(lambda _: stored)
    for value in values:
        latest.see(3, key, value)
    rows, wrong = latest.take()
    return rows[key], [(partition, rows[key]) for key, partition in wrong.items()]


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


@pytest.mark.parametrize(
    "row",
    [
        AreaRow("at", at=7),
        IngestionRow("demo", "at", Settings("a", "b", {"at": "8"}), listed=True, at=7),
        DownloadRow(
            "demo",
            "demo/s",
            "i",
            Scene("s", "landsat", DATE, metadata={"at": "8"}, tags={"m": '"at":9'}),
            Course(message='{"at":9}'),
            behind='\\"at":9',
            at=7,
        ),
        CellRow(
            "demo",
            "at",
            Chain(((DATE, '"at":8'),)),
            7,
            (Page(0, (DATE, "at")), Page(1, (DATE, '"at":9'))),
            2,
        ),
        PageRow("demo", "at", ((DATE, "at"),), at=7),
        AreaRow("demo"),
    ],
)
def test_row_tells_its_own_offset_whatever_it_holds(row: Row):
    assert reach(encode_row(row)) == row.at


def test_nothing_is_remembered_of_an_earlier_reading():
    latest = Latest(lambda _: None)
    latest.see(3, b"demo", a_row(7))
    latest.take()
    latest.see(3, b"demo", a_row(2))
    assert latest.take() == ({b"demo": a_row(2)}, {})
