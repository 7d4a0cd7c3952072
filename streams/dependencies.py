# SPDX-License-Identifier: Apache-2.0
"""The fold: `step(table, fact)` gives the rows that change and the orders set free.

Delivery is at least once: a fact folded twice changes nothing the second time, and
sends again, under the same ids, the orders that it set free and that nobody has begun.
Reports about another attempt than the newest are void.
"""

from datetime import datetime
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from streams import moves, retention, transitions, wishes
from streams.deliveries import merged
from streams.draft import Draft, UnknownSubject
from streams.envelope import Envelope
from streams.events import (
    AreaCancelled,
    AreaLimited,
    AreaPaused,
    AreaResumed,
    AttemptExpired,
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    Event,
    IngestionAccepted,
    IngestionListed,
    IngestionRefused,
    LayerDeleted,
    LayersExpired,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
    TaskCreated,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import AreaState, Scene, Status, Tile
from streams.orders import AreaDone, AreaNeedsAttention, Outgoing
from streams.release import advance, release, undelivered
from streams.table import (
    AreaRow,
    DownloadRow,
    IngestionRow,
    Limits,
    ProcessRow,
    Row,
    Rows,
    TaskRow,
    ingestion_key,
)
from streams.transitions import Course

# When an area is resumed or its window widened, those that waited are let go a few at a
# time: no single fact may set free more than one batch can hold. Each order leads to
# further facts, these to the rest.
_AT_ONCE = 100
_PER_FACT = 5

# Facts after which no layer has a reader less: they are the most.
_BEGINNINGS = {TaskCreated, DownloadStarted, ProcessStarted}


class Step(Struct, frozen=True, gc=False):
    """What one fact does."""

    rows: dict[str, Row]
    """New value of each changed row."""
    outgoing: tuple[Outgoing, ...]
    """Orders set free, and notices."""
    unknown: str = ""
    """Not empty: the fact is about something that the log never created, and this is
    what. Nothing changes; the fact belongs to the dead letters."""


def step(table: Rows, fact: Envelope[Event], at: int) -> Step:
    """Fold one fact.

    Args:
        table: the rows before the fact.
        fact: with its id and time; the only clock of the fold.
        at: its offset in the log, stamped on the rows that it changes.
    """
    draft = Draft(table)
    try:
        _fold(draft, fact)
    except UnknownSubject as error:
        return Step({}, (), unknown=str(error))
    area = fact.message.area
    advance(draft, area, _PER_FACT)
    if type(fact.message) not in _BEGINNINGS:
        retention.let_go(draft)
    _close(draft, area, fact.id)
    return Step(draft.changed(at), tuple(draft.outgoing))


def _fold(draft: Draft, fact: Envelope[Event]) -> None:
    event = fact.message
    match event:
        case DownloadStarted() | ProcessStarted():
            _start(draft, event, fact.time)
        case ProcessDone():
            _finish(draft, event, fact.time)
        case DownloadDone():
            _deliver(draft, event, fact.time)
        case TaskCreated(scene=Scene() as scene):
            _create_download(draft, event, scene)
        case TaskCreated(tile=Tile() as tile):
            _create_process(draft, event, tile)
        case TaskCreated():
            raise UnknownSubject(f"'{event.task}': created with neither scene nor tile")
        case IngestionAccepted():
            _accept(draft, event)
            advance(draft, event.area, _AT_ONCE)
        case IngestionListed():
            _list(draft, event)
        case IngestionRefused() | LayerDeleted():
            pass  # told to readers of the log; no task depends on it
        case DownloadFailed():
            asked_s = event.retry_after_s
            _fail(draft, event, event.failure, event.message, fact.time, asked_s)
        case ProcessFailed():
            _fail(draft, event, event.failure, event.message, fact.time)
        case AttemptExpired():
            message = f"nothing heard of worker {event.worker}"
            _fail(draft, event, Failure.LOST, message, fact.time)
        case LayersExpired():
            retention.expire(draft, event, fact.time)
        case TaskRetryAsked() | TaskFailAsked() | TaskForceAsked() | TaskReopenAsked():
            wishes.grant_task_wish(draft, event, fact)
        case AreaPaused() | AreaResumed() | AreaCancelled() | AreaLimited():
            wishes.grant_area_wish(draft, event)
            advance(draft, event.area, _AT_ONCE)
        case _:
            assert_never(event)


def _accept(draft: Draft, event: IngestionAccepted) -> None:
    if draft.area(event.area).state is AreaState.CANCELLED:
        wishes.refuse(draft, event, wishes.CANCELLED)
    key = ingestion_key(event.area, event.ingestion)
    if draft.find(key) is None:
        draft.put(key, IngestionRow(event.area, event.ingestion, event.settings))
        area = draft.area(event.area)
        area = replace(
            area,
            ingestions=area.ingestions + 1,
            open_ingestions=area.open_ingestions + 1,
        )
        if not area.limits.steered:
            area = replace(area, limits=_limits(event))
        draft.put(event.area, area)


def _limits(event: IngestionAccepted) -> Limits:
    return Limits(event.limit_downloads, event.limit_processes, event.priority)


def _list(draft: Draft, event: IngestionListed) -> None:
    ingestion = draft.ingestion(event.area, event.ingestion)
    if not ingestion.listed:
        key = ingestion_key(event.area, event.ingestion)
        draft.put(key, replace(ingestion, listed=True))
        area = draft.area(event.area)
        draft.put(event.area, replace(area, open_ingestions=area.open_ingestions - 1))


def _create_download(draft: Draft, event: TaskCreated, scene: Scene) -> None:
    known = draft.find(event.task)
    if isinstance(known, DownloadRow) and not known.expected:
        _widen(draft, known, scene)
    else:
        course = _fresh_course(draft, event)
        row = DownloadRow(event.area, event.task, event.ingestion, scene, course)
        if isinstance(known, DownloadRow):
            row = replace(row, processes=known.processes)
        draft.put_task(row)
    release(draft, event.task)


def _widen(draft: Draft, row: DownloadRow, scene: Scene) -> None:
    """A scene seen again may have tiles that were not wanted of it before."""
    wanted = {part.tile for part in row.scene.parts}
    parts = tuple(part for part in scene.parts if part.tile not in wanted)
    if not parts:
        return
    row = replace(row, scene=row.scene.with_parts((*row.scene.parts, *parts)))
    if row.course.status is Status.DONE:
        row = replace(row, course=replace(row.course, status=Status.NEW))
    draft.put_task(row)


def _create_process(draft: Draft, event: TaskCreated, tile: Tile) -> None:
    if draft.find(event.task) is None:
        scene = _scene_of(draft, event, tile)
        course = _fresh_course(draft, event)
        row = ProcessRow(
            event.area, event.task, event.ingestion, tile, scene.task, course
        )
        draft.put_task(row)
        draft.put_task(replace(scene, processes=(*scene.processes, event.task)))
        moves.enter_chain(draft, row)
        if scene.course.status is Status.FAILED and scene.course.ended_at is not None:
            moves.give_up(draft, row, moves.SCENE_FAILED, scene.course.ended_at)
    release(draft, event.task)


def _scene_of(draft: Draft, event: TaskCreated, tile: Tile) -> DownloadRow:
    """The tile's download; one that is expected, if the log has not created it yet."""
    task = event.task.rpartition("/")[0]
    if draft.find(task) is None:
        course = _fresh_course(draft, event)
        scene = Scene(tile.scene, "", tile.date)
        draft.put_task(
            DownloadRow(event.area, task, event.ingestion, scene, course, expected=True)
        )
    return draft.download(task)


def _fresh_course(draft: Draft, event: TaskCreated) -> Course:
    settings = draft.ingestion(event.area, event.ingestion).settings
    return Course(countdown=max(settings.retry_count, 0))


def _start(draft: Draft, event: DownloadStarted | ProcessStarted, at: datetime) -> None:
    row = draft.task(event.task)
    if row.course.attempt == event.attempt and row.course.status is Status.PENDING:
        course = transitions.started(row.course, event.worker, at)
        draft.put_task(replace(row, course=course))


def _deliver(draft: Draft, event: DownloadDone, at: datetime) -> None:
    row = draft.download(event.task)
    if transitions.is_current(row.course, event.attempt):
        row = replace(row, deliveries=merged(row.deliveries, event.deliveries))
        missing = undelivered(row).parts
        if missing and len(missing) == len(undelivered(draft.download(row.task)).parts):
            message = f"worker {event.worker} delivered none of the tiles asked for"
            _fail(draft, event, Failure.BUG, message, at)
            return
        course = transitions.finished(row.course, event.worker, at)
        if missing:  # wanted since the order was sent: download again for them
            course = replace(course, status=Status.NEW)
        draft.put_task(replace(row, course=course))
        release(draft, row.task)
    if row.course.attempt in (event.attempt, event.attempt + 1):
        moves.release_tiles(draft, draft.download(event.task))
    layers = (layer for delivery in event.deliveries for layer in delivery.layers)
    retention.discard(draft, event, layers)


def _finish(draft: Draft, event: ProcessDone, at: datetime) -> None:
    row = draft.process(event.task)
    if transitions.is_current(row.course, event.attempt):
        course = transitions.finished(row.course, event.worker, at)
        superseded = (*row.superseded, *moves.intermediate_uris(row))
        row = replace(row, course=course, layers=event.layers, superseded=superseded)
        draft.put_task(row)
        if row.stale or row.follow:
            moves.after_done(draft, row)
            row = draft.process(row.task)
    if row.course.status is Status.DONE and row.course.attempt == event.attempt:
        moves.release_followers(draft, row)
    retention.discard(draft, event, event.layers)


def _fail(
    draft: Draft,
    event: DownloadDone | DownloadFailed | ProcessFailed | AttemptExpired,
    failure: Failure,
    message: str,
    at: datetime,
    retry_after_s: float = 0.0,
) -> None:
    row = draft.task(event.task)
    if transitions.is_current(row.course, event.attempt):
        settings = draft.ingestion(row.area, row.ingestion).settings
        course = transitions.failed(
            row.course, failure, message, at, settings, retry_after_s
        )
        if draft.area(row.area).state is AreaState.CANCELLED:
            course = replace(course, status=Status.FAILED)
        pending = row.course.status is Status.PENDING
        if pending and failure is Failure.LOST:
            if 0 < settings.alarm_after <= course.losses:
                draft.outgoing.append(_alarm(row, course))
        if pending or course.status is Status.FAILED:
            draft.put_task(replace(row, course=course))
    if row.course.attempt in (event.attempt, event.attempt + 1):
        _settle(draft, draft.task(event.task), at)


def _settle(draft: Draft, row: TaskRow, at: datetime) -> None:
    """What follows from an attempt that failed."""
    course = row.course
    match course.status:
        case Status.NEW | Status.PENDING:
            release(draft, row.task)
        case Status.RETRY if course.failure is not None:
            draft.outgoing.append(_alarm(row, course))
        case Status.FAILED:
            moves.after_failed(draft, row.task, at)


def _alarm(row: TaskRow, course: Course) -> AreaNeedsAttention:
    failure = course.failure or Failure.BUG
    return AreaNeedsAttention(
        row.area, row.task, course.attempt, failure, course.message
    )


def _close(draft: Draft, name: str, cause: str) -> None:
    """Say that the area is done when its last task ended; again for the same fact."""
    area = draft.find(name)
    if not isinstance(area, AreaRow):
        return
    if not _has_ended(area):
        if area.ended_by:
            draft.put(name, replace(area, ended_by=""))
    elif area.ended_by in ("", cause):
        draft.put(name, replace(area, ended_by=cause))
        draft.outgoing.append(AreaDone(name, area.downloads, area.processes))


def _has_ended(area: AreaRow) -> bool:
    return (
        area.ingestions > 0
        and area.open_ingestions == 0
        and area.downloads.ended == area.downloads.total
        and area.processes.ended == area.processes.total
    )
