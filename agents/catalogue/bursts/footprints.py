# SPDX-License-Identifier: Apache-2.0
"""Footprints of bursts, whole: neighbours overlap by some 300 ms of flight. Pure."""

import numpy as np
import shapely
from numpy.typing import NDArray

from agents.catalogue.bursts.annotation import Annotation
from streams.meridian import on_earth

_DECIMALS = 6


def footprints(annotation: Annotation) -> list[str]:
    """WKT of every burst: the corners of its image on the ground, EPSG:4326.

    The geolocation grid has a line where each burst begins, one burst cycle (2.76 s)
    after the other, but a burst is longer (3.1 s): where it ends is found in the grid
    by the time of its last line. What lies on the ground does not depend on the burst
    that saw it.

    Returns:
        Polygons, of five points as a rule; two where the 180th meridian is crossed.
        Six decimals.
    """
    grid = annotation.grid
    bursts = len(annotation.sensing_s)
    begin_s = grid.times_s[
        np.searchsorted(grid.lines, annotation.lines * np.arange(bursts))
    ]
    end_s = begin_s + (annotation.lines - 1) * annotation.line_s
    near, far = _continuous(grid.near), _continuous(grid.far)
    # The two sides may lie on either side of the meridian: bring them together.
    far[:, 0] += 360 * np.round((near[:, 0] - far[:, 0]) / 360)
    corners = np.stack(
        [
            _at(begin_s, grid.times_s, near),
            _at(end_s, grid.times_s, near),
            _at(end_s, grid.times_s, far),
            _at(begin_s, grid.times_s, far),
        ],
        axis=1,
    )
    return [
        shapely.to_wkt(on_earth(shapely.Polygon(ring)), _DECIMALS) for ring in corners
    ]


def _at(
    when_s: NDArray[np.float64], times_s: NDArray[np.float64], side: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points of one side of the swath at given times, shape (n, 2)."""
    return np.column_stack(
        [np.interp(when_s, times_s, side[:, axis]) for axis in (0, 1)]
    )


def _continuous(side: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same points without a jump of 360 degrees of longitude."""
    side = side.copy()
    side[:, 0] = np.unwrap(side[:, 0], period=360)
    return side
