# SPDX-License-Identifier: Apache-2.0
"""250 Landsat items over the Netherlands: five chains, each in order of date."""

from collections import defaultdict
from itertools import pairwise

import pytest

from streams.events import ProcessDone, ProcessStarted
from streams.model import Status
from streams.orders import AreaDone, DownloadOrder, ProcessOrder
from streams.replay import lines
from streams.table import DownloadRow, ProcessRow
from streams.topics import DOWNLOADS, NOTICES, PROCESSES, TABLE
from tests import netherlands
from tests.tables import changelog_table

TASKS = 2 * sum(netherlands.CHAINS.values())


@pytest.fixture(scope="module")
def ingested(shared_system, tmp_path_factory):
    """The area, asked for and gone through."""
    with netherlands.stac_api(tmp_path_factory.mktemp("stac")) as url:
        shared_system.start(*netherlands.AGENTS, **netherlands.settings(url))
        shared_system.send(netherlands.request())
        shared_system.wait_until_ended(netherlands.NAME)
    shared_system.stop()
    return shared_system


@pytest.fixture(scope="module")
def table(ingested):
    return ingested.table()


@pytest.fixture(scope="module")
def chains(table):
    """The tiles of each place, in order of date."""
    found = defaultdict(list)
    for row in table.values():
        if isinstance(row, ProcessRow):
            found[row.tile.cell].append(row)
    return {
        cell: sorted(rows, key=lambda row: (row.tile.date, row.task))
        for cell, rows in found.items()
    }


def test_every_task_is_done_at_the_first_attempt(table):
    tasks = [row for row in table.values() if isinstance(row, DownloadRow | ProcessRow)]
    assert len(tasks) == TASKS
    assert {(row.course.status, row.course.attempt) for row in tasks} == {
        (Status.DONE, 1)
    }


def test_every_item_is_in_the_chain_of_its_place(chains):
    lengths = {cell: len(rows) for cell, rows in chains.items()}
    assert lengths == netherlands.CHAINS


def test_every_tile_follows_the_one_dated_before_it(chains):
    for rows in chains.values():
        assert rows[0].previous == rows[0].reference == ""
        for before, after in pairwise(rows):
            assert before.tile.date < after.tile.date
            assert (after.previous, after.reference) == (before.task, rows[0].task)


def test_no_tile_was_started_before_the_one_dated_before_it_was_done(ingested, chains):
    started, done = {}, {}
    for entry in ingested.facts():
        match entry.fact.message:
            case ProcessStarted(task=task):
                started[task] = entry.offset
            case ProcessDone(task=task):
                done[task] = entry.offset
    for rows in chains.values():
        for before, after in pairwise(rows):
            assert done[before.task] < started[after.task]


def test_every_task_was_ordered_once(ingested):
    orders = ingested.messages(DOWNLOADS.name) + ingested.messages(PROCESSES.name)
    assert {type(order.message) for order in orders} == {DownloadOrder, ProcessOrder}
    assert len(orders) == len({order.id for order in orders}) == TASKS


def test_the_end_of_the_area_is_told_once(ingested):
    (notice,) = ingested.messages(NOTICES.name)
    assert isinstance(notice.message, AreaDone)
    assert notice.message.downloads.done == notice.message.processes.done == TASKS // 2


def test_replay_is_the_read_model_byte_for_byte(ingested, table):
    assert list(lines(ingested.replayed().table)) == list(lines(table))


def test_the_workflows_changelog_is_the_read_model_byte_for_byte(ingested, table):
    changelog = changelog_table(ingested.records(TABLE.name))
    assert list(lines(changelog)) == list(lines(table))
