# SPDX-License-Identifier: Apache-2.0
"""Who may still read the intermediate layers of a tile, and when nobody does any more.

Intermediate is what is not published, and no picture or log: what a download cut for
the tile, and what its own task left for others. It is released once nobody reads it who
is ordered, or may yet be:

- the tile itself until it is done: one that failed may be reopened;
- the next of its chain until that is done, and any that was ordered with it before
  another came between;
- as the reference of its chain, or the last of it, later dates: as long as the area is
  open, that is, not cancelled.

One that failed, and was never done, is waited for only so long (`layers-expired`):
reopened after that, its cut is downloaded again.

So a task that fails releases nothing of the tile before it: the next one inherits that.
A tile that came later between two that are done hangs on the reference, and one that is
done again has its cut downloaded again: see `streams.release` and `streams.moves`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from streams import chains, pages
from streams.chains import Chain, Member
from streams.deliveries import Deliveries, of_tile
from streams.draft import Draft
from streams.events import DownloadDone, LayersExpired, ProcessDone
from streams.model import (
    PICTURES,
    STEP_LOG,
    Action,
    AreaState,
    Layer,
    Status,
)
from streams.orders import LayerReleased
from streams.table import AreaRow, DownloadRow, ProcessRow, Rows

_RUNNING = (Status.PENDING, Status.RETRY)
"""A task in RETRY may be reported late by the worker that it was ordered from."""


def let_go(draft: Draft) -> None:
    """Release what the changes of a fact leave to nobody."""
    for key, row in tuple(draft.rows.items()):
        if isinstance(row, ProcessRow):
            _after_process(draft, row, draft.table.get(key))
        elif isinstance(row, DownloadRow):
            old = draft.table.get(key)
            known = old.deliveries if isinstance(old, DownloadRow) else ()
            if known != row.deliveries:
                for task in row.processes:
                    _after_delivery(draft, draft.process(task), known)


def discard(
    draft: Draft, event: DownloadDone | ProcessDone, layers: Iterable[Layer]
) -> None:
    """Release those layers of a report that came to nothing: nobody is told of them.

    To be called once the report was taken up, or was not.
    """
    row = draft.task(event.task)
    if isinstance(row, ProcessRow) and row.layers is layers:
        return  # it counts, as mostly
    if event.attempt > row.course.attempt:
        return  # never ordered: no worker of ours
    known = {layer.uri for layer in _layers(row)}
    if isinstance(row, ProcessRow):
        known.update(row.superseded)
    for layer in layers:
        if is_intermediate(layer) and layer.uri not in known:
            draft.outgoing.append(LayerReleased(event.area, event.task, layer.uri))


def expire(draft: Draft, event: LayersExpired, at: datetime) -> None:
    """Release what a tile keeps that failed before, unless others may run on it."""
    row = draft.process(event.task)
    course = row.course
    failed = course.status is Status.FAILED and course.attempt == event.attempt
    told_before = course.ended_at is None or at < course.ended_at
    if failed and not (told_before or row.gone or row.built):
        draft.put_task(replace(row, gone=True, readers=()))
        draft.outgoing += _releases(draft, row)


def reader(draft: Draft, row: ProcessRow) -> str:
    """Who may still read a tile's intermediate layers, in words; empty: nobody."""
    area = draft.find(row.area)
    if isinstance(area, AreaRow) and area.state is AreaState.CANCELLED:
        return ""
    status = row.course.status
    if status is Status.FAILED:
        return "its task failed and may be reopened"
    if status is not Status.DONE:
        return f"needed by {row.task} itself, which is {status}"
    for task in row.readers:
        if is_reading(draft.process(task), row.task):
            return f"needed by {task} as previous"
    if not row.tile.cell:
        return ""
    member = (row.tile.date, row.task)
    chain = pages.around(draft, row.area, row.tile.cell, member)
    return _reader_in_chain(draft, chain, member)


def is_reading(row: ProcessRow, previous: str) -> bool:
    """Was a tile ordered with this one as previous, and has not ended?"""
    return row.previous == previous and row.course.status in _RUNNING


def is_intermediate(layer: Layer) -> bool:
    """Is it only for other tasks, and not for people?"""
    kept = (layer.name, layer.extension) == STEP_LOG or layer.extension in PICTURES
    return layer.action is Action.CREATE and not kept


def intermediates(draft: Draft, row: ProcessRow) -> Iterator[tuple[str, str]]:
    """Task and URI of each intermediate layer of a tile."""
    yield from _cut(draft.download(row.download).deliveries, row)
    for layer in filter(is_intermediate, row.layers):
        yield row.task, layer.uri
    for uri in row.superseded:
        yield row.task, uri


def _cut(deliveries: Deliveries, row: ProcessRow) -> Iterator[tuple[str, str]]:
    """Of what was cut for a tile: the download task, and each URI."""
    delivery = of_tile(deliveries, row.tile.name)
    if delivery is not None:
        for layer in filter(is_intermediate, delivery.layers):
            yield row.download, layer.uri


def released(table: Rows, task: str) -> list[LayerReleased]:
    """What was released of a tile, once more; none if it was not."""
    draft = Draft(table)
    row = draft.find(task)
    if not isinstance(row, ProcessRow) or not row.gone:
        return []
    return _releases(draft, row)


def _after_delivery(draft: Draft, row: ProcessRow, known: Deliveries) -> None:
    """What was cut for a tile has come: too late, if that is gone."""
    if not row.gone:
        _consider(draft, row.task)
        return
    there = {uri for _, uri in _cut(known, row)}
    fresh = _cut(draft.download(row.download).deliveries, row)
    draft.outgoing += [
        LayerReleased(row.area, task, uri) for task, uri in fresh if uri not in there
    ]


def _after_process(draft: Draft, row: ProcessRow, old: object) -> None:
    """Look at the tiles whose layers may have lost a reader."""
    if not isinstance(old, ProcessRow) or old.course is row.course:
        return
    before, now = old.course.status, row.course.status
    lost = {old.previous} if before in _RUNNING and now is not before else set()
    if old.previous != row.previous:
        lost.add(old.previous)
    if now is not before and now in (Status.DONE, Status.FAILED):
        lost |= {row.task, row.previous}
        if row.tile.cell:
            member = (row.tile.date, row.task)
            chain = pages.around(draft, row.area, row.tile.cell, member)
            lost.add(chains.preceding(chain, member))
    for task in sorted(lost - {""}):
        _consider(draft, task)


def _consider(draft: Draft, task: str) -> None:
    row = draft.process(task)
    if row.gone or not any(intermediates(draft, row)) or reader(draft, row):
        return
    draft.put_task(replace(row, gone=True, readers=()))
    draft.outgoing += _releases(draft, row)


def _releases(draft: Draft, row: ProcessRow) -> list[LayerReleased]:
    return [
        LayerReleased(row.area, task, uri) for task, uri in intermediates(draft, row)
    ]


def _reader_in_chain(draft: Draft, chain: Chain, member: Member) -> str:
    if not chains.holds(chain, member):
        return ""  # it was forced: nobody builds on it
    if member == (chain.root or chain.members[0]):
        return "reference of the series, and the area is open"
    if chain.root is not None and member < chain.root:
        return ""  # a side branch
    follower = chains.following(chain, member)
    if not follower:
        return "leaf of the series, and the area is open"
    if draft.process(follower).course.status is not Status.DONE:
        return f"needed by {follower} as previous"
    return ""


def _layers(row: DownloadRow | ProcessRow) -> Iterator[Layer]:
    if isinstance(row, ProcessRow):
        yield from row.layers
    else:
        for delivery in row.deliveries:
            yield from delivery.layers
