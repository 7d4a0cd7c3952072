# SPDX-License-Identifier: Apache-2.0
"""A Sentinel-1 GRD image made a map, in two passes of bounded memory.

The first reads the image once, line after line: calibrates it and puts pixels together.
The second fills the map block by block, each from the part of the image that it shows.
Blocks are done beside one another by threads; none changes with the size of the blocks
or the number of threads.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from agents.worker.graph.native.footprint import Footprint, footprint_of
from agents.worker.graph.native.geolocation import Block, Lattice, Map
from agents.worker.graph.native.radiometry import Radiometry
from agents.worker.graph.native.resampling import REACH, Floats, sample, together
from streams.errors import StepFatal

BLOCK = 512
"""Side of the blocks; a multiple of the lattice's STEP."""

_PLAIN = {
    "driver": "GTiff",
    "count": 1,
    "tiled": True,
    "blockxsize": BLOCK,
    "blockysize": BLOCK,
    "sparse_ok": True,
    "bigtiff": "IF_SAFER",
}

# Lines of an image that are read together: 13 MB of a GRD in high resolution.
_LINES = 256


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a map is drawn."""

    onto: Map
    lattice: Lattice
    method: str
    """Of resampling."""
    stored: Callable[[Floats], NDArray[np.generic]]
    """What is stored for values; NaN is no-data."""
    dtype: str
    no_data: float
    """Of what is stored; NaN of integers: there is none."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """A raster that several threads use, one at a time."""

    raster: Any
    lock: Lock = field(default_factory=Lock)

    def read(self, window: Window) -> NDArray[Any]:
        with self.lock:
            pixels: NDArray[Any] = self.raster.read(1, window=window)
        return pixels

    def write(self, pixels: NDArray[Any], top: int, left: int) -> None:
        height, width = pixels.shape
        with self.lock:
            self.raster.write(pixels, 1, window=Window(left, top, width, height))


def calibrate(
    image: Path, where: str, radiometry: Radiometry, looks: int, to: Path, threads: int
) -> Footprint:
    """Write the backscatter of an image, `looks` x `looks` of its pixels put together.

    Args:
        image: digital numbers, uint16.
        where: the image, for messages.
        radiometry: what is done to its lines.
        looks: pixels that become one, in both directions; what is left over at the end
            of lines and of the image is dropped.
        to: raster to be made, float32, no-data NaN.
        threads: that work.

    Returns:
        Where the raster has data.

    Raises:
        StepFatal: the image cannot be read.
        RasterioError: the raster cannot be written.
    """
    with _opened(image, where) as source:
        profile: dict[str, Any] = _PLAIN | {
            "width": source.width // looks,
            "height": source.height // looks,
            "dtype": "float32",
            "nodata": np.nan,
            "transform": Affine.translation(1, 1),  # any: without one, GDAL warns
        }
        with rasterio.open(to, "w", **profile) as raster:
            strip = partial(
                _strip, _Shared(source), where, radiometry, looks, _Shared(raster)
            )
            ends = _all(strip, range(0, raster.height, BLOCK), threads)
    first, last = zip(*ends, strict=True)
    return Footprint(np.concatenate(first), np.concatenate(last))


def draw(
    image: Path, footprint: Footprint, drawing: Drawing, to: Path, threads: int
) -> bool:
    """Write the map of an image; False: no pixel of it has data.

    Args:
        image: what `calibrate` made.
        footprint: where its pixels count.
        drawing: how.
        to: raster to be made.
        threads: that work.

    Raises:
        RasterioError: a raster cannot be read or written.
    """
    onto = drawing.onto
    profile: dict[str, Any] = _PLAIN | {
        "width": onto.width,
        "height": onto.height,
        "crs": onto.crs,
        "transform": onto.transform,
        "dtype": drawing.dtype,
    }
    if drawing.dtype.startswith("float") or not np.isnan(drawing.no_data):
        profile["nodata"] = drawing.no_data
    corners = product(range(0, onto.height, BLOCK), range(0, onto.width, BLOCK))
    with rasterio.open(image) as source, rasterio.open(to, "w", **profile) as raster:
        block = partial(_block, _Shared(source), footprint, drawing, _Shared(raster))
        return any(_all(block, corners, threads))


def _strip(
    source: _Shared,
    where: str,
    radiometry: Radiometry,
    looks: int,
    raster: _Shared,
    top: int,
) -> tuple[NDArray[np.int64], ...]:
    """Write a row of blocks of the calibrated image; its first and last columns."""
    rows = min(BLOCK, raster.raster.height - top)
    made = np.full((rows, raster.raster.width), np.nan, dtype=np.float32)
    each = max(1, _LINES // looks)
    for begin in range(0, rows, each):
        part = made[begin : begin + each]
        line = (top + begin) * looks
        digital = _lines(source, line, len(part) * looks, where)
        if digital.any():
            _calibrate(digital, line, radiometry, looks, part)
    first, last = footprint_of(~np.isnan(made))
    if (last >= 0).any():  # what is never written is no-data
        raster.write(made, top, 0)
    return first, last


def _block(
    source: _Shared,
    footprint: Footprint,
    drawing: Drawing,
    raster: _Shared,
    corner: tuple[int, int],
) -> bool:
    """Write a block of the map; False: it has no data."""
    top, left = corner
    height = min(BLOCK, drawing.onto.height - top)
    width = min(BLOCK, drawing.onto.width - left)
    block = drawing.lattice.block(top, left, height, width)
    values = _values(source, footprint, block, drawing.method)
    if values is not None:
        raster.write(drawing.stored(values), top, left)
    return values is not None


def _calibrate(
    digital: NDArray[np.uint16],
    line: int,
    radiometry: Radiometry,
    looks: int,
    made: Floats,
) -> None:
    """Backscatter of the lines from `line` on, put together."""
    width = digital.shape[1]
    rows, spare = np.empty((looks, width), np.float32), np.empty(width, np.float32)
    for index, out in enumerate(made):
        into = rows if looks > 1 else out[np.newaxis]
        for number, row in enumerate(into, start=index * looks):
            radiometry.into(line + number, digital[number], row, spare)
        if looks > 1:
            together(list(rows), out)


def _values(
    source: _Shared, footprint: Footprint, block: Block, method: str
) -> Floats | None:
    """Values at the places of a block; None when no place has data."""
    if not footprint.meets(*block.range()):
        return None
    rows, columns = block.places()
    size = rows.shape
    inside = None
    if not footprint.surrounds(*block.range()):
        inside = footprint.holds(rows, columns)
        if not inside.any():
            return None
        rows, columns = rows[inside], columns[inside]
    rows, columns = rows.ravel(), columns.ravel()
    top, bottom = _range(rows, source.raster.height)
    left, right = _range(columns, source.raster.width)
    part = source.read(Window(left, top, right - left, bottom - top))
    found = sample(part, rows - top, columns - left, method)
    if inside is None:
        values = found.reshape(size)
    else:
        values = np.full(size, np.nan, dtype=np.float32)
        values[inside] = found
    return None if np.isnan(found).all() else values


def _range(places: NDArray[np.float64], size: int) -> tuple[int, int]:
    """First pixel that places may look at, and the one after the last."""
    first, last = int(places.min()) - REACH, int(places.max()) + REACH + 1
    return max(first, 0), min(last, size)


def _opened(image: Path, where: str) -> rasterio.DatasetReader:
    try:
        return rasterio.open(image)
    except RasterioError as error:
        raise StepFatal(f"{where}: {error}") from error


def _lines(source: _Shared, first: int, number: int, where: str) -> NDArray[np.uint16]:
    try:
        return source.read(Window(0, first, source.raster.width, number))
    except RasterioError as error:
        raise StepFatal(f"{where}: {error}") from error


def _all(work: Callable[[T], R], on: Iterable[T], threads: int) -> list[R]:
    """What a work gives for each, in order; the first error ends it."""
    if threads <= 1:
        return [work(each) for each in on]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, each) for each in on]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
