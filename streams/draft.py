# SPDX-License-Identifier: Apache-2.0
"""What one fact changes: rows read through the table, rows written aside, orders."""

from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from streams.errors import IngesterError
from streams.model import Status
from streams.orders import Outgoing
from streams.table import (
    AreaRow,
    CellRow,
    DownloadRow,
    IngestionRow,
    Page,
    PageRow,
    ProcessRow,
    Row,
    Rows,
    TaskRow,
    cell_key,
    ingestion_key,
    page_key,
)

R = TypeVar("R", bound=Row)


class UnknownSubject(IngesterError):
    """A fact is about something that no earlier fact of the log created."""


class _Seen(dict[str, Row | None]):
    """Rows of a table as they are now, looked up there when first asked for."""

    def __init__(self, table: Rows) -> None:
        super().__init__()
        self._look = table.get

    def __missing__(self, key: str) -> Row | None:
        row = self[key] = self._look(key)
        return row


@dataclass(slots=True)
class Draft:
    """The table as one fact leaves it, before anyone else can see it."""

    table: Rows
    rows: dict[str, Row] = field(default_factory=dict)
    """Those that were written."""
    outgoing: list[Outgoing] = field(default_factory=list)
    _seen: _Seen = field(init=False)
    """Most rows are looked at again and again."""

    def __post_init__(self) -> None:
        self._seen = _Seen(self.table)

    def find(self, key: str) -> Row | None:
        """The row under this key, None if there is none."""
        return self._seen[key]

    def area(self, name: str) -> AreaRow:
        """The area's row, a fresh one if it has none yet."""
        return _known(self._seen[name] or AreaRow(name), AreaRow, name)

    def ingestion(self, area: str, ingestion: str) -> IngestionRow:
        """The row of an accepted request."""
        key = ingestion_key(area, ingestion)
        return _known(self._seen[key], IngestionRow, key)

    def cell(self, area: str, cell: str) -> CellRow:
        """The cell's row, a fresh one if it has none yet."""
        key = cell_key(area, cell)
        return _known(self._seen[key] or CellRow(area, cell), CellRow, key)

    def page(self, row: CellRow, page: Page) -> PageRow:
        """A page of a cell's chain."""
        key = page_key(row, page)
        return _known(self._seen[key], PageRow, key)

    def download(self, task: str) -> DownloadRow:
        """The row of a download task."""
        return _known(self._seen[task], DownloadRow, task)

    def process(self, task: str) -> ProcessRow:
        """The row of a processing task."""
        return _known(self._seen[task], ProcessRow, task)

    def task(self, task: str) -> TaskRow:
        """The row of a task of either kind."""
        return self.download(task) if task.count("/") == 1 else self.process(task)

    def put(self, key: str, row: Row) -> None:
        """Change a row that is no task's."""
        self.rows[key] = self._seen[key] = row

    def put_task(self, row: TaskRow) -> None:
        """Change a task's row, and its area's tally with it."""
        old = self._seen[row.task]
        before = old.course.status if isinstance(old, TaskRow) else None
        self.rows[row.task] = self._seen[row.task] = row
        if before is not row.course.status:
            self._count(row, before, row.course.status)

    def changed(self, at: int) -> dict[str, Row]:
        """The rows that differ from the table's, stamped with the fact's offset."""
        return {
            key: replace(row, at=at)
            for key, row in self.rows.items()
            if row != self.table.get(key)
        }

    def _count(self, row: TaskRow, before: Status | None, now: Status) -> None:
        area = self.area(row.area)
        if isinstance(row, ProcessRow):
            area = replace(area, processes=area.processes.moved(before, now))
        else:
            area = replace(area, downloads=area.downloads.moved(before, now))
        self.put(row.area, area)


def _known(row: Row | None, cls: type[R], key: str) -> R:
    if not isinstance(row, cls):
        raise UnknownSubject(f"'{key}': the log never created it")
    return row
