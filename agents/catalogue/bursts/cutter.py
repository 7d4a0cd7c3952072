# SPDX-License-Identifier: Apache-2.0
"""Cuts IW and EW SLC products of Sentinel-1 in the bursts that meet an area."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from threading import Event

import shapely
from shapely.geometry.base import BaseGeometry

from agents.catalogue.bursts.burst import Burst
from agents.catalogue.bursts.memory import BurstMemory
from agents.catalogue.bursts.sources import Found, Sources
from agents.catalogue.cells import keeps_whole
from agents.catalogue.inventory import Inventory, Told, silent
from agents.catalogue.metres import widened
from agents.catalogue.versions import version_of
from agents.logs import logger
from streams.errors import InvalidRequest, ProductNotFound, StoreError
from streams.model import LeftOut, Part, Scene
from streams.orders import IngestionRequest

_LOG = logger("catalogue")

# An area is taken this much larger, 0.05 degrees of latitude, as the reference does;
# its burst polygons were without the overlap of neighbours, ours are whole.
BUFFER_M = 5_560

# Scenes whose annotations are read at the same time: it is waiting for the most part.
_AT_ONCE = 8


class BurstCutter:
    """See `Cutter`."""

    def __init__(self, sources: Sources, memory: BurstMemory | None = None) -> None:
        """Args:
        sources: of annotations.
        memory: of products read before; None: every product is read each time.
        """
        self._sources = sources
        self._memory = memory

    def cuts(self, request: IngestionRequest, scene: Scene) -> bool:
        """Only these have bursts; and a graph may want the product as it is."""
        return (
            scene.constellation == "sentinel1"
            and scene.fields.get("PRODUCT_TYPE") == "SLC"
            and scene.fields.get("MODE") in ("IW", "EW")
            and not keeps_whole(request)
        )

    def cut(
        self,
        request: IngestionRequest,
        scenes: Sequence[Scene],
        area: BaseGeometry,
        told: Told = silent,
    ) -> Inventory:
        """See `Cutter.cut`; a scene without annotations is left out, with the reason.

        Raises:
            InvalidRequest: no scene at all has annotations.
            SearchError: a source of them does not answer.
        """
        read = partial(self._bursts, request, Event())
        found: list[tuple[Burst, ...] | str] = []
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="bursts") as threads:
            for bursts in threads.map(read, scenes):
                found.append(bursts)
                told("bursts", len(found), len(scenes))
        if all(isinstance(bursts, str) for bursts in found):
            raise InvalidRequest("annotations", [f"'{scenes[0].name}': {found[0]}"])
        return _chosen(zip(scenes, found, strict=True), area)

    def _bursts(
        self, request: IngestionRequest, forgetful: Event, scene: Scene
    ) -> tuple[Burst, ...] | str:
        """All bursts of a scene, or why they cannot be read.

        Args:
            request: wants them.
            forgetful: set when the memory does not answer; it is then left alone.
            scene: an IW or EW SLC product.
        """
        places = request.annotations_urls
        for remembered in ((), places) if places else ((),):
            known = self._recall(scene.name, remembered, forgetful)
            if known is not None:
                return known
        try:
            found = self._sources.read(scene, request.name, places)
        except ProductNotFound as error:
            return str(error)
        for burst in found.bursts:
            if burst.doubt:
                _LOG.warning(
                    f"burst {burst.name} of {scene.name}: {burst.doubt}",
                    action="burst_doubted",
                    scene=scene.name,
                )
        self._keep(scene.name, found, places, forgetful)
        return found.bursts

    def _recall(
        self, product: str, places: Sequence[str], forgetful: Event
    ) -> tuple[Burst, ...] | None:
        if self._memory is None or forgetful.is_set():
            return None
        try:
            return self._memory.recall(product, places)
        except StoreError as error:
            _forget(forgetful, error)
            return None

    def _keep(
        self, product: str, found: Found, places: Sequence[str], forgetful: Event
    ) -> None:
        if self._memory is None or forgetful.is_set():
            return
        try:
            self._memory.keep(product, found.bursts, () if found.of_service else places)
        except StoreError as error:
            _forget(forgetful, error)


def _forget(forgetful: Event, error: StoreError) -> None:
    """Reading annotations again costs time, waiting for a store costs the request."""
    forgetful.set()
    _LOG.warning(f"bursts are not remembered: {error}", action="bursts_not_remembered")


def _chosen(
    found: Iterable[tuple[Scene, tuple[Burst, ...] | str]], area: BaseGeometry
) -> Inventory:
    """Of every scene the bursts that are wanted, and why others are not."""
    wanted = widened(area, BUFFER_M)
    shapely.prepare(wanted)
    kept: list[Scene] = []
    left_out: list[LeftOut] = []
    earlier: dict[tuple[str, str], Scene] = {}
    for scene, bursts in found:
        if isinstance(bursts, str):
            left_out.append(LeftOut(scene.name, f"no annotations: {bursts}"))
            continue
        shapes = shapely.from_wkt([burst.footprint for burst in bursts])
        meets = dict(zip(bursts, shapely.intersects(wanted, shapes), strict=True))
        doubles = [b for b in bursts if meets[b] and _had(earlier, scene, b)]
        outside = [b for b in bursts if not meets[b]]
        parts = tuple(_part(b) for b in bursts if b not in (*outside, *doubles))
        for part in parts:
            earlier.setdefault((_data_take(scene), part.tile), scene)
        left_out += _said(scene, outside, bursts, "do not meet the area")
        left_out += _said(scene, doubles, bursts, "are in an earlier slice")
        if parts:
            kept.append(scene.with_parts(parts))
    return Inventory(tuple(kept), tuple(left_out))


def _had(earlier: dict[tuple[str, str], Scene], scene: Scene, burst: Burst) -> bool:
    """Did another slice of the same pass have this burst?

    Versions of one slice, of which a request may want all, share their bursts.
    """
    other = earlier.get((_data_take(scene), burst.name))
    return other is not None and not version_of(scene).same(scene, other)


def _data_take(scene: Scene) -> str:
    return scene.fields["MISSION_ID"] + scene.fields["DATATAKE"]


def _part(burst: Burst) -> Part:
    return Part(
        tile=burst.name,
        swath=burst.swath,
        number=burst.number,
        footprint=burst.footprint,
        anx_time=burst.anx_time,
    )


def _said(
    scene: Scene, some: Sequence[Burst], all_of_them: Sequence[Burst], why: str
) -> list[LeftOut]:
    """One line for all bursts that are left out for one reason."""
    if not some:
        return []
    swaths = (
        f"{swath} {', '.join(_ranges([burst.number for burst in its]))}"
        for swath, its in groupby(some, key=lambda burst: burst.swath)
    )
    count = f"{len(some)} of {len(all_of_them)} bursts"
    return [LeftOut(scene.name, f"{count} {why}: {'; '.join(swaths)}")]


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Sorted numbers as ranges, for example `1-4, 6`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return [f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in ranges]
