# SPDX-License-Identifier: Apache-2.0
"""Small rasters for the tests of scripts, and the scripts themselves as steps."""

import os
import threading
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.python import PythonEngine
from agents.worker.graph.load import LIBRARY
from agents.worker.graph.run import passed_on

CRS = "EPSG:32632"
GRID = from_origin(500_000, 6_100_000, 20, 20)


def write(path: Path, pixels, no_data: float | None = None, **profile) -> Path:
    """A GeoTIFF of these pixels: (rows, columns) or (bands, rows, columns)."""
    bands = np.asarray(pixels)
    bands = bands[np.newaxis] if bands.ndim == 2 else bands
    options = {
        "driver": "GTiff",
        "width": bands.shape[2],
        "height": bands.shape[1],
        "count": bands.shape[0],
        "dtype": bands.dtype,
        "crs": CRS,
        "transform": GRID,
        "nodata": no_data,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **options | profile) as raster:
        raster.write(bands)
    return path


def a_raster(path: Path, size: int = 600, dtype: str = "uint16", **profile) -> Path:
    """A GeoTIFF with a gradient and an empty corner."""
    profile = {"nodata": 0} | profile
    numbers = np.arange(size * size, dtype="int64").reshape(size, size) % 251
    pixels = numbers.astype(dtype)
    pixels[: size // 2, : size // 2] = 0
    return write(path, np.stack([pixels] * profile.pop("count", 1)), **profile)


def read(path: Path):
    """The pixels of the first band, and the no-data tag."""
    with rasterio.open(path) as raster:
        return raster.read(1), raster.nodata


def run_script(name: str, folder: Path, /, **arguments: object) -> None:
    """Run a script of the library as a step; `_` in names stands for `-`."""
    PythonEngine().run(
        Call(
            command=str(LIBRARY / "scripts" / name),
            arguments={n.replace("_", "-"): str(v) for n, v in arguments.items()},
            config={},
            workdir=folder,
            environment=passed_on(os.environ),
            timeout_s=60,
            cancelled=threading.Event(),
            log=lambda level, line: None,
        )
    )
