# SPDX-License-Identifier: Apache-2.0
"""Rasters for the tests of what becomes of layers."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin


def a_raster(file: Path, size: int = 600, dtype: str = "uint16", **profile) -> Path:
    """A GeoTIFF with a gradient, an empty corner and a tag of its own."""
    profile = {"count": 1, "nodata": 0} | profile
    numbers = np.arange(size * size, dtype="int64").reshape(size, size) % 251
    pixels = numbers.astype(dtype)
    pixels[: size // 2, : size // 2] = 0
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        width=size,
        height=size,
        dtype=dtype,
        crs="EPSG:32632",
        transform=from_origin(500_000, 6_180_000, 10, 10),
        **profile,
    ) as raster:
        for band in range(1, profile["count"] + 1):
            raster.write(pixels, band)
    return file
