# SPDX-License-Identifier: Apache-2.0
"""Cloud Optimized GeoTIFF: how every layer of ours is written."""

from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio
import rasterio.shutil
from rasterio.enums import Resampling


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
        RasterioIOError: the source cannot be read to its end.
    """
    options = {
        "driver": "COG",
        "BLOCKSIZE": 512,
        "COMPRESS": "ZSTD",
        "PREDICTOR": "YES",  # 2 for integers, 3 for floating point
        "OVERVIEW_RESAMPLING": overviews.name.upper(),
        "SPARSE_OK": "TRUE",
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": threads,
    }
    with TemporaryDirectory(dir=target.parent, prefix=".cog-") as aside:
        # A virtual raster takes the no-data tag; the source stays as it is.
        virtual = Path(aside, "source.vrt")
        rasterio.shutil.copy(source, virtual, driver="VRT")
        if no_data is not None:
            with rasterio.open(virtual, "r+") as raster:
                raster.nodata = no_data
        made = Path(aside, "cog.tif")
        rasterio.shutil.copy(virtual, made, **options)
        made.rename(target)
