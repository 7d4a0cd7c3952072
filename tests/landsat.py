# SPDX-License-Identifier: Apache-2.0
"""Small Landsat-like products, made up."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

LEVEL_1 = "LC08_L1TP_196021_20230502_20230502_02_T1"
LEVEL_2 = "LC09_L2SP_196021_20230502_20230502_02_T1"

BANDS = {
    LEVEL_1: [*(f"B{number}" for number in range(1, 12)), "QA_PIXEL"],
    LEVEL_2: [*(f"SR_B{number}" for number in range(1, 8)), "ST_B10", "QA_PIXEL"],
}


def make_product(
    folder: Path,
    name: str = LEVEL_1,
    bands: Iterable[str] | None = None,
    *,
    size: int = 64,
    dtype: str = "uint16",
    no_data: float | None = None,
) -> Path:
    """A product with a band a file: a ramp in a frame of fill."""
    product = folder / name
    product.mkdir(parents=True)
    for number, band in enumerate(BANDS[name] if bands is None else bands):
        write_band(
            product / f"{name}_{band}.TIF", number, size, dtype=dtype, no_data=no_data
        )
    return product


def write_band(
    path: Path, number: int, size: int, *, dtype: str, no_data: float | None
) -> None:
    """A band; no two bands have the same pixels."""
    pixels = np.arange(size * size).reshape(size, size) * 7 % 30000 + 1 + number
    pixels[:4], pixels[-4:] = 0, 0
    profile = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": dtype,
        "crs": "EPSG:32632",
        "transform": from_origin(500_000, 6_180_000, 300, 300),
        "nodata": no_data,
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels.astype(dtype), 1)


def write_metadata(product: Path, groups: Mapping[str, Mapping[str, object]]) -> Path:
    """`…_MTL.txt` beside the bands."""
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in groups.items():
        lines.append(f"  GROUP = {group}")
        lines += [f"    {key} = {value}" for key, value in values.items()]
        lines.append(f"  END_GROUP = {group}")
    path = product / f"{product.name}_MTL.txt"
    path.write_text("\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""]))
    return path


def cut_off(path: Path) -> None:
    """What a broken transfer leaves."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
