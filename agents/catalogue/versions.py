# SPDX-License-Identifier: Apache-2.0
"""Which version of a product that was processed again is kept. Pure.

Two scenes are versions of one product when they are of the same acquisition and kind,
and cover the same ground. Newer is, by the first that differs:

- Sentinel-1: publication, name. The same product: satellite, mode, type, polarisation,
  data-take, and sensing times that overlap by half.
- Sentinel-2: processing baseline, publication, discriminator of the name. The same
  product: satellite, level, sensing time, orbit, tile, and footprints that overlap by
  half (one tile of a pass may come in two halves, of two data strips).
- Landsat: collection, category (T1, T2, RT), processing (L1TP, L1GT, L1GS; L2SP, L2SR),
  day of processing, publication. The same product: satellite, instrument, level 1 or 2,
  path, row, day.
- Others: publication. The same product: the name.

A product whose publication is not known counts as older than one whose is. Kinds of
product and categories that a request does not want were left out by its filters before.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from streams.model import LeftOut, Scene


class Rule(StrEnum):
    """Which of several versions a request wants."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Version:
    """Where a scene stands among the versions of its product."""

    product: tuple[str, ...]
    """What all versions share."""
    rank: tuple[str, ...]
    """Greater is newer; compared as text of equal length."""
    same: Callable[[Scene, Scene], bool]
    """Do two scenes that share `product` show the same ground?"""


def choose(
    scenes: Iterable[Scene], rule: Rule = Rule.NEWEST
) -> tuple[list[Scene], list[LeftOut]]:
    """The scenes without the versions that are not wanted, and those.

    The result does not depend on the order of the scenes.
    """
    if rule is Rule.ALL:
        return sorted(scenes, key=_by_date), []
    products: dict[tuple[str, ...], list[_Ranked]] = {}
    for scene in scenes:
        version = version_of(scene)
        products.setdefault(version.product, []).append((version, scene))
    kept: list[Scene] = []
    left_out: list[LeftOut] = []
    for versions in products.values():
        for scene, better in _judged(versions, rule):
            if better is None:
                kept.append(scene)
            else:
                word = "newer" if rule is Rule.NEWEST else "older"
                reason = f"'{better.name}' is a {word} version of it"
                left_out.append(LeftOut(scene.name, reason))
    return sorted(kept, key=_by_date), sorted(left_out, key=lambda item: item.scene)


_Ranked = tuple[Version, Scene]


def version_of(scene: Scene) -> Version:
    """Where a scene stands among the versions of its product."""
    return _VERSIONS.get(scene.constellation, _any)(scene)


def _by_date(scene: Scene) -> tuple[object, str]:
    return scene.date, scene.name


def _judged(
    versions: Sequence[_Ranked], rule: Rule
) -> Iterator[tuple[Scene, Scene | None]]:
    """Each scene of a product, with a better one that shows its ground; None: kept."""
    best_first = sorted(
        versions,
        key=lambda ranked: (ranked[0].rank, ranked[1].name),
        reverse=rule is Rule.NEWEST,
    )
    chosen: list[Scene] = []
    for version, scene in best_first:
        better = next((c for c in chosen if version.same(scene, c)), None)
        if better is None:
            chosen.append(scene)
        yield scene, better


# -- sensors


_SENTINEL1 = re.compile(
    r"(?P<kind>S1[A-Z]_[A-Z0-9]{2}_[A-Z]{3}[A-Z_]_\w{4})"
    r"_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})"
    r"_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_[0-9A-F]{4}.*"
)


def _sentinel1(scene: Scene) -> Version:
    found = _SENTINEL1.fullmatch(scene.name)
    if found is None:
        return _any(scene)
    product = (found["kind"], found["orbit"], found["take"])
    return Version(product, (_published(scene),), _sensed_together)


def _sensed_together(one: Scene, other: Scene) -> bool:
    """Slices of a data-take follow one another and overlap by a second or two; a slice
    that was processed again may begin some seconds elsewhere."""
    first, second = _seconds(one), _seconds(other)
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    return overlap * 2 > min(first[1] - first[0], second[1] - second[0])


def _seconds(scene: Scene) -> tuple[float, float]:
    found = _SENTINEL1.fullmatch(scene.name)
    assert found is not None, scene.name  # its product key says that it is one
    start, stop = (
        datetime.strptime(found[end], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
        for end in ("start", "stop")
    )
    return start, stop


def _sentinel2(scene: Scene) -> Version:
    fields = scene.fields
    product = tuple(
        fields.get(name, "")
        for name in ("MISSION_ID", "PRODUCT_LEVEL", "DATETIME", "ORBIT", "TILE")
    )
    rank = (
        fields.get("BASELINE", "").zfill(4),
        _published(scene),
        fields.get("PRODUCT_DISC", ""),
    )
    return Version(product, rank, _same_ground)


def _same_ground(one: Scene, other: Scene) -> bool:
    """Do the footprints, mended before, overlap by half of the smaller one?"""
    if one.footprint == other.footprint:
        return True
    try:
        first, second = shapely.from_wkt([one.footprint, other.footprint])
        return _overlap(first, second)
    except ShapelyError:
        return True  # the names alone say so


def _overlap(first: BaseGeometry | None, second: BaseGeometry | None) -> bool:
    if first is None or second is None or not (first.area and second.area):
        return True
    shared = first.intersection(second)
    return bool(shared.area * 2 > min(first.area, second.area))


_CATEGORIES: Final = {"RT": "1", "A2": "2", "T2": "2", "A1": "3", "T1": "3"}
_LEVELS: Final = {"L1GS": "1", "L1GT": "2", "L1TP": "3", "L2SR": "1", "L2SP": "2"}


def _landsat(scene: Scene) -> Version:
    fields = scene.fields
    level = fields.get("PROCESSING_LEVEL", "")
    product = (
        fields.get("SATELLITE", ""),
        fields.get("COLLECTION", ""),
        level[:2],
        fields.get("PATH", ""),
        fields.get("ROW", ""),
        fields.get("DATE", ""),
    )
    rank = (
        fields.get("COLLECTION_NUMBER", "").zfill(2),
        _CATEGORIES.get(fields.get("CATEGORY", ""), "0"),
        _LEVELS.get(level, "0"),
        fields.get("PROCESSED", ""),
        _published(scene),
    )
    return Version(product, rank, _always)


def _any(scene: Scene) -> Version:
    return Version((scene.name,), (_published(scene),), _always)


def _always(one: Scene, other: Scene) -> bool:
    return True


def _published(scene: Scene) -> str:
    """Publication as text that sorts by time; empty when it is not known."""
    return scene.metadata.get("published", "")


_VERSIONS: Final[dict[str, Callable[[Scene], Version]]] = {
    "sentinel1": _sentinel1,
    "sentinel2": _sentinel2,
    "landsat": _landsat,
}
