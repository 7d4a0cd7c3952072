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

_MAP = shapely.box(-180, -90, 180, 90)


def on_earth(area: BaseGeometry, *, mend: bool = False) -> BaseGeometry:
    """The same area with longitudes from -180 to 180.

    What is so already comes back as it is, to the last digit.

    Args:
        area: a polygon or multipolygon, its longitudes within some turns of 0; what
            is neither comes back as it is.
        mend: make rings valid that cross themselves.

    Returns:
        Polygon or MultiPolygon; not valid where the given one is not, unless mended.
    """
    if area.is_empty or not is_odd(area):
        return _mended(area) if mend else area
    if isinstance(area, MultiPolygon):
        return united([on_earth(polygon, mend=mend) for polygon in area.geoms])
    if not isinstance(area, Polygon):
        return area
    outside = _inside(area.exterior, mend)
    holes = [_inside(ring, mend) for ring in area.interiors]
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


def _mended(area: BaseGeometry) -> BaseGeometry:
    if area.is_valid:
        return area
    valid = shapely.make_valid(area)
    areas = polygonal(valid)
    # A ring without width is a line, and may meet an area all the same.
    return valid if areas.is_empty else areas


def _inside(ring: shapely.LinearRing, mend: bool) -> BaseGeometry:
    """What a ring encloses."""
    points = np.asarray(ring.coords)[:, :2]
    steps = np.diff(points[:, 0])
    turns = np.round(steps / 360)
    turns[_edges_around(steps)] = 0
    points[1:, 0] -= 360 * np.cumsum(turns)
    around = round((points[-1, 0] - points[0, 0]) / 360)
    enclosed: BaseGeometry = Polygon(_to_pole(points, around) if around else points)
    if mend:
        enclosed = _mended(enclosed)
    if not enclosed.is_valid:
        return enclosed
    return polygonal(enclosed & _MAP) if around else _cut(enclosed)


def _edges_around(steps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which steps of a full turn are edges around the whole Earth.

    Those of a box are: the ring goes up or down a meridian before and after. Others
    only change from 180 to -180, which are one meridian.
    """
    full = np.isclose(np.abs(steps), 360, rtol=0, atol=_SAME)
    upright = np.abs(steps) < _SAME
    around: NDArray[np.bool_] = full & np.roll(upright, 1) & np.roll(upright, -1)
    return around


def _to_pole(points: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """A strip between a ring around the Earth and the nearer pole.

    It is three turns long, so that the map lies within and no end of it is seen.

    Args:
        points: the ring, its longitudes going on from turn to turn.
        around: 1 eastwards, -1 westwards.
    """
    turn = [360.0 * around, 0]
    line = points - [360 * _turn(points[0, 0]), 0]
    line = np.vstack((line[:-1] - turn, line[:-1], line + turn))
    pole = math.copysign(90.0, points[:, 1].mean())
    return np.vstack((line, [(line[-1, 0], pole), (line[0, 0], pole), line[0]]))


def _cut(area: BaseGeometry) -> BaseGeometry:
    """The parts of an area in each turn of the Earth, all brought to the first."""
    west, _, east, _ = area.bounds
    if -180 <= west and east <= 180:
        return area
    moved = (
        translate(area, -360 * turn) for turn in range(_turn(west), _turn(east) + 1)
    )
    parts = [polygonal(part & _MAP) for part in moved]
    return united([part for part in parts if not part.is_empty])


def _turn(longitude: float) -> int:
    return math.floor((longitude + 180) / 360)
