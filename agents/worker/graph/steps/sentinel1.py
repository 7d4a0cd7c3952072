# SPDX-License-Identifier: Apache-2.0
"""Backscatter of a Sentinel-1 GRD product on a map, as Cloud Optimized GeoTIFFs."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from agents.worker.graph.beside import KEEP_HALVES, beside
from agents.worker.graph.cog import write_cog
from agents.worker.graph.dformat import DataFormat, problems, with_text
from agents.worker.graph.native.footprint import Footprint
from agents.worker.graph.native.geolocation import crs_of, lattice_of, map_of
from agents.worker.graph.native.grd import Drawing, calibrate, draw
from agents.worker.graph.native.radiometry import Negative, Noise, Radiometry
from agents.worker.graph.native.resampling import METHODS, Floats
from agents.worker.graph.native.sentinel1 import (
    LISTS,
    POLARISATIONS,
    Annotation,
    Channel,
    find_channels,
    read_annotation,
    read_calibration,
    read_noise,
)
from agents.worker.graph.native.stored import as_stored
from agents.worker.graph.steps.layers import threads_of
from streams.errors import StepFailed, StepFatal

_LOG = logging.getLogger(__name__)

# A strip of the image in high resolution has 54 MB, and so has a row of the map.
_CACHE_MB = 256

# Of products before 2.90: pixels at the ends of lines that may hold noise instead of 0.
# SNAP looks at as many.
_EARLY_BORDER = 500

# Least power that becomes decibels: -50, far below the noise of the instrument.
_FLOOR = np.float32(1e-5)


@dataclass(frozen=True, slots=True)
class Options:
    """What a graph may ask for."""

    quantity: str
    noise: str
    negative: Negative
    border: int | None
    """Pixels of the image; None: as the product needs."""
    erode: int
    """Pixels of the map."""
    projection: str
    resolution_m: float
    resampling: str
    decibels: bool
    data_format: DataFormat
    threads: int


def s1_grd_backscatter(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write the backscatter of each polarisation of a product as a layer.

    Args:
        workdir: folder of the product and of the layers.
        arguments: `product`, the product's folder; `out`, file name of a layer with `*`
            for its name, `sigma0_VV` for example. What may be left out:
            `polarisations` with commas (all); `quantity`, `sigma0`, `beta0` or `gamma0`
            (`sigma0`); `noise`, `auto`, `remove` or `keep` (`auto`); `negative`,
            `zero`, `keep` or `nodata` (`zero`); `border`, pixels cut off at the ends of
            lines or `auto` (`auto`); `erode`, pixels (0); `projection` (the UTM zone);
            `resolution` in metres (20); `resampling`, `nearest`, `bilinear` or `cubic`
            (`bilinear`); `unit`, `linear` or `db` (`linear`); `dformat`
            (`float32,nan,0,1`) and `ext` (`0,1`), how values are stored; `threads`,
            of all (the step's CPUs).

    Raises:
        StepFatal: a file of the product is missing or cannot be read, or an argument
            is wrong; a layer would have no data.
        StepFailed: a layer cannot be written.
        NodeExhausted: it cannot, and the disk is full.
    """
    options = _options(arguments)
    channels = find_channels(workdir / arguments["product"])
    for polarisation in _wanted(channels, arguments.get("polarisations", "")):
        name = f"{options.quantity}_{polarisation}"
        target = workdir / arguments["out"].replace("*", name)
        _make(channels[polarisation], options, target)


def _wanted(channels: Mapping[str, Channel], asked: str) -> list[str]:
    wanted = [word.strip() for word in asked.split(",") if word.strip()]
    missing = [word for word in wanted if word not in channels]
    if missing:
        there = ", ".join(sorted(channels))
        raise StepFatal(
            f"polarisations {', '.join(missing)} missing, the product has {there}"
        )
    return wanted or [name for name in POLARISATIONS if name in channels]


def _make(channel: Channel, options: Options, target: Path) -> None:
    annotation = read_annotation(channel)
    noise = read_noise(channel, annotation.lines, annotation.pixels)
    radiometry = Radiometry(
        read_calibration(channel, options.quantity, annotation.pixels),
        noise if _is_removed(noise, annotation, options, target.name) else None,
        options.negative,
    )
    border = options.border
    if border is None:
        border = _EARLY_BORDER if noise.is_early else 0
    with beside(target) as folder:
        plain = folder / "plain.tif"
        try:
            with rasterio.Env(
                GDAL_CACHEMAX=_CACHE_MB,
                GDAL_NUM_THREADS=options.threads,
                **KEEP_HALVES,
            ):
                if not _drawn(channel, annotation, radiometry, border, options, plain):
                    raise StepFatal(f"layer '{target.name}' empty")
                write_cog(
                    plain,
                    target,
                    no_data=None,
                    # The mean of decibels is not that of the power.
                    overviews=(
                        Resampling.nearest if options.decibels else Resampling.average
                    ),
                    threads=options.threads,
                )
        except RasterioError as error:
            raise StepFailed(f"layer '{target.name}': {error}") from error


