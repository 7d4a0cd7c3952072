# SPDX-License-Identifier: Apache-2.0
"""Areas made wider by metres, near a pole too, where a degree is no distance."""

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from streams.meridian import on_earth, polygonal, united

# The smallest radius of curvature of WGS 84 (along the meridian, at the equator): with
# it nothing comes out nearer than was asked, and at most 1.1 % farther.
_RADIUS_M = 6_335_439.0

# Edges are straight in degrees, and are not in metres: so far apart at most, they are.
_STEP_DEG = 0.25

# Vertices that are treated together: no two of them are more than 8 degrees apart,
# where the projection stretches by less than a thousandth.
_TOGETHER = 33
_STRETCH = 1.001

# A quarter of a circle has so many sides, and touches the true circle from outside.
_SIDES = 16
_OUTSIDE = 1 / np.cos(np.pi / (4 * _SIDES))


def widened(area: BaseGeometry, metres: float) -> BaseGeometry:
    """The area and everything that is at most so many metres from it.

    Args:
        area: polygon, multipolygon, line or point on Earth, EPSG:4326.
        metres: 0 or more, some hundred kilometres at most.

    Returns:
        Polygon or multipolygon on Earth; at most 2 % wider than was asked.
    """
    if metres <= 0:
        return area
    return united([area, *(_around(line, metres) for line in _lines(area))])


def _lines(area: BaseGeometry) -> Iterator[NDArray[np.float64]]:
    """The outline in pieces of a few vertices, each beginning where the last ended."""
    outline = area.boundary if shapely.get_dimensions(area) == 2 else area
    for ring in shapely.get_parts(outline):
        points = shapely.get_coordinates(shapely.segmentize(ring, _STEP_DEG))
        for begin in range(0, max(1, len(points) - 1), _TOGETHER - 1):
            yield points[begin : begin + _TOGETHER]


def _around(line: NDArray[np.float64], metres: float) -> BaseGeometry:
    """What is near a short line: a buffer in the plane that touches its middle."""
    middle = line[len(line) // 2]
    flat = _to_plane(line, middle)
    near = shapely.buffer(
        shapely.LineString(flat) if len(flat) > 1 else shapely.Point(flat[0]),
        metres * _STRETCH * _OUTSIDE,
        quad_segs=_SIDES,
    )
    on_map = on_earth(shapely.transform(near, lambda xy: _to_degrees(xy, middle)))
    return on_map if on_map.is_valid else polygonal(shapely.make_valid(on_map))


def _to_plane(
    points: NDArray[np.float64], middle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Metres east and north of the middle: the azimuthal equidistant projection."""
    lon, lat = np.radians(points - [middle[0], 0]).T
    lat0 = np.radians(middle[1])
    east = np.cos(lat) * np.sin(lon)
    north = np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon)
    up = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
    sine = np.hypot(east, north)
    scale = np.divide(
        np.arctan2(sine, up), sine, out=np.ones_like(sine), where=sine > 0
    )
    return _RADIUS_M * np.column_stack((east * scale, north * scale))


def _to_degrees(
    points: NDArray[np.float64], middle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The inverse; longitudes run on beyond 180 degrees."""
    east, north = (points / _RADIUS_M).T
    angle = np.hypot(east, north)
    lat0 = np.radians(middle[1])
    # sin(angle) / angle, which is 1 at the middle itself.
    scale = np.sinc(angle / np.pi)
    lat = np.arcsin(
        np.clip(np.cos(angle) * np.sin(lat0) + north * scale * np.cos(lat0), -1, 1)
    )
    lon = np.arctan2(
        east * scale,
        np.cos(lat0) * np.cos(angle) - north * scale * np.sin(lat0),
    )
    return np.column_stack((middle[0] + np.degrees(lon), np.degrees(lat)))
