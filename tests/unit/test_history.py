# SPDX-License-Identifier: Apache-2.0
"""An area at any place of its log is what a replay up to there gives."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.history import History
from streams.model import Status
from streams.replay import Positioned, replay
from streams.table import AreaRow, DownloadRow, ProcessRow
from tests.scenery import scenery

AREA = "here"
LOG = [
    Positioned(0, offset, fact)
    for offset, fact in enumerate(
        scenery(AREA, 10, 5, told=datetime(2024, 1, 1, tzinfo=UTC))
    )
]


def told(log=LOG):
    history = History()
    for entry in log:
        history.tell(entry)
    return history


HISTORY = told()


@given(place=st.integers(0, len(LOG)))
def test_tasks_stand_as_a_replay_says(place):
    rows = replay(LOG[:place]).table
    expected = {
        key: (row.course.status, row.course.attempt)
        for key, row in rows.items()
        if isinstance(row, DownloadRow | ProcessRow)
    }
    found = HISTORY.tasks_at(place)
    assert {task: (s.status, s.attempt) for task, s in found} == expected
    area = rows.get(AREA)
    if isinstance(area, AreaRow):
        assert HISTORY.area_at(place).processes == area.processes


@given(since=st.integers(0, len(LOG)), until=st.integers(0, len(LOG)))
def test_what_moved_is_what_stands_otherwise(since, until):
    before, after = dict(HISTORY.tasks_at(since)), dict(HISTORY.tasks_at(until))
    found = {m.task: (m.before, m.after) for m in HISTORY.moved(since, until)}
    assert found == {
        task: (before.get(task), after.get(task))
        for task in before | after
        if before.get(task) != after.get(task)
    }


def test_an_instant_is_the_place_of_the_last_fact_told_by_then():
    fourth = LOG[3].fact.time
    assert HISTORY.place_at(fourth) == 4
    assert HISTORY.place_at(fourth - timedelta(microseconds=1)) == 3
    assert HISTORY.place_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0


def test_facts_are_told_in_short_in_the_order_of_the_log():
    failed = [one for one in HISTORY.told if one.type == "download-failed"]
    assert failed[0].brief.startswith("copernicus: GET /archive")
    assert [one.place for one in HISTORY.told] == list(range(1, len(LOG) + 1))


def test_a_late_clock_does_not_turn_time_back():
    late = [LOG[5], LOG[2]]
    history = told(late)
    assert history.place_at(LOG[2].fact.time) == 0
    assert history.place_at(LOG[5].fact.time) == 2


def test_a_repeated_fact_moves_nothing():
    history = told([entry for entry in LOG for _ in (1, 2)])
    end = dict(history.tasks_at(2 * len(LOG)))
    assert end == dict(HISTORY.tasks_at(len(LOG)))
    assert Status.DONE in {standing.status for standing in end.values()}
