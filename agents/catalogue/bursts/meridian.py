# SPDX-License-Identifier: Apache-2.0
"""Polygons across the 180th meridian, cut there."""

import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

_DECIMALS = 6


def as_wkt(polygon: shapely.Polygon) -> str:
    """WKT with longitudes from -180 to 180, six decimals.

    Args:
        polygon: its longitudes go on beyond 180 or -180 degrees where it crosses.
    """
    west, _, east, _ = polygon.bounds
    parts = polygon if -180 <= west and east <= 180 else _cut(polygon)
    return shapely.to_wkt(parts, rounding_precision=_DECIMALS)


def _cut(polygon: shapely.Polygon) -> BaseGeometry:
    world = shapely.box(-180, -90, 180, 90)
    turns = (translate(polygon, turn) for turn in (-360, 0, 360))
    return shapely.union_all([turned.intersection(world) for turned in turns])
