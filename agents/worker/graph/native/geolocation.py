# SPDX-License-Identifier: Apache-2.0
"""From a geolocation grid to a map: the grid of the map, and what lies at its pixels.

Between the points of the geolocation grid the image is bent by thin plate splines, as
`GCP_TPS` of GDAL. No terrain is looked at: each point of the grid stands at the height
of the ground there, and ground that is higher than they tell by h is seen
`h / tan(incidence)` nearer to the radar.
"""

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import GCPTransformer
from rasterio.warp import transform

from streams.errors import StepFatal

Places = NDArray[np.float64]

# Places are exact at every 32nd pixel of the map and linear between, for splines are
# slow. Over mountains, at 10 m, they are wrong by 0.03 pixel at most.
STEP = 32

_WGS84 = CRS.from_epsg(4326)

# As SNAP makes degrees of a resolution in metres.
_EQUATOR_M = 6_378_137.0


@dataclass(frozen=True, slots=True)
class Map:
    """A grid of pixels, its corner at multiples of the resolution."""

    crs: CRS
    resolution: float
    """In units of the CRS."""
    left: int
    """In pixels; so the next one."""
    top: int
    width: int
    height: int

    @property
    def transform(self) -> Affine:
        """Of pixels to coordinates."""
        scale = self.resolution
        return Affine(scale, 0, self.left * scale, 0, -scale, self.top * scale)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Places in the image at every `STEP`th pixel of a map."""

    rows: Places
    """Shape (rows, columns of the lattice); the middle of the first line is 0."""
    columns: Places

    def block(self, top: int, left: int, height: int, width: int) -> "Block":
        """The part under a block of the map; `top` and `left`: multiples of STEP."""
        rows = slice(top // STEP, (top + height - 1) // STEP + 2)
        columns = slice(left // STEP, (left + width - 1) // STEP + 2)
        part = Lattice(self.rows[rows, columns], self.columns[rows, columns])
        return Block(part, height, width)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a map, and the part of the lattice that is under it."""

    lattice: Lattice
    height: int
    width: int

    def places(self) -> tuple[Places, Places]:
        """Row and column of the image at each pixel: the same whatever the block."""
        return (
            _between(self.lattice.rows, self.height, self.width),
            _between(self.lattice.columns, self.height, self.width),
        )

    def range(self) -> tuple[float, float, float, float]:
        """First and last row, first and last column that a place may have."""
        rows, columns = self.lattice.rows, self.lattice.columns
        return rows.min(), rows.max(), columns.min(), columns.max()


def crs_of(projection: str, grid: Places) -> CRS:
    """The CRS of a name; of none, the UTM zone (or polar UPS) of the grid's middle.

    Raises:
        StepFatal: it is unknown.
    """
    if not projection:
        return _utm(*_middle(grid))
    try:
        return CRS.from_user_input(projection)
    except CRSError as error:
        raise StepFatal(f"projection '{projection}': {error}") from error


def map_of(grid: Places, crs: CRS, resolution_m: float) -> Map:
    """The map that holds all of a geolocation grid, with a pixel around it."""
    x, y = _on_map(grid, crs)
    scale = resolution_m
    if crs.is_geographic:
        scale = math.degrees(resolution_m / _EQUATOR_M)
    left, bottom = math.floor(x.min() / scale) - 1, math.floor(y.min() / scale) - 1
    right, top = math.ceil(x.max() / scale) + 1, math.ceil(y.max() / scale) + 1
    return Map(crs, scale, left, top, right - left, top - bottom)


def lattice_of(grid: Places, onto: Map, looks: int) -> Lattice:
    """Places of a map's pixels in an image of which `looks` x `looks` pixels are one.

    The lattice reaches beyond the map, to the end of its last blocks.
    """
    x, y = _on_map(grid, onto.crs)
    points = [
        GroundControlPoint(row=line, col=pixel, x=east, y=north)
        for (line, pixel), east, north in zip(grid[:, :2], x, y, strict=True)
    ]
    rows = np.arange(math.ceil(onto.height / STEP) + 1) * STEP + 0.5
    columns = np.arange(math.ceil(onto.width / STEP) + 1) * STEP + 0.5
    at_x, at_y = np.meshgrid(
        (onto.left + columns) * onto.resolution, (onto.top - rows) * onto.resolution
    )
    with GCPTransformer(points, tps=True) as splines:
        line, pixel = splines.rowcol(at_x.ravel(), at_y.ravel(), op=np.asarray)
    shape = at_x.shape
    return Lattice(
        (np.reshape(line, shape) + 0.5) / looks - 0.5,
        (np.reshape(pixel, shape) + 0.5) / looks - 0.5,
    )


def _on_map(grid: Places, crs: CRS) -> tuple[Places, Places]:
    """Coordinates of the grid's points; beyond the antimeridian they go on."""
    east, _ = _middle(grid)
    lon = east + (grid[:, 2] - east + 180) % 360 - 180
    x, y = transform(_WGS84, crs, lon, grid[:, 3])
    if crs.is_geographic:  # PROJ goes round the earth
        x = lon
    return np.asarray(x), np.asarray(y)


def _middle(grid: Places) -> tuple[float, float]:
    """Longitude and latitude in the middle, also across the antimeridian."""
    first = grid[0, 2]
    lon = first + np.mean((grid[:, 2] - first + 180) % 360 - 180)
    return (lon + 180) % 360 - 180, float(np.mean(grid[:, 3]))


def _utm(lon: float, lat: float) -> CRS:
    if lat > 84:
        return CRS.from_epsg(32661)
    if lat < -80:
        return CRS.from_epsg(32761)
    zone = int((lon + 180) // 6) % 60 + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def _between(known: Places, height: int, width: int) -> Places:
    """Bilinear between the points of a lattice, the first point being the first."""
    rows, columns = np.arange(height), np.arange(width)
    upper, lower = known[rows // STEP], known[rows // STEP + 1]
    lines = upper + (rows % STEP / STEP)[:, np.newaxis] * (lower - upper)
    places: Places = np.diff(lines, axis=1)[:, columns // STEP]
    places *= columns % STEP / STEP
    places += lines[:, columns // STEP]
    return places
