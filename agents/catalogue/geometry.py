# SPDX-License-Identifier: Apache-2.0
"""Many footprints against one area.

Footprints come from catalogues: what is odd in them is mended, not refused, so that no
scene is lost by a clumsy ring. Areas were checked when the request was read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from streams.meridian import on_earth


@dataclass(frozen=True, slots=True)
class Footprints:
    """Footprints fit to be compared, in the order of their texts."""

    shapes: NDArray[np.object_]
    """None: the text was no WKT."""
    mended: NDArray[np.bool_]
    """Which of them are not as their texts say."""


def read_footprints(texts: Sequence[str]) -> Footprints:
    """The geometries of footprints in WKT, EPSG:4326.

    Those that cross the 180th meridian or enclose a pole are cut, rings that cross
    themselves are made valid.
    """
    shapes = shapely.from_wkt(np.array(texts, dtype=object), on_invalid="ignore")
    west, _, east, _ = shapely.bounds(shapes).T
    # Bounds of what is missing or empty are NaN, which is never greater.
    odd = (west < -180) | (east > 180) | (east - west > 180)
    odd |= ~(shapely.is_valid(shapes) | shapely.is_missing(shapes))
    mended = np.zeros(len(shapes), dtype=bool)
    for index in np.flatnonzero(odd):
        given = shapes[index]
        shapes[index] = on_earth(given, mend=True)
        mended[index] = shapes[index] is not given
    return Footprints(shapes, mended)


def meeting(area: BaseGeometry, footprints: Footprints) -> NDArray[np.bool_]:
    """Which of the footprints meet the area.

    A tree finds candidates by their boxes; the area is prepared, so that each costs the
    logarithm of its vertices.

    Args:
        area: polygon or multipolygon on Earth.
        footprints: as they were read.
    """
    meets = np.zeros(len(footprints.shapes), dtype=bool)
    # `query` prepares the geometry that it is given.
    tree = shapely.STRtree(footprints.shapes)
    meets[tree.query(area, predicate="intersects")] = True
    return meets
