# SPDX-License-Identifier: Apache-2.0
"""What the catalogue needs to know of a sensor: names, tiles, and its grid."""

from collections.abc import Mapping
from typing import Protocol

from streams.errors import InvalidRequest
from streams.model import Part, Scene


class Sensor(Protocol):
    """One family of satellites whose products are named and cut alike."""

    constellation: str
    """The name in scenes, for example `landsat`."""

    aliases: frozenset[str]
    """Names by which requests may call it, lower case."""

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in a product name, by placeholder (`DATE`, `PATH`, …).

        None when it is no product of this sensor. `SCENE`, `DATE` (YYYYMMDD) and
        `DATETIME` (RFC 3339) are always there.
        """
        ...

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The tiles that a scene is cut in."""
        ...

    def cell(self, scene: Scene, part: Part) -> str:
        """The place on the sensor's grid that this part of every pass covers."""
        ...

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        ...


def find_sensor(name: str, sensors: Mapping[str, Sensor]) -> Sensor:
    """The sensor that a request calls by a constellation or a product name.

    Raises:
        InvalidRequest: no installed sensor answers to the name.
    """
    for sensor in sensors.values():
        if name.lower() in sensor.aliases or sensor.fields(name) is not None:
            return sensor
    known = sorted(alias for sensor in sensors.values() for alias in sensor.aliases)
    raise InvalidRequest(
        "payload",
        [
            f"$.scene_type.constellation: '{name}' is unknown, "
            f"expected one of {', '.join(known)}"
        ],
    )
