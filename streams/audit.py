# SPDX-License-Identifier: Apache-2.0
"""What must be there if the log is right, compared with what is there. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from streams.dependencies import step
from streams.events import DownloadDone, LayerDeleted, ProcessDone
from streams.model import AreaState, Layer, Status, order_id
from streams.orders import AreaStanding, DownloadOrder, LayerReleased, ProcessOrder
from streams.replay import Positioned
from streams.retention import is_intermediate
from streams.table import Row, Table, TaskRow

MANIFEST = "manifest.json"


class Place(StrEnum):
    """Where the log's consequences are looked for."""

    TABLE = "table"
    """The workflow's dependency table, in its changelog."""
    ORDERS = "orders"
    READ_MODEL = "read model"
    OBJECTS = "objects"
    DATASETS = "datasets"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the log says."""

    place: Place
    what: str
    """The row, order, object or dataset."""
    expected: str
    found: str


NOTHING = "nothing"


def compare(
    place: Place, expected: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Difference]:
    """What is missing, what is too much, what is unequal; in order of name."""
    for what in sorted(expected.keys() | found.keys()):
        if what not in found:
            yield Difference(place, what, _text(expected[what]), NOTHING)
        elif what not in expected:
            yield Difference(place, what, NOTHING, _text(found[what]))
        elif expected[what] != found[what]:
            yield Difference(place, what, *_unlike(expected[what], found[what]))


@dataclass(frozen=True, slots=True)
class Sent:
    """An order as the fold sets it free, once or again."""

    time: datetime
    """Of the first fact that does so."""
    offset: int
    """Of that fact."""
    bodies: tuple[Any, ...] = ()
    """Everything it may say: an order that nobody began is sent again, wider."""


def compare_orders(
    expected: Mapping[str, Sent],
    found: Iterable[Any],
    folded: int,
    kept_since: datetime,
) -> Iterator[Difference]:
    """Orders by id: each is there, unless Kafka may have dropped it, and no other.

    Args:
        expected: what the fold gives.
        found: what the topics hold.
        folded: offset of the fact that the workflow folds next: later orders may come.
        kept_since: orders set free before may be gone.
    """
    seen: set[str] = set()
    for order in found:
        id = order_id(order.task, order.attempt)
        if id not in expected:
            yield Difference(Place.ORDERS, id, NOTHING, _text(order))
        elif order not in expected[id].bodies:
            newest = expected[id].bodies[-1]
            yield Difference(Place.ORDERS, id, *_unlike(newest, order))
        seen.add(id)
    for id, sent in sorted(expected.items()):
        if id not in seen and sent.offset < folded and sent.time >= kept_since:
            newest = sent.bodies[-1]
            yield Difference(Place.ORDERS, id, _text(newest), NOTHING)


@dataclass(slots=True)
class Objects:
    """What the log says of the object store."""

    layers: dict[str, Layer] = field(default_factory=dict)
    manifests: dict[str, DownloadDone | ProcessDone] = field(default_factory=dict)
    """Manifest's URI → the fact that it holds."""
    told: dict[str, tuple[str, str, Layer]] = field(default_factory=dict)
    """URI → task that made it, tile it is of, and layer; also of what was deleted."""
    released: set[str] = field(default_factory=set)
    """May be deleted at any time."""
    deleted: set[str] = field(default_factory=set)
    logs: set[str] = field(default_factory=set)
    """URIs of what steps said."""

    def see(self, message: Any) -> None:
        """A fact's objects."""
        if log := getattr(message, "log", ""):
            self.logs.add(log)
        match message:
            case DownloadDone() as done:
                for delivery in done.deliveries:
                    tile = f"{done.task}/{delivery.tile}"
                    self._list(done, delivery.layers, tile)
            case ProcessDone() as done:
                self._list(done, done.layers, done.task)
            case LayerDeleted() as gone:
                self.layers.pop(gone.uri, None)
                self.deleted.add(gone.uri)

    def _list(
        self, done: DownloadDone | ProcessDone, layers: Iterable[Layer], tile: str
    ) -> None:
        folder = done.task.rpartition("/")[2]
        for layer in layers:
            self.told[layer.uri] = (done.task, tile, layer)
            if layer.uri not in self.deleted:
                self.layers[layer.uri] = layer
            # ROOT/AREA/SCENE/tiles/TILE/ATTEMPT/NAME; a download's manifest is under
            # its scene's name.
            parts = layer.uri.split("/")
            uri = "/".join([*parts[:-3], folder, parts[-2], MANIFEST])
            self.manifests[uri] = done


