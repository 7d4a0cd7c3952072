# SPDX-License-Identifier: Apache-2.0
"""What the catalogue asks of whatever cuts scenes in tiles by more than their names."""

from collections.abc import Sequence
from typing import Protocol

from shapely.geometry.base import BaseGeometry

from agents.catalogue.inventory import Inventory
from agents.catalogue.sensor import Sensor
from streams.model import LeftOut, Scene
from streams.orders import IngestionRequest


class Cutter(Protocol):
    """Cuts some scenes. Doing it again gives the same tiles."""

    def cuts(self, request: IngestionRequest, scene: Scene) -> bool:
        """Are scenes like this one cut here, for such a request?"""
        ...

    def cut(
        self, request: IngestionRequest, scenes: Sequence[Scene], area: BaseGeometry
    ) -> Inventory:
        """These scenes with their tiles, in the same order, and what is left out.

        Args:
            request: it wants them.
            scenes: all of them such as are cut here.
            area: polygon or multipolygon, EPSG:4326.

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
    cutters: Sequence[Cutter],
) -> Inventory:
    """The inventory, each scene with its tiles: of the first cutter that cuts it, else
    of its sensor. A scene without tiles is left out.
    """
    cut: dict[str, Scene] = {}
    left_out: list[LeftOut] = list(inventory.left_out)
    waiting = {scene.name: scene for scene in inventory.scenes}
    for cutter in cutters:
        its = [scene for scene in waiting.values() if cutter.cuts(request, scene)]
        if its:
            done = cutter.cut(request, its, area)
            cut.update((scene.name, scene) for scene in done.scenes)
            left_out.extend(done.left_out)
        for scene in its:
            del waiting[scene.name]
    for name, scene in waiting.items():
        cut[name] = scene.with_parts(sensor.parts(scene))
    scenes = (cut.get(scene.name) for scene in inventory.scenes)
    return Inventory(tuple(filter(None, scenes)), tuple(left_out))