def _drawn(
    channel: Channel,
    annotation: Annotation,
    radiometry: Radiometry,
    border: int,
    options: Options,
    plain: Path,
) -> bool:
    """Make the map of an image; False: it has no data."""
    where = f"product '{channel.product}': {channel.measurement.name}"
    _check_size(channel, annotation, where)
    looks = max(1, math.floor(options.resolution_m / annotation.spacing_m))
    if looks > min(annotation.lines, annotation.pixels):
        raise StepFatal(f"resolution {options.resolution_m:g}: less than a pixel")
    calibrated, threads = plain.with_name("calibrated.tif"), options.threads
    footprint = calibrate(
        channel.measurement, where, radiometry, looks, calibrated, threads
    )
    erode_m = options.erode * options.resolution_m
    inner = _cut(footprint, math.ceil(border / looks)).eroded(
        math.ceil(erode_m / (annotation.spacing_m * looks))
    )
    if inner.is_empty():
        return False
    drawing = _drawing(annotation, looks, options)
    has_data = draw(calibrated, inner, drawing, plain, threads)
    calibrated.unlink()
    return has_data


def _is_removed(
    noise: Noise, annotation: Annotation, options: Options, layer: str
) -> bool:
    """Is the thermal noise to be taken away?"""
    if options.noise == "keep":
        return False
    if annotation.is_denoised:
        _LOG.warning("layer '%s': the product's processor removed the noise", layer)
        return False
    if noise.is_early and options.noise == "auto":
        _LOG.warning(
            "layer '%s': noise kept, its scale is not sure before IPF 2.90", layer
        )
        return False
    return True


def _cut(footprint: Footprint, pixels: int) -> Footprint:
    """Less as many pixels at both ends of each row."""
    return Footprint(footprint.first + pixels, footprint.last - pixels)


def _check_size(channel: Channel, annotation: Annotation, where: str) -> None:
    try:
        with rasterio.open(channel.measurement) as raster:
            shape, dtypes = raster.shape, raster.dtypes
    except RasterioError as error:
        raise StepFatal(f"{where}: {error}") from error
    expected = (annotation.lines, annotation.pixels)
    if shape != expected or dtypes != ("uint16",):
        raise StepFatal(
            f"{where}: {shape[0]} x {shape[1]} of {', '.join(dtypes)}, expected"
            f" {expected[0]} x {expected[1]} of uint16"
        )


def _drawing(annotation: Annotation, looks: int, options: Options) -> Drawing:
    crs = crs_of(options.projection, annotation.grid)
    onto = map_of(annotation.grid, crs, options.resolution_m)
    return Drawing(
        onto,
        lattice_of(annotation.grid, onto, looks),
        options.resampling,
        partial(_stored, options=options),
        options.data_format.dtype,
        options.data_format.no_data,
    )


def _stored(values: Floats, options: Options) -> NDArray[np.generic]:
    if options.negative is not Negative.KEEP and options.resampling == "cubic":
        np.maximum(values, 0, out=values)
    if options.decibels:
        values = np.float32(10) * np.log10(np.maximum(values, _FLOOR))
    return as_stored(values, options.data_format)


def _options(arguments: Mapping[str, str]) -> Options:
    def chosen(name: str, default: str, known: tuple[str, ...]) -> str:
        value = arguments.get(name) or default
        if value not in known:
            raise StepFatal(f"{name} '{value}', expected one of {', '.join(known)}")
        return value

    border = arguments.get("border") or "auto"
    return Options(
        quantity=chosen("quantity", "sigma0", tuple(LISTS)),
        noise=chosen("noise", "auto", ("auto", "remove", "keep")),
        negative=Negative(chosen("negative", "zero", tuple(Negative))),
        border=None if border == "auto" else int(_number("border", border)),
        erode=int(_number("erode", arguments.get("erode") or "0")),
        projection=arguments.get("projection", ""),
        resolution_m=_number("resolution", arguments.get("resolution") or "20", 0.001),
        resampling=chosen("resampling", "bilinear", METHODS),
        decibels=chosen("unit", "linear", ("linear", "db")) == "db",
        data_format=_data_format(arguments),
        threads=threads_of(arguments),
    )


def _number(name: str, text: str, least: float = 0) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise StepFatal(f"{name} '{text}' is no number") from error
    if not least <= number < math.inf:
        raise StepFatal(f"{name} {text}, expected at least {least:g}")
    return number


def _data_format(arguments: Mapping[str, str]) -> DataFormat:
    text = arguments.get("dformat") or "float32,nan,0,1"
    ext = (arguments.get("ext") or "0,1").split(",")
    if len(ext) != 2:
        raise StepFatal(f"ext '{','.join(ext)}', expected min,max")
    low, high = (_number("ext", word, -math.inf) for word in ext)
    blank = DataFormat("", math.nan, 0, 0)
    try:
        data_format = with_text(blank, text)
    except ValueError as error:
        raise StepFatal(f"dformat {error}") from error
    data_format = replace(data_format, ext_min_value=low, ext_max_value=high)
    wrong = problems(data_format)
    if data_format.dtype == "complex64":
        wrong.append("backscatter is not complex")
    if wrong:
        raise StepFatal(f"dformat '{text}': {'; '.join(wrong)}")
    return data_format
