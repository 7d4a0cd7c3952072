# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from agents.workflow.leftovers import Leftovers
from streams.events import LayersExpired
from streams.model import Status, Tile
from streams.table import ProcessRow
from streams.transitions import Course

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
TASK = "demo/s/t"
FAILED = ProcessRow(
    "demo",
    TASK,
    "i",
    Tile("t", "s", NOON),
    "demo/s",
    Course(Status.FAILED, attempt=2, ended_at=NOON),
)
EXPIRED = LayersExpired("demo", TASK, 2)


def seen(*rows: ProcessRow, keep: timedelta = MONTH) -> Leftovers:
    leftovers = Leftovers(keep)
    for row in rows:
        leftovers.see({row.task: row})
    return leftovers


def test_what_a_failed_tile_left_expires_once_when_its_time_is_over():
    leftovers = seen(FAILED)
    assert leftovers.expired(NOON + MONTH - timedelta(seconds=1)) == []
    assert leftovers.expired(NOON + MONTH) == [EXPIRED]
    assert leftovers.expired(NOON + MONTH) == []


@pytest.mark.parametrize(
    "row",
    [
        replace(FAILED, course=Course(Status.NEW, attempt=2, ended_at=NOON)),
        replace(FAILED, gone=True),
    ],
    ids=["reopened", "gone"],
)
def test_tile_that_was_reopened_or_is_gone_does_not_expire(row):
    assert seen(FAILED, row).expired(NOON + MONTH) == []


def test_another_table_has_other_tiles():
    leftovers = seen(FAILED)
    leftovers.forget()
    assert leftovers.expired(NOON + MONTH) == []


def test_without_a_time_all_is_kept():
    assert seen(FAILED, keep=timedelta(0)).expired(NOON + 100 * MONTH) == []
