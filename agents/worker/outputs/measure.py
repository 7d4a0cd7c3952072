# SPDX-License-Identifier: Apache-2.0
"""What a raster holds: statistics of its bands and the footprint of its valid pixels.

Read in windows of about a million pixels, whatever the raster's size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.warp import transform
from rasterio.windows import Window
from shapely.affinity import translate

from streams.model import Measure, Statistics

_PIXELS = 1 << 20

# A straight edge in the raster's CRS is none on the globe.
_POINTS = 16
_HALF_A_PIXEL = 0.5
_DECIMALS = 5
"""Of degrees: a metre."""
_PCT_DECIMALS = 4


def measure(file: Path, uri: str, no_data: float | None) -> Measure:
    """Statistics and footprint of a raster.

    Args:
        file: the raster.
        uri: of the layer that it becomes.
        no_data: value that stands for nothing where the raster has no tag for it.

    Raises:
        RasterioError: it cannot be read to its end.
    """
    with rasterio.open(file) as raster:
        empty = raster.nodata if raster.nodata is not None else no_data
        bands = [_Sums() for _ in raster.indexes]
        edges = _Edges(np.full(raster.height, raster.width), np.full(raster.height, -1))
        for window in windows(raster):
            pixels = raster.read(window=window)
            valid = _is_valid(pixels, empty)
            for sums, values, kept in zip(bands, pixels, valid, strict=True):
                # Most windows are valid as a whole: no copy of them is made.
                sums.add(values if kept.all() else values[kept], kept.size)
            edges.add(window, np.any(valid, axis=0))
        footprint = _footprint(edges, raster.transform, raster.crs)
    return Measure(uri, footprint, tuple(sums.statistics() for sums in bands))


def is_empty(measured: Measure) -> bool:
    """Has a raster no valid pixel in any band?"""
    return all(band.valid_pct == 0 for band in measured.bands)


def windows(raster: Any) -> Iterator[Window]:
    """Windows that cover a raster, made of its blocks."""
    height, width = raster.block_shapes[0]
    rows = height * max(1, _PIXELS // (height * width * raster.count))
    for top in range(0, raster.height, rows):
        for left in range(0, raster.width, width):
            yield Window(
                left,
                top,
                min(width, raster.width - left),
                min(rows, raster.height - top),
            )


def _is_valid(pixels: NDArray[Any], empty: float | None) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = np.ones(pixels.shape, bool)
    if pixels.dtype.kind in "fc":
        np.isfinite(pixels, out=valid)
    if empty is not None and not math.isnan(empty):
        valid &= pixels != empty
    return valid


@dataclass(slots=True)
class _Sums:
    """Of one band, so far."""

    low: float = math.inf
    high: float = -math.inf
    sum: float = 0.0
    count: int = 0
    all: int = 0
    complex: bool = False

    def add(self, values: NDArray[Any], size: int) -> None:
        """More pixels: the valid ones, and how many there are in all."""
        self.all += size
        self.count += values.size
        self.complex = np.iscomplexobj(values)
        if values.size and not self.complex:
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))
            self.sum += float(values.sum(dtype=np.float64))

    def statistics(self) -> Statistics:
        """Of all pixels."""
        valid_pct = round(100 * self.count / self.all, _PCT_DECIMALS)
        if self.count:  # 0 stands for none, and not for few
            valid_pct = max(valid_pct, 10**-_PCT_DECIMALS)
        if not self.count or self.complex:
            return Statistics(None, None, None, valid_pct)
        return Statistics(self.low, self.high, self.sum / self.count, valid_pct)


@dataclass(slots=True)
class _Edges:
    """First and last valid column of each row, so far."""

    first: NDArray[np.int_]
    last: NDArray[np.int_]

    def add(self, window: Window, valid: NDArray[np.bool_]) -> None:
        """The pixels of a window that are valid in some band."""
        rows = np.flatnonzero(valid.any(axis=1))
        first = valid.argmax(axis=1)[rows] + window.col_off
        last = valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)[rows]
        at = rows + window.row_off
        self.first[at] = np.minimum(self.first[at], first)
        self.last[at] = np.maximum(self.last[at], last + window.col_off)

    def hull(self) -> Any:
        """Hull of the valid pixels, in pixels from the upper left; empty: none."""
        rows = np.flatnonzero(self.last >= 0)
        left, right = self.first[rows], self.last[rows] + 1
        corners = [
            np.column_stack((columns, rows + below))
            for columns in (left, right)
            for below in (0, 1)
        ]
        return shapely.convex_hull(shapely.multipoints(np.concatenate(corners)))


def _footprint(edges: _Edges, affine: Any, crs: Any) -> str:
    hull = edges.hull()
    if crs is None or hull.is_empty:
        return ""
    hull = hull.simplify(_HALF_A_PIXEL)
    whole = shapely.segmentize(hull, max(hull.length / _POINTS, 1.0))
    columns, rows = np.array(whole.exterior.coords).T
    x, y = affine * (columns, rows)
    longitude, latitude = map(np.array, transform(crs, "EPSG:4326", list(x), list(y)))
    if not np.isfinite([longitude, latitude]).all():
        return ""  # pixels beside the Earth, as a geostationary satellite sees them
    if longitude.max() - longitude.min() > 180:
        longitude[longitude < 0] += 360
    points = np.column_stack((longitude, latitude)).round(_DECIMALS)
    return str(shapely.to_wkt(cut(shapely.Polygon(points)), _DECIMALS))


def cut(polygon: Any) -> Any:
    """A polygon that may reach beyond 180 degrees, cut there as RFC 7946 says."""
    if polygon.bounds[0] < -180:
        polygon = translate(polygon, 360)
    if polygon.bounds[2] <= 180:
        return polygon
    here = polygon.intersection(shapely.box(-180, -90, 180, 90))
    beyond = polygon.intersection(shapely.box(180, -90, 540, 90))
    return shapely.union_all([here, translate(beyond, -360)])
