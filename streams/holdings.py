# SPDX-License-Identifier: Apache-2.0
"""What an area keeps in the object store, and why: the log beside a listing. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from streams.audit import Expected, expect, strays
from streams.draft import Draft
from streams.events import DownloadDone, LayerDeleted, ProcessDone
from streams.model import PICTURES, STEP_LOG, Action, AreaState, Layer, Status
from streams.orders import LayerReleased
from streams.replay import Positioned
from streams.retention import is_intermediate, reader
from streams.table import AreaRow, ProcessRow, TaskRow

RELEASED = "released: nobody will read it any more"

_SAID = "what the steps of a task said"


class Keeping(StrEnum):
    """What becomes of an object."""

    KEPT = "kept"
    RELEASED = "released"
    """The janitor will delete it, or would if it were let."""
    ORPHAN = "orphan"
    """No fact lists it."""
    MISSING = "missing"
    """A fact lists it, nobody released it, and it is not there."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One object of an area."""

    uri: str
    size_bytes: int
    keeping: Keeping
    why: str
    task: str = ""
    """Of a layer: the task that made it."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object as a store lists it."""

    size_bytes: int
    at: datetime
    """When it was created."""


@dataclass(slots=True)
class Stock:
    """Everything that an area has in the object store, or should have."""

    area: str
    holdings: list[Holding] = field(default_factory=list)

    def of(self, keeping: Keeping) -> list[Holding]:
        """Those of one kind."""
        return [one for one in self.holdings if one.keeping is keeping]

    def sums(self) -> list[tuple[Keeping, str, int, int]]:
        """Kind and reason, with number and bytes of the objects: the largest first.

        Names of tasks are left out of the reasons.
        """
        sums: dict[tuple[Keeping, str], tuple[int, int]] = {}
        for one in self.holdings:
            key = (one.keeping, _without_names(one.why))
            number, size = sums.get(key, (0, 0))
            sums[key] = (number + 1, size + one.size_bytes)
        found = [(*key, *values) for key, values in sums.items()]
        return sorted(found, key=lambda item: (-item[3], item[1]))


def take_stock(
    area: str, log: Iterable[Positioned], there: Mapping[str, Object]
) -> Stock:
    """What is kept of an area, why, what is not yet deleted, too much or missing.

    Args:
        area: its name.
        log: its facts.
        there: objects below its folder in every root, by URI.
    """
    whole = expect(log, ())
    stock = Stock(area)
    draft = Draft(whole.table)
    for uri, (task, tile, layer) in whole.objects.told.items():
        if uri in whole.objects.deleted:
            continue
        why = _why(draft, tile, layer, uri in whole.objects.released)
        keeping = Keeping.RELEASED if why == RELEASED else Keeping.KEPT
        if uri not in there:
            if keeping is Keeping.RELEASED:
                continue
            keeping, why = Keeping.MISSING, f"listed by {task}"
        stock.holdings.append(Holding(uri, layer.size_bytes, keeping, why, task))
    beside = dict.fromkeys(whole.objects.manifests, "manifest")
    beside |= dict.fromkeys(whole.objects.logs, _SAID)
    for uri, why in beside.items():
        if uri in there:
            size = there[uri].size_bytes
            stock.holdings.append(Holding(uri, size, Keeping.KEPT, why))
    stock.holdings += _orphans(whole, there, area)
    stock.holdings.sort(key=lambda one: one.uri)
    return stock


def removable(
    stock: Stock,
    log: Iterable[Positioned],
    there: Mapping[str, Object],
    before: datetime,
) -> list[Holding]:
    """Orphans that no running attempt can still be about to list.

    Args:
        stock: of the area.
        log: its facts.
        there: as in `take_stock`.
        before: younger objects stay.
    """
    table = expect(log, ()).table
    return [
        one
        for one in stock.of(Keeping.ORPHAN)
        if there[one.uri].at < before and not _may_be_listed(one.uri, table, stock.area)
    ]


def left_of(facts: Iterable[object]) -> list[LayerReleased]:
    """Every intermediate layer that facts list and none says was deleted."""
    left: dict[str, LayerReleased] = {}
    for fact in facts:
        match fact:
            case DownloadDone() | ProcessDone():
                for layer in filter(is_intermediate, _layers(fact)):
                    left[layer.uri] = LayerReleased(fact.area, fact.task, layer.uri)
            case LayerDeleted():
                left.pop(fact.uri, None)
    return list(left.values())


def _why(draft: Draft, tile: str, layer: Layer, released: bool) -> str:
    if (layer.name, layer.extension) == STEP_LOG:
        return _SAID
    if layer.extension in PICTURES:
        return "a picture of what is published"
    if layer.action is Action.INDEX:
        return "published"
    if layer.action is Action.DESCRIBE:
        return "describes what is published"
    area = draft.find(tile.partition("/")[0])
    if released or (isinstance(area, AreaRow) and area.state is AreaState.CANCELLED):
        return RELEASED
    row = draft.find(tile)
    if not isinstance(row, ProcessRow):
        return "cut for a tile that has no task"
    return reader(draft, row) or "nobody reads it, and it was never released"


def _orphans(
    whole: Expected, there: Mapping[str, Object], area: str
) -> Iterator[Holding]:
    unlisted, left = strays(whole.objects, there, whole.table, area)
    told = whole.objects.told
    for uri in (one.what for one in unlisted):
        if uri not in told or uri in whole.objects.deleted:
            gone = uri in whole.objects.deleted
            why = "the log says it was deleted" if gone else "no fact lists it"
            yield Holding(uri, there[uri].size_bytes, Keeping.ORPHAN, why)
    for uri in left:
        if uri not in told:
            why = "left by an attempt that did not end well"
            yield Holding(uri, there[uri].size_bytes, Keeping.ORPHAN, why)


def _may_be_listed(uri: str, table: Mapping[str, object], area: str) -> bool:
    """Is it of an attempt whose report may still count?"""
    parts = uri.rsplit("/", 6)
    if len(parts) != 7:
        return False
    _, _, scene, _, tile, attempt, _ = parts
    task = f"{area}/{scene}" if attempt[:1] == "d" else f"{area}/{scene}/{tile}"
    row = table.get(task)
    if not isinstance(row, TaskRow):
        return False
    open_ = row.course.status in (Status.PENDING, Status.RETRY)
    return open_ and attempt[1:] == str(row.course.attempt)


def _layers(done: DownloadDone | ProcessDone) -> Iterator[Layer]:
    if isinstance(done, ProcessDone):
        yield from done.layers
    else:
        for delivery in done.deliveries:
            yield from delivery.layers


def _without_names(why: str) -> str:
    words = why.split()
    return " ".join("…" if "/" in word else word for word in words)