def compare_objects(
    expected: Objects,
    found: Mapping[str, tuple[int, str] | None],
    manifests: Mapping[str, DownloadDone | ProcessDone | None],
) -> Iterator[Difference]:
    """Layers by size and digest, manifests by the fact that they hold.

    Args:
        expected: what the log lists.
        found: size and SHA-256 by URI of layer; None: no object.
        manifests: what each holds; None: no object.
    """
    wanted = {
        u: f"{x.size_bytes} bytes, {x.sha256}"
        for u, x in expected.layers.items()
        if u not in expected.released or found.get(u) is not None
    }
    there = {u: f"{x[0]} bytes, {x[1]}" for u, x in found.items() if x is not None}
    yield from compare(Place.OBJECTS, wanted, there)
    held = {uri: fact for uri, fact in manifests.items() if fact is not None}
    yield from compare(Place.OBJECTS, expected.manifests, held)


def strays(
    expected: Objects, listed: Iterable[str], table: Table, area: str
) -> tuple[list[Difference], list[str]]:
    """Objects that no fact lists: orphans, and what attempts left that the log knows.

    An attempt that failed, or that still runs, may have stored something before; an
    orphan is of no attempt that was ever ordered, or was said to be deleted.
    """
    orphans: list[Difference] = []
    left: list[str] = []
    known = expected.layers.keys() | expected.manifests.keys() | expected.logs
    for uri in sorted(set(listed) - known):
        if uri in expected.deleted:
            gone = "nothing: the log says it was deleted"
            orphans.append(Difference(Place.OBJECTS, uri, gone, "an object"))
        elif _was_ordered(uri, table, area):
            left.append(uri)
        else:
            none = "nothing: no fact lists it"
            orphans.append(Difference(Place.OBJECTS, uri, none, "an orphan"))
    return orphans, left


def _was_ordered(uri: str, table: Table, area: str) -> bool:
    """Is this below the folder of an attempt that was ordered, and did not end well?"""
    parts = uri.rsplit("/", 6)
    if len(parts) != 7 or parts[1] != area or parts[3] != "tiles":
        return False
    _, _, scene, _, tile, attempt, _ = parts
    kind, number = attempt[:1], attempt[1:]
    task = f"{area}/{scene}" if kind == "d" else f"{area}/{scene}/{tile}"
    row = table.get(task)
    if not number.isdecimal() or not isinstance(row, TaskRow):
        return False
    ended_well = row.course.status is Status.DONE
    newest = row.course.attempt
    return int(number) < newest or (int(number) == newest and not ended_well)


@dataclass(slots=True)
class Expected:
    """What a log gives, at the places where its readers have come to."""

    table: dict[str, Row] = field(default_factory=dict)
    """At the end of the log."""
    snapshots: dict[int, dict[str, Row]] = field(default_factory=dict)
    """The table before the fact of an offset: as a reader sees it that comes to it."""
    orders: dict[str, Sent] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)
    facts: int = 0
    cancelled: bool = False


def expect(log: Iterable[Positioned], stops: Iterable[int]) -> Expected:
    """What the log of one area must have led to.

    Args:
        log: its facts: they are all on one partition.
        stops: next offsets of readers.
    """
    whole = Expected()
    waiting = sorted(set(stops), reverse=True)
    for entry in log:
        while waiting and waiting[-1] <= entry.offset:
            whole.snapshots[waiting.pop()] = dict(whole.table)
        _fold(whole, entry)
    whole.snapshots |= {stop: dict(whole.table) for stop in waiting}
    if whole.cancelled:
        # Nobody goes on with it: its intermediate layers go, whenever they came.
        told = whole.objects.told.items()
        whole.objects.released |= {u for u, x in told if is_intermediate(x[2])}
    return whole


def _fold(whole: Expected, entry: Positioned) -> None:
    done = step(whole.table, entry.fact, entry.offset)
    whole.table.update(done.rows)
    whole.facts += 1
    for order in done.outgoing:
        if isinstance(order, DownloadOrder | ProcessOrder):
            id = order_id(order.task, order.attempt)
            known = whole.orders.get(id) or Sent(entry.fact.time, entry.offset)
            if order not in known.bodies:
                whole.orders[id] = replace(known, bodies=(*known.bodies, order))
        elif isinstance(order, LayerReleased):
            whole.objects.released.add(order.uri)
        elif isinstance(order, AreaStanding) and order.state is AreaState.CANCELLED:
            whole.cancelled = True
    if not done.unknown:
        whole.objects.see(entry.fact.message)


def _unlike(expected: Any, found: Any) -> tuple[str, str]:
    """Both in words; of what has members, those that differ."""
    left, right = msgspec.to_builtins(expected), msgspec.to_builtins(found)
    if not isinstance(left, dict) or not isinstance(right, dict):
        return _text(expected), _text(found)
    keys = sorted(k for k in left.keys() | right.keys() if left.get(k) != right.get(k))
    if not keys:
        return _text(expected), _text(found)
    return _text({k: left.get(k) for k in keys}), _text({k: right.get(k) for k in keys})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
