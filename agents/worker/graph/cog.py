# SPDX-License-Identifier: Apache-2.0
"""Cloud Optimized GeoTIFF: how every layer of ours is written."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # no public name, and no RasterioError
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError


def write_cog(
    source: Path,
    target: Path,
    *,
    no_data: float | None,
    overviews: Resampling = Resampling.average,
    threads: int = 1,
) -> None:
    """Copy a raster to a Cloud Optimized GeoTIFF: same pixels, type and grid.

    Block by block: the memory taken does not grow with the raster. The same source
    gives the same bytes.

    Args:
        source: any raster that GDAL reads.
        target: to be created.
        no_data: value to be tagged as no-data; None keeps the source's.
        overviews: average for physical values, nearest or mode for classes and flags.
        threads: of the compression.

    Raises:
        RasterioIOError: the source cannot be read to its end, or the target written.
    """
    with TemporaryDirectory(dir=target.parent, prefix=".cog-") as aside:
        # A virtual raster takes the no-data tag; the source stays as it is.
        virtual = Path(aside, "source.vrt")
        _copy(source, virtual, driver="VRT")
        with rasterio.open(virtual, "r+") as raster:
            has_complex = any(dtype.startswith("complex") for dtype in raster.dtypes)
            if no_data is not None:
                raster.nodata = no_data
        options = {
            "driver": "COG",
            "BLOCKSIZE": 512,
            "COMPRESS": "ZSTD",
            # 2 for integers, 3 for floating point; there is none for complex numbers.
            "PREDICTOR": "NO" if has_complex else "YES",
            "OVERVIEW_RESAMPLING": overviews.name.upper(),
            "SPARSE_OK": "TRUE",
            "BIGTIFF": "IF_SAFER",
            "NUM_THREADS": threads,
        }
        made = Path(aside, "cog.tif")
        _copy(virtual, made, **options)
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


def _copy(source: Path, target: Path, **options: Any) -> None:
    try:
        rasterio.shutil.copy(source, target, **options)
    except CPLE_BaseError as error:
        raise RasterioIOError(str(error)) from error
