# SPDX-License-Identifier: Apache-2.0
"""Tasks that are ready and may not be ordered yet: two lines an area, one of each kind.

Only what is NEW and ready stands in a line. Each names the one before it and the one
behind it, so that to join, to leave and to be called cost the same in an area of any
size.
"""

from msgspec.structs import replace

from streams.draft import Draft
from streams.model import AreaState, Tally
from streams.table import AreaRow, DownloadRow, Line, TaskRow

# Stands before the first of a line, who must not look like one who stands in none.
_FRONT = "."


def has_room(area: AreaRow, row: TaskRow) -> bool:
    """May the task be ordered at once, passing nobody?"""
    of_downloads = isinstance(row, DownloadRow)
    return not _line(area, of_downloads).first and _has_room(area, of_downloads)


def join(draft: Draft, row: TaskRow) -> None:
    """The task stands at the end of its line, if it stands in none."""
    if row.held:
        return
    area = draft.area(row.area)
    line = _line(area, isinstance(row, DownloadRow))
    if line.last:
        last = draft.task(line.last)
        draft.put_task(replace(last, behind=row.task))
    draft.put_task(replace(row, held=line.last or _FRONT))
    _set_line(draft, row, Line(line.first or row.task, row.task))


def leave(draft: Draft, task: str) -> None:
    """The task stands in no line, whatever its place was."""
    row = draft.task(task)
    if not row.held:
        return
    ahead, behind = row.held.removeprefix(_FRONT), row.behind
    line = _line(draft.area(row.area), isinstance(row, DownloadRow))
    if ahead:
        draft.put_task(replace(draft.task(ahead), behind=behind))
    if behind:
        draft.put_task(replace(draft.task(behind), held=row.held))
    draft.put_task(replace(row, held="", behind=""))
    first = line.first if ahead else behind
    last = line.last if behind else ahead
    _set_line(draft, row, Line(first, last))


def called(area: AreaRow) -> str:
    """The task whose turn it is; empty: nobody waits, or there is no room."""
    if area.state is AreaState.ACTIVE:
        if (first := area.download_line.first) and _has_room(area, True):
            return first
        if (first := area.process_line.first) and _has_room(area, False):
            return first
    return ""


def _has_room(area: AreaRow, of_downloads: bool) -> bool:
    window = area.limits.download_window if of_downloads else area.limits.process_window
    return not window or _tally(area, of_downloads).pending < window


def _tally(area: AreaRow, of_downloads: bool) -> Tally:
    return area.downloads if of_downloads else area.processes


def _line(area: AreaRow, of_downloads: bool) -> Line:
    return area.download_line if of_downloads else area.process_line


def _set_line(draft: Draft, row: TaskRow, line: Line) -> None:
    area = draft.area(row.area)
    if isinstance(row, DownloadRow):
        draft.put(area.area, replace(area, download_line=line))
    else:
        draft.put(area.area, replace(area, process_line=line))
