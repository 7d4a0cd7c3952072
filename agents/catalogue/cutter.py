# SPDX-License-Identifier: Apache-2.0
"""What the catalogue asks of whatever cuts scenes in tiles by more than their names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from shapely.geometry.base import BaseGeometry

from agents.catalogue.inventory import Inventory, Told, silent
from agents.catalogue.sensor import Sensor, completed
from streams.model import LeftOut, Scene
from streams.orders import IngestionRequest


class Cutter(Protocol):
    """Cuts some scenes. Doing it again gives the same tiles."""

    def cuts(self, request: IngestionRequest, scene: Scene) -> bool:
        """Are scenes like this one cut here, for such a request?"""
        ...

    def cut(
        self,
        request: IngestionRequest,
        scenes: Sequence[Scene],
        area: BaseGeometry,
        told: Told = silent,
    ) -> Inventory:
        """These scenes with their tiles, in the same order, and what is left out.

        Args:
            request: it wants them.
            scenes: all of them such as are cut here.
            area: polygon or multipolygon, EPSG:4326.
            told: hears of every scene that is done.

        Raises:
            InvalidRequest: they can never be cut.
            SearchError: what is needed cannot be had now; ask again.
        """
        ...


def with_parts(
    request: IngestionRequest,
    inventory: Inventory,
    area: BaseGeometry,
    sensor: Sensor,
    cutters: Sequence[Cutter] = (),
    told: Told = silent,
) -> Inventory:
    """The inventory, each scene with the tiles that it is cut in.

    They are cut by the first cutter that cuts such scenes, else by their sensor; a
    cutter leaves out the scenes of which no tile is wanted.
    """
    cut: dict[str, Scene] = {}
    left_out: list[LeftOut] = list(inventory.left_out)
    waiting = {scene.name: completed(scene) for scene in inventory.scenes}
    for cutter in cutters:
        its = [scene for scene in waiting.values() if cutter.cuts(request, scene)]
        if its:
            done = cutter.cut(request, its, area, told)
            cut.update((scene.name, scene) for scene in done.scenes)
            left_out.extend(done.left_out)
        for scene in its:
            del waiting[scene.name]
    for name, scene in waiting.items():
        cut[name] = scene.with_parts(sensor.parts(scene))
    scenes = (cut[s.name] for s in inventory.scenes if s.name in cut)
    return replace(inventory, scenes=tuple(scenes), left_out=tuple(left_out))
