# SPDX-License-Identifier: Apache-2.0
"""A small picture of a layer, or of three, for people."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

DRIVERS = {"png": "PNG", "jpg": "JPEG"}
"""By ending of the file's name."""

# Clouds and a few odd pixels would leave the rest grey.
_PERCENT = (2, 98)


def picture(bands: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """One band in grey, or three in red, green and blue, each stretched by itself.

    Of a raster with overviews no more is read than the nearest of them.

    Args:
        bands: rasters of one place; the first decides about the shape.
        size: longest side, pixels; no raster is enlarged.

    Returns:
        Shape (bands + 1, rows, columns); the last is 0 where a band has no data,
        else 255.
    """
    shape = _shape(bands[0], size)
    values = np.ma.stack([_read(band, shape) for band in bands])
    valid: NDArray[np.bool_] = np.asarray(~np.ma.getmaskarray(values).any(axis=0))
    seen = [_stretched(band, valid) for band in values.data]
    return np.stack([*seen, np.where(valid, 255, 0).astype("u1")])


def write_picture(pixels: NDArray[np.uint8], target: Path) -> None:
    """Write a picture; JPEG has no transparency, and black in its place.

    Raises:
        RasterioError: it cannot be written.
    """
    driver = DRIVERS[target.suffix.removeprefix(".").lower()]
    kept = pixels[:-1] if driver == "JPEG" else pixels
    count, height, width = kept.shape
    profile = {"count": count, "height": height, "width": width, "dtype": "uint8"}
    with warnings.catch_warnings():
        # A picture has no place on Earth; what is warned of would be logged.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # No .aux.xml beside it.
        with (
            rasterio.Env(GDAL_PAM_ENABLED="NO"),
            rasterio.open(target, "w", driver=driver, **profile) as raster,
        ):
            raster.write(kept)


def _shape(band: Path, size: int) -> tuple[int, int]:
    with rasterio.open(band) as raster:
        shrink = max(1.0, max(raster.shape) / size)
        rows, columns = (max(1, round(side / shrink)) for side in raster.shape)
    return rows, columns


def _read(band: Path, shape: tuple[int, int]) -> np.ma.MaskedArray[Any, Any]:
    with rasterio.open(band) as raster:
        pixels = raster.read(
            1, out_shape=shape, resampling=Resampling.average, masked=True
        )
    return np.ma.masked_invalid(pixels.astype("f4"))


def _stretched(
    band: NDArray[np.float32], valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    if not valid.any():
        return np.zeros(band.shape, "u1")
    low, high = np.percentile(band[valid], _PERCENT)
    share = (np.where(valid, band, low) - low) / max(high - low, 1e-9)
    seen: NDArray[np.uint8] = (np.clip(share, 0, 1) * valid * 255).astype("u1")
    return seen
