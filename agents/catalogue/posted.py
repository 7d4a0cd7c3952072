# SPDX-License-Identifier: Apache-2.0
"""A posted document instead of a search: its scenes, as the sensor knows them. Pure."""

from msgspec.structs import replace

from agents.catalogue.inventory import Inventory
from agents.catalogue.sensor import Sensor, completed
from streams.errors import InvalidRequest
from streams.model import Scene
from streams.posted import Document


def taken(document: Document, sensor: Sensor) -> Inventory:
    """Every scene of a document: who posted it has chosen already.

    Raises:
        InvalidRequest: a scene is no product of the sensor.
    """
    problems = [
        f"{document.paths[scene.name]}.source_id: '{scene.name}', "
        f"expected a product of {sensor.constellation}"
        for scene in document.scenes
        if sensor.fields(scene.name) is None
    ]
    if problems:
        raise InvalidRequest("scenes document", problems)
    scenes = tuple(_known(scene, sensor) for scene in document.scenes)
    return Inventory(scenes, document.left_out, document.cells)


def _known(scene: Scene, sensor: Sensor) -> Scene:
    fields = sensor.fields(scene.name) or {}
    tags = sensor.tags(fields) | scene.tags
    constellation = sensor.constellation
    scene = replace(scene, constellation=constellation, fields=fields, tags=tags)
    return completed(scene)
