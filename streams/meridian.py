# SPDX-License-Identifier: Apache-2.0
"""Polygons on a round Earth: cut at the 180th meridian, closed over a pole.

An edge that spans more than 180° of longitude is taken the short way, over the 180th
meridian. A ring that goes once around the Earth encloses the pole that is nearer.
Coordinates are degrees, longitude first; edges are straight in them.
"""

import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

# Longitudes that differ by a full turn, as far as their digits go.
_SAME = 1e-9


def on_earth(area: BaseGeometry) -> BaseGeometry:
    """The same area with longitudes from -180 to 180.

    What is so already comes back as it is, to the last digit.

    Args:
        area: a polygon or multipolygon, its longitudes within some turns of 0; what
            is neither comes back as it is.

    Returns:
        Polygon or MultiPolygon; not valid where the given one is not, by its rings.
    """
    if area.is_empty or not is_odd(area):
        return area
    if isinstance(area, MultiPolygon):
        return united([on_earth(polygon) for polygon in area.geoms])
    if not isinstance(area, Polygon):
        return area
    outside = _inside(np.asarray(area.exterior.coords)[:, :2])
    holes = [_inside(np.asarray(ring.coords)[:, :2]) for ring in area.interiors]
    if not holes or not all(part.is_valid for part in (outside, *holes)):
        return outside
    return polygonal(outside.difference(shapely.union_all(holes)))


def is_odd(area: BaseGeometry) -> bool:
    """May this area cross the 180th meridian or enclose a pole?"""
    west, _, east, _ = area.bounds
    return not (-180 <= west and east <= 180 and east - west <= 180)


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, without the lines and points that cutting leaves."""
    if isinstance(geometry, Polygon | MultiPolygon):
        return geometry
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return MultiPolygon(parts) if len(parts) != 1 else parts[0]


def united(areas: Sequence[BaseGeometry]) -> BaseGeometry:
    """These areas as one, dissolved; side by side when one of them is not valid."""
    if all(area.is_valid for area in areas):
        return polygonal(shapely.union_all(areas))
    return MultiPolygon(
        [part for area in areas for part in shapely.get_parts(area).tolist()]
    )


def _inside(ring: NDArray[np.float64]) -> BaseGeometry:
    """What a ring encloses.

    A step of exactly a full turn is either an edge around the whole Earth (the top of
    its map) or no step at all (180 and -180 are one meridian): what gives a valid
    polygon is meant.
    """
    first = _enclosed(ring, turns_are_edges=True)
    if first.is_valid and first.area > 0:
        return first
    second = _enclosed(ring, turns_are_edges=False)
    return second if second.is_valid and second.area > 0 else first


def _enclosed(ring: NDArray[np.float64], turns_are_edges: bool) -> BaseGeometry:
    steps = np.diff(ring[:, 0])
    turns = np.round(steps / 360)
    if turns_are_edges:
        turns[np.isclose(np.abs(steps), 360, rtol=0, atol=_SAME)] = 0
    if not turns.any() and -180 <= ring[:, 0].min() and ring[:, 0].max() <= 180:
        return Polygon(ring)
    lon = ring[:, 0] - 360 * np.concatenate(([0.0], np.cumsum(turns)))
    points = np.column_stack((lon, ring[:, 1]))
    around = lon[-1] - lon[0]
    if abs(around) > 180:
        pole = math.copysign(90.0, ring[:, 1].mean())
        points = np.vstack((points, [(lon[-1], pole), (lon[0], pole), points[0]]))
    polygon = Polygon(points)
    return _cut(polygon) if polygon.is_valid else polygon


def _cut(polygon: Polygon) -> BaseGeometry:
    """The parts of a polygon in each turn of the Earth, all brought to the first."""
    west, _, east, _ = polygon.bounds
    first, last = (math.floor((lon + 180) / 360) for lon in (west, east))
    parts = []
    for turn in range(first, last + 1):
        moved = translate(polygon, -360 * turn)
        part = polygonal(moved.intersection(shapely.box(-180, -90, 180, 90)))
        if not part.is_empty:
            parts.append(part)
    return united(parts)
