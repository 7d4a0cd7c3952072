# SPDX-License-Identifier: Apache-2.0
"""Areas as catalogues take them: short, and not around the world. Pure.

What is asked for may be wider than the area; the inventory applies the area itself.
"""

from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry

_WEST: Final = shapely.box(-180, -90, 0, 90)
_EAST: Final = shapely.box(0, -90, 180, 90)

# About 10 m: what rounding the corners of an area may cost it, given back.
_MARGIN: Final = 0.0001


def sides(area: BaseGeometry) -> list[BaseGeometry]:
    """The area, in two where it spans half of the world: it lies on the antimeridian,
    and a hull of both parts would go the long way round."""
    west, _, east, _ = area.bounds
    if east - west <= 180:
        return [area]
    halves = (area.intersection(_WEST), area.intersection(_EAST))
    return [half for half in halves if half.area]


def hull(area: BaseGeometry, longest: int) -> BaseGeometry:
    """Its convex hull, or the box around it when the WKT is longer than `longest`."""
    found: BaseGeometry = area.convex_hull.buffer(_MARGIN, join_style="mitre")
    if len(plain(found)) > longest:
        found = found.envelope
    return found.intersection(shapely.box(-180, -90, 180, 90))


def hulls(area: BaseGeometry, longest: int) -> list[BaseGeometry]:
    """A hull of each of its sides."""
    return [hull(side, longest) for side in sides(area)]


def plain(area: BaseGeometry) -> str:
    """WKT in plain decimals: a number such as `1e-05` is not understood everywhere."""
    return str(shapely.to_wkt(area, rounding_precision=6, trim=False))
