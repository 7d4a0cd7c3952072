# SPDX-License-Identifier: Apache-2.0
"""Take the border off what is valid in a raster: resampling has spoilt it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.features import geometry_mask

from agents.worker.graph.scripting import Options, copy, replacing, run
from streams.errors import StepFatal

Mask = NDArray[np.bool_]


def erode(source: Path, target: Path, no_data: float, iterations: int) -> None:
    """Set the border of the footprint to no-data, in every band.

    Args:
        source: a raster.
        target: GeoTIFF to be created or replaced; may be the source.
        no_data: value of what is not valid, and tag of the result; NaN never is valid.
        iterations: pixels to take off, also diagonally.

    Raises:
        StepFatal: nothing is left.
        ValueError: negative iterations.
        RasterioIOError: the source cannot be read, or the target written.
    """
    if iterations < 0:
        raise ValueError(f"{iterations} iterations, expected 0 or more")
    with rasterio.open(source) as raster:
        pixels = raster.read()
    valid: Mask = np.any(~_is_nothing(pixels, no_data), axis=0)
    kept = shrunk(footprint(valid), iterations)
    if not (valid & kept).any():
        raise StepFatal(f"{source} empty")
    pixels[:, ~kept] = no_data
    with replacing(target) as made:
        options = {"TILED": "YES", "COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER"}
        copy(source, made, driver="GTiff", **options)
        with rasterio.open(made, "r+") as raster:
            raster.nodata = no_data
            raster.write(pixels)


def footprint(valid: Mask) -> Mask:
    """The convex hull of what is valid: holes are not its border."""
    rows = np.flatnonzero(valid.any(axis=1))
    if rows.size == 0:
        return valid
    first = valid[rows].argmax(axis=1)
    end = valid.shape[1] - valid[rows, ::-1].argmax(axis=1)
    corners = [
        np.column_stack((columns, lines))
        for columns in (first, end)
        for lines in (rows, rows + 1)
    ]
    hull = shapely.MultiPoint(np.concatenate(corners)).convex_hull
    inside: Mask = geometry_mask([hull], valid.shape, Affine.identity(), invert=True)
    return inside


def shrunk(inside: Mask, rounds: int) -> Mask:
    """What is farther than so many pixels, also diagonally, from all that is outside.

    The edge of the raster is not outside: what is beyond it may be valid.
    """
    outside = ~inside
    for axis in (0, 1):
        outside = _spread(outside, rounds, axis)
    return ~outside


def _spread(outside: Mask, rounds: int, axis: int) -> Mask:
    """True where there is a True within so many steps along an axis."""
    length = outside.shape[axis]
    counts = np.cumsum(outside, axis=axis, dtype=np.int32)
    start = np.zeros_like(np.take(counts, [0], axis=axis))
    before = np.concatenate([start, counts], axis=axis)
    places = np.arange(length)
    last = np.take(before, np.minimum(places + rounds + 1, length), axis=axis)
    first = np.take(before, np.maximum(places - rounds, 0), axis=axis)
    spread: Mask = last > first
    return spread


def _is_nothing(pixels: NDArray[Any], no_data: float) -> Mask:
    nothing: Mask = np.isnan(pixels)
    return nothing if math.isnan(no_data) else nothing | (pixels == no_data)


def main() -> None:
    """Do as the options say."""
    options = Options(__doc__)
    options.add_argument("--file-in", type=Path, required=True, help="the raster")
    options.add_argument("--file-out", type=Path, help="the result (in its place)")
    options.add_argument("--no-data", type=float, default=0, help="its value (0)")
    options.add_argument("--iterations", type=int, required=True, help="pixels")
    given = options.parse_args()
    target = given.file_out or given.file_in
    erode(given.file_in, target, given.no_data, given.iterations)


if __name__ == "__main__":
    run(main)
