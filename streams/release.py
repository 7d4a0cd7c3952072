# SPDX-License-Identifier: Apache-2.0
"""May a task start? And if so, its order, complete in itself."""

from collections.abc import Iterator

from msgspec.structs import replace

from streams import chains, line, pages, transitions
from streams.chains import Links, Member
from streams.deliveries import of_tile
from streams.draft import Draft
from streams.memo import ByIdentity
from streams.model import Action, AreaState, Layer, Scene, Status
from streams.orders import DownloadOrder, ProcessOrder, Source
from streams.table import (
    AreaRow,
    DownloadRow,
    ProcessRow,
    Rows,
    TaskRow,
)


def release(draft: Draft, task: str) -> None:
    """Order a task if all it waits for is there.

    A task that is ordered already and that no worker has begun is ordered again, with
    the same id: so folding a fact twice also sends twice what it set free, and no crash
    between writing a row and sending its order can lose the order.
    """
    row = draft.task(task)
    if is_outstanding(row):
        draft.outgoing.append(_order_of(draft, row))
    elif row.course.status is Status.NEW:
        _order(draft, row)


def outstanding(table: Rows, task: str) -> DownloadOrder | ProcessOrder | None:
    """The order of a task that is ordered and that no worker has begun, else None."""
    draft = Draft(table)
    row = draft.find(task)
    if not isinstance(row, TaskRow) or not is_outstanding(row):
        return None
    return _order_of(draft, row)


def is_outstanding(row: TaskRow) -> bool:
    """Ordered, and begun by nobody?"""
    return row.course.status is Status.PENDING and row.course.started_at is None


def advance(draft: Draft, area: str, at_most: int) -> None:
    """Order tasks of an area whose turn has come.

    That is so only after a change of its tallies, its window or its lines: of its row.
    """
    row = draft.rows.get(area)
    while at_most and isinstance(row, AreaRow) and (task := line.called(row)):
        line.leave(draft, task)
        called = draft.task(task)
        _start(draft, called, _links(draft, called))
        row = draft.area(area)
        at_most -= 1


def waits_for(draft: Draft, row: ProcessRow) -> tuple[str, ...]:
    """Tasks that must be done before this tile can start; empty: it is ready."""
    return tuple(_missing(draft, row, _links(draft, row)))


def wanted_links(draft: Draft, row: ProcessRow) -> Links:
    """Previous and reference that a tile would be ordered with now."""
    return _still_there(draft, _links(draft, row))


def _missing(draft: Draft, row: ProcessRow, links: Links) -> Iterator[str]:
    """Of the tasks that a tile needs, those that are not done."""
    scene = draft.download(row.download)
    if of_tile(scene.deliveries, row.tile.name) is None:
        yield scene.task
    # One that is gone keeps nobody waiting, nor does the reference in its place.
    for neighbour in dict.fromkeys((links.previous, links.reference)):
        if neighbour and draft.process(neighbour).course.status is not Status.DONE:
            yield neighbour


def _still_there(draft: Draft, links: Links) -> Links:
    """A tile too late to be built on its previous: a side branch of the reference."""
    if links.previous != links.reference and draft.process(links.previous).gone:
        return Links(links.reference, links.reference)
    return links


def _links(draft: Draft, row: TaskRow) -> Links:
    """Those of its place in the chain, whatever became of their layers."""
    if not isinstance(row, ProcessRow) or not row.tile.cell:
        return Links()
    chain = pages.around(draft, row.area, row.tile.cell, member(row))
    return chains.links(chain, member(row))


def member(row: ProcessRow) -> Member:
    """The tile as a member of its chain."""
    return (row.tile.date, row.task)


def undelivered(row: DownloadRow) -> Scene:
    """The scene with the parts that no download delivered yet."""
    there = {delivery.tile for delivery in row.deliveries}
    parts = tuple(part for part in row.scene.parts if part.tile not in there)
    return row.scene.with_parts(parts)


def _order(draft: Draft, row: TaskRow) -> None:
    links = _links(draft, row)
    if isinstance(row, ProcessRow):
        if any(_missing(draft, row, links)):
            return
    elif row.expected:
        return
    area = draft.area(row.area)
    if area.state is AreaState.ACTIVE and not row.held and line.has_room(area, row):
        _start(draft, row, links)
    elif area.state is not AreaState.CANCELLED:
        line.join(draft, row)


def _start(draft: Draft, row: TaskRow, links: Links) -> None:
    course = transitions.ordered(row.course)
    if isinstance(row, ProcessRow):
        links = _still_there(draft, links)
        _settle_root(draft, row, links)
        row = replace(
            row,
            course=course,
            previous=links.previous,
            reference=links.reference,
            stale=False,
        )
    else:
        row = replace(row, course=course)
    draft.put_task(row)
    draft.outgoing.append(_order_of(draft, row))


def _settle_root(draft: Draft, row: ProcessRow, links: Links) -> None:
    if row.tile.cell and not links.reference:
        pages.settle_root(draft, row.area, row.tile.cell, member(row))


def _order_of(draft: Draft, row: TaskRow) -> DownloadOrder | ProcessOrder:
    return (
        _process(draft, row) if isinstance(row, ProcessRow) else _download(draft, row)
    )


def _download(draft: Draft, row: DownloadRow) -> DownloadOrder:
    return DownloadOrder(
        area=row.area,
        task=row.task,
        attempt=row.course.attempt,
        ingestion=row.ingestion,
        settings=draft.ingestion(row.area, row.ingestion).settings,
        scene=undelivered(row),
        not_before=row.course.not_before,
    )


def _process(draft: Draft, row: ProcessRow) -> ProcessOrder:
    return ProcessOrder(
        area=row.area,
        task=row.task,
        attempt=row.course.attempt,
        ingestion=row.ingestion,
        settings=draft.ingestion(row.area, row.ingestion).settings,
        current=Source(row.tile, *_cut(draft, row)),
        previous=_source(draft, draft.process(row.previous)) if row.previous else None,
        reference=_source(draft, draft.process(row.reference))
        if row.reference
        else None,
        not_before=row.course.not_before,
        superseded=_indexed(row.layers) if row.layers else (),
    )


def _indexed(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    return tuple(layer.uri for layer in layers if layer.action is Action.INDEX)


def _source(draft: Draft, row: ProcessRow) -> Source:
    scene, cut = _cut(draft, row)
    return Source(row.tile, scene, (*cut, *row.layers))


def _cut(draft: Draft, row: ProcessRow) -> tuple[Scene, tuple[Layer, ...]]:
    """The tile's scene, and what the download cut for the tile."""
    download = draft.download(row.download)
    delivery = of_tile(download.deliveries, row.tile.name)
    return _bare(download.scene), delivery.layers if delivery is not None else ()


_bare: ByIdentity[Scene, Scene] = ByIdentity(lambda scene: scene.with_parts(()), 4096)
"""The scene without its parts: the same for all of its tiles."""
