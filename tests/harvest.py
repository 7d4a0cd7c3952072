# SPDX-License-Identifier: Apache-2.0
"""A small area whose products are stored and whose bands are published."""

import numpy as np
import rasterio
from rasterio.transform import from_origin

from tests import netherlands

PLACES, DATES = ("022", "023"), range(1, 7)


def a_harvest(name):
    """A request whose products are stored, and whose bands are indexed."""
    return netherlands.request(
        name=name,
        request=f"request-{name}",
        searches=("local",),
        scene_graph="CopyProductToStorage",
        tile_graph="ExtractLandsatBands",
    )


def make_products(folder):
    """Twelve products of two places, each with the two thermal bands and no more."""
    for row in PLACES:
        for day in DATES:
            name = f"LT08_L1TP_196{row}_2022010{day}_2022010{day}_02_T1"
            (folder / name).mkdir()
            for band in (10, 11):
                write_band(folder / name / f"{name}_B{band}.TIF", [int(row), day, band])


def write_band(path, seed):
    numbers = np.random.default_rng(seed).integers(1, 65535, (1, 64, 64), np.uint16)
    profile = {
        "driver": "GTiff",
        "width": 64,
        "height": 64,
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32632",
        "transform": from_origin(400_000, 5_900_000, 300, 300),
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(numbers)
