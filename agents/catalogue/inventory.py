# SPDX-License-Identifier: Apache-2.0
"""Which of the scenes found are kept, and why the others are not. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from msgspec import structs
from shapely.geometry.base import BaseGeometry

from agents.catalogue.filters import Filter
from agents.catalogue.geometry import meeting, read_footprints
from agents.catalogue.versions import Rule, choose
from streams.model import LeftOut, Scene


@dataclass(frozen=True, slots=True)
class Inventory:
    """The scenes of a request, in order of date, and what was left out."""

    scenes: tuple[Scene, ...]
    left_out: tuple[LeftOut, ...]
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Place of a tile in its chain, by scene and tile, where it was told to us."""
    more: bool = False
    """There is another page."""
    searched: tuple[str, ...] = ()
    """The searches that were asked, in order, and how each answered."""


Told = Callable[[str, int, int], None]
"""Hears how far we are: the step, how many are done, of how many (0: unknown)."""


def silent(step: str, done: int, total: int) -> None:
    """Nobody wants to hear it."""


def take_inventory(
    found: Iterable[Scene | LeftOut],
    area: BaseGeometry,
    start: datetime,
    end: datetime,
    filters: Sequence[Filter] = (),
    versions: Rule = Rule.NEWEST,
) -> Inventory:
    """Keep what meets the area, the interval and the filters, each product once.

    Args:
        found: as the searches gave them, with what they left out themselves.
        area: polygon or multipolygon, EPSG:4326.
        start: earliest acquisition kept, UTC.
        end: latest acquisition kept, UTC.
        filters: of the request.
        versions: which is kept of a product that was processed again.
    """
    kept: dict[str, Scene] = {}
    left_out = []
    for scene, elsewhere in _placed(list(found), area):
        if isinstance(scene, LeftOut):
            left_out.append(scene)
            continue
        reason = "found twice" if scene.name in kept else ""
        reason = reason or _untimely(scene, start, end) or elsewhere
        reason = reason or next(filter(None, (f(scene) for f in filters)), "")
        if reason:
            left_out.append(LeftOut(scene.name, reason))
        else:
            kept[scene.name] = scene
    scenes, others = choose(kept.values(), versions)
    return Inventory(tuple(scenes), (*left_out, *others))


def _placed(
    found: Sequence[Scene | LeftOut], area: BaseGeometry
) -> Iterator[tuple[Scene | LeftOut, str]]:
    """Everything found, with why its place is a reason to leave it out; else empty."""
    texts = [item.footprint if isinstance(item, Scene) else "" for item in found]
    footprints = read_footprints(texts)
    meets = meeting(area, footprints).tolist()
    mended = footprints.mended.tolist()
    for item, shape, odd, met in zip(
        found, footprints.shapes, mended, meets, strict=True
    ):
        if odd and isinstance(item, Scene):
            item = structs.replace(item, footprint=shape.wkt)
        if shape is None:
            yield item, "its footprint cannot be read"
        elif shape.is_empty:
            yield item, "it has no footprint"
        else:
            yield item, "" if met else "it does not meet the area"


def _untimely(scene: Scene, start: datetime, end: datetime) -> str:
    if start <= scene.date <= end:
        return ""
    return f"acquired {scene.date.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}, not asked for"


def page(inventory: Inventory, number: int, limit: int) -> Inventory:
    """One page of an inventory, from 0; everything when `limit` is 0."""
    if limit <= 0:
        return inventory
    begin = number * limit
    kept = inventory.scenes[begin : begin + limit]
    others = (*inventory.scenes[:begin], *inventory.scenes[begin + limit :])
    reason = f"not on page {number} of {limit} scenes"
    left_out = tuple(LeftOut(scene.name, reason) for scene in others)
    more = begin + limit < len(inventory.scenes)
    left_out = (*inventory.left_out, *left_out)
    return replace(inventory, scenes=kept, left_out=left_out, more=more)
