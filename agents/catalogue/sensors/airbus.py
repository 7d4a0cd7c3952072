# SPDX-License-Identifier: Apache-2.0
"""What SPOT and Pléiades names have in common, and that they fly no fixed grid."""

from collections.abc import Callable

from agents.catalogue.names import Piece
from streams.model import Part, Scene


def corner(step: bool) -> tuple[Piece, ...]:
    """Longitude and latitude in a name, `E001N43`, with steps in a degree or not."""
    place = (
        Piece("longitude", "[EW][0-9]{3}", "longitude", "E000 to W180", _up_to(180)),
        Piece("latitude", "[NS][0-9]{2}", "latitude", "N00 to S90", _up_to(90)),
    )
    if not step:
        return place
    return (
        *place,
        Piece("", "_", "separator", "_"),
        Piece("longitude_step", "[0-9]{2}", "longitude step", "two digits"),
        Piece("latitude_step", "[0-9]{2}", "latitude step", "two digits"),
    )


def _up_to(most: int) -> Callable[[str], bool]:
    return lambda text: int(text[1:]) <= most


def station(key: str) -> Piece:
    """A station of the ground segment, `FR1`."""
    return Piece(key, "[A-Z0-9]{3}", "station", "three letters and digits")


class Ungridded:
    """Sensors that look where they are told to: one tile a scene, in no chain."""

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself."""
        return (Part(scene.name),)

    def grids(self, whole: bool) -> tuple[str, ...]:
        """None: no two scenes cover the same place."""
        return ()

    def cell(self, scene: Scene, part: Part, grid: str) -> str:
        """None."""
        return ""
