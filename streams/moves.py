# SPDX-License-Identifier: Apache-2.0
"""What follows when a task is done, given up or taken back."""

from datetime import datetime

from msgspec.structs import replace

from streams import chains, transitions
from streams.draft import Draft
from streams.model import Status
from streams.release import member, release, undelivered
from streams.table import DownloadRow, ProcessRow, TaskRow, cell_key

SCENE_FAILED = "its scene failed"


def enter_chain(draft: Draft, row: ProcessRow) -> None:
    """The tile takes its place in the chain of its cell."""
    if row.tile.cell:
        cell = draft.cell(row.area, row.tile.cell)
        chain = chains.inserted(cell.chain, member(row))
        draft.put(cell_key(row.area, row.tile.cell), replace(cell, chain=chain))


def leave_chain(draft: Draft, row: ProcessRow) -> None:
    """The tile leaves its chain; those that waited for it are linked past it."""
    if row.tile.cell:
        cell = draft.cell(row.area, row.tile.cell)
        chain = chains.removed(cell.chain, member(row))
        draft.put(cell_key(row.area, row.tile.cell), replace(cell, chain=chain))
        release_followers(draft, row)


def give_up(draft: Draft, row: TaskRow, message: str, at: datetime) -> None:
    """The task fails without an attempt that failed."""
    draft.put_task(replace(row, course=transitions.abandoned(row.course, message, at)))
    after_failed(draft, row.task, at)


def after_failed(draft: Draft, task: str, at: datetime) -> None:
    """A failed scene fails its undelivered tiles; a failed tile leaves its chain."""
    row = draft.task(task)
    if isinstance(row, DownloadRow):
        missing = {part.tile for part in undelivered(row).parts}
        for process in map(draft.process, row.processes):
            if process.tile.name in missing and process.course.status is Status.NEW:
                give_up(draft, process, SCENE_FAILED, at)
    else:
        leave_chain(draft, row)


def release_tiles(draft: Draft, row: DownloadRow) -> None:
    """The tiles of a scene that was delivered, those that are ready."""
    for process in row.processes:
        release(draft, process)


def release_followers(draft: Draft, row: ProcessRow) -> None:
    """The tiles that this one, done or out of the chain, kept waiting."""
    if not row.tile.cell:
        return
    chain = draft.cell(row.area, row.tile.cell).chain
    for task in chains.followers(chain, member(row)):
        follower = draft.process(task)
        if follower.course.status is Status.NEW or follower.previous == row.task:
            release(draft, task)


def reopen(draft: Draft, row: TaskRow, wish: str) -> None:
    """A failed task is NEW again; a tile back in its chain, a scene with its tiles."""
    row = replace(row, course=transitions.granted(row.course, wish))
    draft.put_task(row)
    if isinstance(row, ProcessRow):
        enter_chain(draft, row)
    else:
        for process in map(draft.process, row.processes):
            if process.course.status is Status.FAILED and process.course.attempt == 0:
                reopen(draft, process, wish)
    release(draft, row.task)
