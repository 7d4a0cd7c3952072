# SPDX-License-Identifier: Apache-2.0
"""The dependency table comes back from its changelog, to the last fact folded."""

from datetime import UTC, datetime

from agents.workflow import journal
from agents.workflow.batch import Batch
from agents.workflow.table import DependencyTable
from streams.envelope import Record
from streams.model import Scene, Status
from streams.table import AreaRow, DownloadRow, encode_row
from streams.topics import TABLE
from streams.transitions import Course, ordered


class Changelog:
    """Of one partition, 3; remembers from where it was read."""

    def __init__(self, *records: Record) -> None:
        self.records = list(records)
        self.begins: list[int] = []

    def __call__(self, partition: int, begin: int):
        if partition != 3:
            return
        self.begins.append(begin)
        for offset, record in enumerate(self.records):
            if offset >= begin:
                yield offset + 1, [(record.key, record.value)]


def row(at: int) -> AreaRow:
    return AreaRow("demo", ingestions=at, at=at)


def written(at: int) -> list[Record]:
    rows, entry = journal.encoded(Batch({"demo": row(at)}, position=at))
    return list(journal.changelog(3, rows, entry))


def test_table_is_what_was_written_and_knows_how_far_it_goes():
    table = DependencyTable()
    table.read_back(Changelog(*written(1), *written(7)), [3])
    assert table.stored("demo") == encode_row(row(7))
    assert table.positions == {3: 7}


def test_rows_that_only_the_journal_has_are_laid_and_written_again():
    table = DependencyTable()
    entry, _ = written(7)
    again, unsure = table.read_back(Changelog(*written(1), entry), [3])
    assert table.stored("demo") == encode_row(row(7))
    assert [(r.key, r.value) for r in again] == [(b"demo", encode_row(row(7)))]
    assert unsure == ["demo"]


def test_partition_that_comes_again_is_read_on_from_where_it_was():
    table, changelog = DependencyTable(), Changelog(*written(1))
    table.read_back(changelog, [3])
    changelog.records += written(7)  # by another agent
    table.read_back(changelog, [3])
    assert changelog.begins == [0, 2]
    assert table.stored("demo") == encode_row(row(7))


def test_reading_that_was_cut_short_goes_on_there():
    table, changelog = DependencyTable(), Changelog(*written(1), *written(7))
    table.read_back(lambda p, begin: list(changelog(p, begin))[:3], [3])
    table.read_back(changelog, [3])
    assert changelog.begins == [0, 3]
    assert table.positions == {3: 7}


def test_overtaken_row_is_told_until_it_is_written_again():
    journalled, early = written(7), written(2)[1]  # by an agent that was overtaken
    table, changelog = DependencyTable(), Changelog(*journalled, early)
    table.read_back(lambda p, begin: list(changelog(p, begin))[:3], [3])  # cut short
    empty = journal.encoded(Batch({}, position=8))[1]
    changelog.records.append(Record(TABLE.name, b"~3", empty))
    again, _ = table.read_back(changelog, [3])
    assert [(r.key, r.value, r.partition) for r in again] == [
        (b"demo", encode_row(row(7)), 3)
    ]
    assert table.read_back(changelog, [2])[0] == []  # to be told by its next owner
    table.mended([2])
    assert table.read_back(changelog, [3])[0] != []
    table.mended([3])
    assert table.read_back(changelog, [3])[0] == []


def test_only_tasks_that_are_pending_or_failed_are_looked_after():
    table = DependencyTable()
    scene = Scene("s", "landsat", datetime(2024, 5, 1, tzinfo=UTC))
    rows = [
        DownloadRow("demo", "demo/s1", "i", scene, Course()),
        DownloadRow("demo", "demo/s2", "i", scene, ordered(Course())),
        DownloadRow("demo", "demo/s3", "i", scene, Course(Status.FAILED)),
        DownloadRow("others", "others/s2", "i", scene, ordered(Course())),
    ]
    table.lay({row.task: encode_row(row) for row in rows})
    assert [key for key, _ in table.watched("demo".__eq__)] == ["demo/s2", "demo/s3"]
