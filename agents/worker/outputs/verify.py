# SPDX-License-Identifier: Apache-2.0
"""Is a layer as its graph declares it? Asked before anything is stored."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from agents.worker.graph.dformat import DataFormat
from agents.worker.graph.select import Output
from agents.worker.outputs.tiff import BadTiff, cog_problems
from agents.worker.workdir import disk_is_full
from streams.errors import NodeExhausted, WrongLayer

DRIVERS = {
    "tif": ("GTiff", "COG"),
    "tiff": ("GTiff", "COG"),
    "jp2": ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID"),
}
"""Of each of `RASTERS`: names of the GDAL drivers that read it."""


def verify(out: Output, file: Path) -> None:
    """Compare a raster with what its graph declares.

    Raises:
        WrongLayer: it is not as declared; with everything that is wrong.
        NodeExhausted: it cannot be read, and the disk is full.
    """
    try:
        with rasterio.open(file) as raster:
            found = list(_problems(out, raster))
        if out.cog:
            found += [f"no COG: {why}, expected a COG" for why in cog_problems(file)]
    except (RasterioError, BadTiff) as error:
        raise unreadable(out, file, error) from error
    if found:
        raise WrongLayer("; ".join(f"layer '{out.layer}': {one}" for one in found))


def unreadable(out: Output, file: Path, error: Exception) -> Exception:
    """What to raise when a layer cannot be read."""
    if disk_is_full(file.parent):
        return NodeExhausted(f"layer '{out.layer}': cut short, the disk is full")
    return WrongLayer(
        f"layer '{out.layer}': file '{file.name}' cannot be read ({error}), "
        "expected a raster"
    )


def _problems(out: Output, raster: Any) -> Iterator[str]:
    declared = out.data_format
    drivers = DRIVERS.get(out.extension.lower(), (raster.driver,))
    if raster.driver not in drivers:
        yield f"format {raster.driver}, expected {drivers[0]} ({out.extension})"
    if raster.count < out.bands:
        yield f"{raster.count} bands, expected at least {out.bands}"
    if not declared.dtype:
        return
    types = sorted(set(raster.dtypes))
    if types != [declared.dtype]:
        yield f"data type {', '.join(types)}, expected {declared.dtype}"
    yield from _wrong_no_data(declared, raster.nodata)
    yield from _wrong_scale(declared, raster)


def _wrong_no_data(declared: DataFormat, tagged: float | None) -> Iterator[str]:
    """A tag that says something else; a raster without a tag is read as declared."""
    expected = declared.no_data
    if tagged is None or _held(tagged, declared) == _held(expected, declared):
        return
    both = math.isnan(tagged) and math.isnan(expected)
    # For integers a declared NaN says that there is none to be looked at.
    undeclared = math.isnan(expected) and "int" in declared.dtype
    if not both and not undeclared:
        yield f"no-data {_told(tagged)}, expected {_told(expected)}"


def _held(value: float, declared: DataFormat) -> float:
    """A value as pixels of the type hold it."""
    if declared.dtype not in ("float32", "complex64"):
        return value
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _told(value: float) -> str:
    """Short where that is the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _wrong_scale(declared: DataFormat, raster: Any) -> Iterator[str]:
    """Scale and offset tags that give other physical values than the graph's."""
    if declared.exponent != 1.0:
        return
    expected = declared.line()
    for band, tagged in enumerate(zip(raster.scales, raster.offsets, strict=True), 1):
        if tagged != (1.0, 0.0) and not np.allclose(tagged, expected, rtol=1e-6):
            scale, offset = tagged
            yield (
                f"band {band}: scale {scale:g} and offset {offset:g}, expected "
                f"{expected[0]:g} and {expected[1]:g}"
            )
