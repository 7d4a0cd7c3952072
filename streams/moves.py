# SPDX-License-Identifier: Apache-2.0
"""What follows when a task is done, given up or taken back."""

from datetime import datetime

from msgspec.structs import replace

from streams import chains, line, pages, transitions
from streams.draft import Draft
from streams.model import Delivery, Status
from streams.release import member, release, undelivered, waits_for
from streams.retention import is_intermediate, is_reading
from streams.table import DownloadRow, ProcessRow, TaskRow
from streams.transitions import Course

SCENE_FAILED = "its scene failed"


def enter_chain(draft: Draft, row: ProcessRow) -> None:
    """The tile takes its place in the chain of its cell; the next one waits for it."""
    if row.tile.cell:
        pages.insert(draft, row.area, row.tile.cell, member(row))
        _hold_back(draft, row)
        _note_reader(draft, row)


def leave_chain(draft: Draft, row: ProcessRow) -> None:
    """The tile leaves its chain; those that waited for it are linked past it.

    What was built on an earlier result of it is done again without it.
    """
    if not row.tile.cell:
        return
    pages.remove(draft, row.area, row.tile.cell, member(row))
    row = draft.process(row.task)
    if row.follow:
        draft.put_task(replace(row, follow=False))
        follower = _next(draft, row)
        if follower is not None and follower.previous == row.task:
            _do_again(draft, follower)
    release_followers(draft, row)


def give_up(draft: Draft, row: TaskRow, message: str, at: datetime) -> None:
    """The task fails without an attempt that failed."""
    line.leave(draft, row.task)
    row = draft.task(row.task)
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


def after_done(draft: Draft, row: ProcessRow) -> None:
    """A tile is done: once more if it is stale; else its followers, if it is to be."""
    if row.stale:
        _do_again(draft, row)
        release(draft, row.task)
    elif row.follow:
        row = replace(row, follow=False)
        draft.put_task(row)
        follower = _next(draft, row)
        if follower is not None:
            _do_again(draft, follower)


def release_followers(draft: Draft, row: ProcessRow) -> None:
    """The tiles that this one, done or out of the chain, kept waiting."""
    if not row.tile.cell:
        return
    chain = pages.around(draft, row.area, row.tile.cell, member(row))
    for task in chains.followers(chain, member(row)):
        follower = draft.process(task)
        if follower.course.status is Status.NEW or follower.previous == row.task:
            release(draft, task)


def reopen(draft: Draft, row: TaskRow, wish: str, *, follow: bool = False) -> None:
    """A failed task is NEW again; a tile back in its chain, a scene with its tiles.

    Args:
        draft: what changes.
        row: the task.
        wish: id of the fact that asks for it.
        follow: do later tiles of the chain again once this one is done, if it has one.
    """
    row = replace(row, course=transitions.granted(row.course, wish))
    if isinstance(row, ProcessRow):
        row = replace(row, follow=follow and bool(row.tile.cell))
        draft.put_task(row)
        enter_chain(draft, row)
        _bring_back(draft, row.task)
    else:
        draft.put_task(row)
        for process in map(draft.process, row.processes):
            if failed_with_its_scene(process.course):
                reopen(draft, process, wish, follow=follow)
    release(draft, row.task)


def failed_with_its_scene(course: Course) -> bool:
    """Did a tile fail for its scene alone? Then it comes back with it."""
    return course.status is Status.FAILED and course.message == SCENE_FAILED


def _bring_back(draft: Draft, task: str) -> None:
    """The tile will be done again: what was cut for it, and is gone, is cut again."""
    row = draft.process(task)
    if not row.gone:
        return
    published = tuple(layer for layer in row.layers if not is_intermediate(layer))
    draft.put_task(replace(row, gone=False, layers=published, superseded=()))
    scene = draft.download(row.download)
    kept = tuple(d for d in scene.deliveries if not _is_cut(d, row.tile.name))
    if kept != scene.deliveries:
        scene = replace(scene, deliveries=kept)
        if scene.course.status in (Status.DONE, Status.FAILED):
            scene = replace(scene, course=transitions.again(scene.course))
        draft.put_task(scene)
        release(draft, scene.task)


def intermediate_uris(row: ProcessRow) -> tuple[str, ...]:
    """URIs of the layers that a tile's last result left for other tasks."""
    return tuple(layer.uri for layer in row.layers if is_intermediate(layer))


def _is_cut(delivery: Delivery, tile: str) -> bool:
    """Did something intermediate come of a download for this tile?"""
    return delivery.tile == tile and any(map(is_intermediate, delivery.layers))


def _note_reader(draft: Draft, row: ProcessRow) -> None:
    """The tile behind may be ordered with the one before, between which it comes."""
    chain = pages.around(draft, row.area, row.tile.cell, member(row))
    before = chains.preceding(chain, member(row))
    behind = _next(draft, row)
    if before and behind is not None and is_reading(behind, before):
        previous = draft.process(before)
        if behind.task not in previous.readers:
            readers = (*previous.readers, behind.task)
            draft.put_task(replace(previous, readers=readers))


def _do_again(draft: Draft, row: ProcessRow) -> None:
    """What a tile is built on has changed: it and all that follow it are done again.

    One after the other, each when the one before it is done: so a failure disturbs
    nothing behind it, and no fact costs more in a longer chain.
    """
    match row.course.status:
        case Status.DONE:
            course = transitions.again(row.course)
            row = replace(row, course=course, follow=True, stale=False, built=True)
            draft.put_task(row)
            _hold_back(draft, row)
            _bring_back(draft, row.task)
        case Status.PENDING | Status.RETRY:
            draft.put_task(replace(row, follow=True, stale=True))
        case Status.NEW | Status.FAILED:
            draft.put_task(replace(row, follow=True))


def _hold_back(draft: Draft, row: ProcessRow) -> None:
    """The next tile is not ready any more: this one comes before it."""
    follower = _next(draft, row)
    if follower is not None and follower.held and waits_for(draft, follower):
        line.leave(draft, follower.task)


def _next(draft: Draft, row: ProcessRow) -> ProcessRow | None:
    """The tile built on this one; None behind the last, and before the root."""
    if not row.tile.cell:
        return None
    chain = pages.around(draft, row.area, row.tile.cell, member(row))
    task = chains.following(chain, member(row))
    return draft.process(task) if task else None
