# SPDX-License-Identifier: Apache-2.0
"""Landsat-like products, made up: two places, several dates, one of them damaged.

They look like a Level-1 product of Collection 2: eleven bands of uint16 in a UTM zone,
zero outside a tilted swath, reflectances that follow a landscape and the seasons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

_SIZE = 256
_PIXEL_M = 300.0
_CRS = "EPSG:32632"
_BANDS = range(1, 12)


@dataclass(frozen=True, slots=True)
class Place:
    """A WRS path and row of the demo."""

    path: str
    row: str
    west_m: float
    north_m: float
    dates: tuple[date, ...]


PLACES = (
    Place(
        "196",
        "021",
        500_000,
        6_180_000,
        (
            date(2023, 5, 2),
            date(2023, 5, 18),
            date(2023, 6, 3),
            date(2023, 6, 19),
            date(2023, 7, 5),
        ),
    ),
    Place(
        "196",
        "022",
        490_000,
        6_110_000,
        (date(2023, 5, 2), date(2023, 5, 18), date(2023, 6, 3), date(2023, 6, 19)),
    ),
)

DAMAGED = ("021", date(2023, 5, 18))
"""Row and date of the product whose band 4 is cut off."""

AREA = (9.0, 54.9, 10.1, 55.7)
"""West, south, east, north of the demo's area, degrees: meets both places."""


def make_products(folder: Path) -> Iterator[Path]:
    """Write the products that are not there yet; gives each one's folder."""
    for place in PLACES:
        for day in place.dates:
            yield _product(folder, place, day)


def _product(folder: Path, place: Place, day: date) -> Path:
    name = f"LC08_L1TP_{place.path}{place.row}_{day:%Y%m%d}_{day:%Y%m%d}_02_T1"
    product = folder / name
    if product.exists():
        return product
    aside = folder / f".{name}"
    aside.mkdir(parents=True, exist_ok=True)
    for band in _BANDS:
        _write_band(aside / f"{name}_B{band}.TIF", place, day, band)
    if (place.row, day) == DAMAGED:
        _cut_off(aside / f"{name}_B4.TIF")
    aside.rename(product)
    return product


def _write_band(path: Path, place: Place, day: date, band: int) -> None:
    fine = 2 if band == 8 else 1  # the panchromatic band has half the pixel size
    size, pixel_m = _SIZE * fine, _PIXEL_M / fine
    profile = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": "uint16",
        "crs": _CRS,
        "transform": from_origin(place.west_m, place.north_m, pixel_m, pixel_m),
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(_numbers(place, day, band, size), 1)


def _numbers(place: Place, day: date, band: int, size: int) -> NDArray[np.uint16]:
    """Digital numbers, shape (size, size), 0 outside the swath."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    x = columns * 3 + place.west_m / 50_000
    y = rows * 3 - place.north_m / 50_000
    land = np.sin(5 * x) * np.cos(4 * y) + 0.4 * np.sin(17 * x + 3 * y)
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 200) / 365)
    random = np.random.default_rng([day.toordinal(), int(place.row), band])
    noise = random.normal(0, 60, (size, size))
    numbers = 8000 + 350 * band + 1800 * land + 900 * season + noise
    inside = np.abs(columns - 0.5 + 0.15 * (rows - 0.5)) < 0.42
    clipped = np.clip(numbers, 1, 65535) * inside
    result: NDArray[np.uint16] = clipped.astype(np.uint16)
    return result


def _cut_off(path: Path) -> None:
    """What a broken transfer leaves."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
