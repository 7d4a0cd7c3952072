# SPDX-License-Identifier: Apache-2.0
"""What the catalogue needs to know of a sensor: names, tiles, and its grids."""

from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import replace

from agents.catalogue.names import with_date
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

        None when it is no product of this sensor. `SCENE` is always there; `DATE`
        (YYYYMMDD) and `DATETIME` (RFC 3339) are where the name tells them.
        """
        ...

    def problem(self, product: str) -> str:
        """Which part of a name is wrong that begins like this sensor's; or empty."""
        ...

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The tiles that a scene is cut in by its name alone."""
        ...

    def grids(self, whole: bool) -> tuple[str, ...]:
        """Names of the grids on which its tiles can be chained, the default first.

        Args:
            whole: the products are not cut.
        """
        ...

    def cell(self, scene: Scene, part: Part, grid: str) -> str:
        """The place on the grid that this part of every pass covers.

        Empty when nothing tells it: the tile is then in no chain.
        """
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
    problems = [problem for s in sensors.values() if (problem := s.problem(name))]
    known = sorted(alias for sensor in sensors.values() for alias in sensor.aliases)
    raise InvalidRequest(
        "payload",
        [f"$.scene_type.constellation: {problem}" for problem in problems]
        or [
            f"$.scene_type.constellation: '{name}' is unknown, "
            f"expected one of {', '.join(known)}"
        ],
    )


def completed(scene: Scene) -> Scene:
    """The scene, with what its name does not tell of date and orbit in its fields.

    A Sentinel-1 name has no relative orbit, a Landsat name no time of day: the
    catalogue knows them.
    """
    fields = with_date(scene.fields, scene.date)
    orbit = scene.tags.get("relativeOrbit", "")
    if orbit.isdecimal():
        fields.setdefault("RELATIVE_ORBIT", orbit.zfill(3))
    return replace(scene, fields=fields)
