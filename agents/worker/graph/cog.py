# SPDX-License-Identifier: Apache-2.0
"""Cloud Optimized GeoTIFF: how every layer of ours is written.

In three passes over a plain file beside the target: the source is decoded into it once,
overviews are made of it, then all is compressed. GDAL's own way, from the source to the
target at once, decodes twice and compresses overviews twice.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # no public name, and no RasterioError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.windows import Window

from agents.worker.graph.beside import KEEP_HALVES, beside

BLOCK = 512

# Height of the JPEG 2000 tiles of Sentinel-2, and a multiple of our blocks: each tile
# is decoded once. 22 MB in 10980 columns of uint16.
_ROWS = 1024

# GDAL would keep blocks up to a twentieth of the machine's memory; we read once.
_CACHE_MB = 64

Change = Callable[[NDArray[Any], Window], NDArray[Any]]
"""Pixels of a window (rows, columns) → those to be written in their place."""


def write_cog(
    source: Path,
    target: Path,
    *,
    no_data: float | None,
    overviews: Resampling = Resampling.average,
    threads: int = 1,
    change: Change | None = None,
    dtype: str = "",
    block: int = BLOCK,
) -> None:
    """Copy a raster to a Cloud Optimized GeoTIFF: same pixels, type and grid.

    Block by block: the memory taken does not grow with the raster. The same source
    gives the same bytes.

    Args:
        source: any raster that GDAL reads.
        target: to be created.
        no_data: value to be tagged as no-data; None keeps the source's.
        overviews: average for physical values, nearest or mode for classes and flags.
        threads: of decoding and compression.
        change: what becomes of the pixels of a raster of one band; None: nothing.
        dtype: of the target when pixels are changed; empty: the source's.
        block: width and height of its tiles, pixels.

    Raises:
        RasterioIOError: the source cannot be read to its end, or the target written.
        NodeExhausted: it cannot, and the disk is full.
    """
    options = {"GDAL_NUM_THREADS": threads, "GDAL_CACHEMAX": _CACHE_MB}
    with rasterio.Env(**options, **KEEP_HALVES), beside(target) as folder:
        plain = folder / "plain.tif"
        if change is None:
            _copy_plain(source, plain, no_data, block)
        else:
            _change(source, plain, change, dtype, no_data, block)
        has_complex = _add_overviews(plain, overviews, block)
        made = folder / "cog.tif"
        _copy(
            plain,
            made,
            driver="COG",
            BLOCKSIZE=block,
            COMPRESS="ZSTD",
            # 2 for integers, 3 for floating point; there is none for complex numbers.
            PREDICTOR="NO" if has_complex else "YES",
            OVERVIEW_RESAMPLING=overviews.name.upper(),
            SPARSE_OK="TRUE",
            BIGTIFF="IF_SAFER",
            NUM_THREADS=threads,
        )
        # GDAL says nothing when the disk is full as it writes the last bytes.
        read_through(made)
        made.rename(target)


def read_through(raster: Path) -> None:
    """Read every pixel, block by block.

    Raises:
        RasterioIOError: one of them cannot be read.
    """
    with rasterio.open(raster) as opened:
        for _, window in opened.block_windows(1):
            opened.read(window=window)


def is_readable(raster: Path) -> bool:
    """Can it be read to its end? If so, a copy that failed was not its fault."""
    with suppress(RasterioError):
        read_through(raster)
        return True
    return False


def _copy_plain(source: Path, plain: Path, no_data: float | None, block: int) -> None:
    given = source
    if no_data is not None:
        # A virtual raster takes the no-data tag; the source stays as it is.
        given = plain.with_suffix(".vrt")
        _copy(source, given, driver="VRT")
        with rasterio.open(given, "r+") as raster:
            raster.nodata = no_data
    _copy(
        given,
        plain,
        driver="GTiff",
        TILED="YES",
        BLOCKXSIZE=block,
        BLOCKYSIZE=block,
        SPARSE_OK="TRUE",
        BIGTIFF="IF_SAFER",
    )


def _change(
    source: Path,
    plain: Path,
    change: Change,
    dtype: str,
    no_data: float | None,
    block: int,
) -> None:
    with rasterio.open(source) as before:
        profile = {
            "driver": "GTiff",
            "width": before.width,
            "height": before.height,
            "count": 1,
            "dtype": dtype or before.dtypes[0],
            "crs": before.crs,
            "transform": before.transform,
            "nodata": before.nodata if no_data is None else no_data,
            "tiled": True,
            "blockxsize": block,
            "blockysize": block,
            "bigtiff": "if_safer",
            "sparse_ok": True,
        }
        with rasterio.open(plain, "w", **profile) as after:
            for top in range(0, before.height, _ROWS):
                rows = min(_ROWS, before.height - top)
                window = Window(0, top, before.width, rows)
                pixels = change(before.read(1, window=window), window)
                after.write(pixels, 1, window=window)


def _add_overviews(plain: Path, resampling: Resampling, block: int) -> bool:
    """Halves of halves down to one block. Gives whether pixels are complex numbers."""
    with rasterio.open(plain, "r+") as raster:
        size = max(raster.shape)
        halves = int(np.ceil(np.log2(max(size / block, 1))))
        if halves:
            raster.build_overviews([2**n for n in range(1, halves + 1)], resampling)
        return any(dtype.startswith("complex") for dtype in raster.dtypes)


def _copy(source: Path, target: Path, **options: Any) -> None:
    try:
        rasterio.shutil.copy(source, target, **options)
    except CPLE_BaseError as error:
        raise RasterioIOError(str(error)) from error
