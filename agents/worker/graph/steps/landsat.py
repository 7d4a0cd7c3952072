# SPDX-License-Identifier: Apache-2.0
"""The bands of a Landsat product as layers: numbers kept, or physical values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from agents.worker.graph.cog import Change
from agents.worker.graph.native.landsat import (
    FILL,
    FLAGS,
    NO_DATA,
    REFLECTANCE,
    SATURATION,
    SUN,
    TEMPERATURE,
    Product,
    brightness,
    expected_bands,
    read_product,
    surface_scale,
    top_of_atmosphere,
)
from agents.worker.graph.native.landsat_flags import hidden_by
from agents.worker.graph.steps.layers import Job, threads_of, write_layers
from streams.errors import StepFatal

_NUMBERS = np.arange(65536)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is wanted of a product."""

    bands: tuple[str, ...]
    values: str
    sun: str
    mask: tuple[str, ...]
    out: str


@dataclass(frozen=True, slots=True)
class _Band:
    """A band of a product, as its file tells."""

    name: str
    file: Path
    dtype: str
    no_data: float | None


def extract_landsat_bands(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write the bands of a product as layers.

    Args:
        workdir: folder of the product and of the layers.
        arguments: `product`, the product's folder; `out`, file name of a layer with `*`
            for its name; `bands`, the wanted ones, with commas (empty: all); `values`
            of Level 1, `numbers` as they are (`B04`), `physical` (reflectance
            `TOA_B04`, brightness temperature `BT_B10`) or `both`; `sun`, its elevation
            at the `scene`'s centre or in each `pixel`; `mask`, flags whose pixels
            become no-data, with commas; `threads`, of all (empty: the step's CPUs).

    Raises:
        StepFatal: a band or the metadata are missing or cannot be read, or an argument
            is wrong.
        StepFailed: a layer cannot be written.
        NodeExhausted: it cannot, and the disk is full.
    """
    product = read_product(workdir / arguments["product"])
    wishes = _wishes(product, arguments)
    jobs = [
        job
        for name in wishes.bands
        for job in _jobs(product, _open(product, name), wishes, workdir)
    ]
    write_layers(product.name, jobs, threads_of(arguments))


def _wishes(product: Product, arguments: Mapping[str, str]) -> _Wishes:
    return _Wishes(
        bands=_wanted(product, _words(arguments, "bands")),
        values=_choice(arguments, "values", ("numbers", "physical", "both")),
        sun=_choice(arguments, "sun", ("scene", "pixel")),
        mask=_words(arguments, "mask"),
        out=arguments["out"],
    )


def _words(arguments: Mapping[str, str], name: str) -> tuple[str, ...]:
    words = (word.strip() for word in arguments.get(name, "").split(","))
    return tuple(word for word in words if word)


def _choice(arguments: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """An argument's value; the first that is allowed when it is empty."""
    value = arguments.get(name) or allowed[0]
    if value not in allowed:
        raise StepFatal(f"{name} '{value}', expected one of {', '.join(allowed)}")
    return value


def _wanted(product: Product, asked: tuple[str, ...]) -> tuple[str, ...]:
    there = sorted(set(product.files) - {SUN})
    expected = expected_bands(product.name)
    known = sorted({*expected, *there, *FLAGS, SATURATION})
    unknown = [band for band in asked if band not in known]
    if unknown:
        raise StepFatal(
            f"bands {', '.join(unknown)} unknown, expected among {', '.join(known)}"
        )
    missing = [band for band in asked or expected if band not in product.files]
    if missing or not there:
        what = ", ".join(missing) or "every band"
        raise StepFatal(f"product '{product.name}': {what} missing")
    return tuple(dict.fromkeys(asked)) or tuple(there)


def _open(product: Product, name: str) -> _Band:
    file = product.files[name]
    try:
        with rasterio.open(file) as raster:
            return _Band(name, file, raster.dtypes[0], raster.nodata)
    except RasterioError as error:
        raise StepFatal(f"product '{product.name}': band {name}: {error}") from error


def _jobs(
    product: Product, band: _Band, wishes: _Wishes, workdir: Path
) -> Iterator[Job]:
    """The layers that come of a band."""

    def job(layer: str, change: Change | None, **how: Any) -> Job:
        target = workdir / wishes.out.replace("*", layer)
        dtype = "uint16" if change else ""
        return Job(band.name, band.file, target, change=change, dtype=dtype, **how)

    name = band.name
    if name in FLAGS or name == SATURATION:
        # In the flags fill is the bit 0, so the number 1; saturation has none.
        fill = FILL if name in FLAGS and band.no_data is None else None
        yield job(name, None, no_data=fill, overviews=Resampling.nearest)
    elif name.startswith(("SR_", "ST_")) or wishes.values != "physical":
        change = _kept(product, band, wishes)
        plain = change is None and band.no_data is not None
        yield job(name, change, no_data=None if plain else NO_DATA)
    if name.startswith("B") and name not in FLAGS and wishes.values != "numbers":
        kind = "BT" if product.is_thermal(name) else "TOA"
        change = _physical(product, band, wishes)
        yield job(f"{kind}_{name}", change, no_data=NO_DATA)


def _kept(product: Product, band: _Band, wishes: _Wishes) -> Change | None:
    """Numbers as the graph declares them; None: they are so already."""
    table = _NUMBERS.astype("u2")
    standard = True
    if band.name.startswith(("SR_", "ST_")):
        ours = REFLECTANCE if band.name.startswith("SR_") else TEMPERATURE
        theirs = surface_scale(product, band.name)
        standard = theirs == ours
        if not standard:
            table = ours.numbers(theirs.factor * _NUMBERS + theirs.offset)
    if standard and not wishes.mask and band.dtype != "uint8":
        return None
    return _masked(product, band, wishes, _looked_up(_filled(table, band)))


def _physical(product: Product, band: _Band, wishes: _Wishes) -> Change:
    if product.is_thermal(band.name):
        kelvin = brightness(product, band.name, _NUMBERS)
        change = _looked_up(_filled(TEMPERATURE.numbers(kelvin), band))
    elif wishes.sun == "scene":
        values = top_of_atmosphere(product, band.name, _NUMBERS)
        change = _looked_up(_filled(REFLECTANCE.numbers(values), band))
    else:
        change = _with_sun(product, band)
    return _masked(product, band, wishes, change)


def _filled(table: NDArray[np.uint16], band: _Band) -> NDArray[np.uint16]:
    """The table with no-data for fill, and for what the band declares as such."""
    table[0] = NO_DATA
    if band.no_data is not None and 0 <= band.no_data < len(table):
        table[int(band.no_data)] = NO_DATA
    return table


def _looked_up(table: NDArray[np.uint16]) -> Change:
    def change(pixels: NDArray[Any], _: Window) -> NDArray[Any]:
        changed: NDArray[np.uint16] = table[pixels]
        return changed

    return change


def _with_sun(product: Product, band: _Band) -> Change:
    """Reflectance with the sun's angle in each pixel."""
    if SUN not in product.files:
        raise StepFatal(
            f"product '{product.name}': {SUN} missing, for the sun by pixel"
        )
    overhead = top_of_atmosphere(product, band.name, _NUMBERS, sine=1.0)
    table = overhead.astype("f4")
    is_fill = _filled(np.ones(len(table), "u2"), band) == NO_DATA

    def change(pixels: NDArray[Any], window: Window) -> NDArray[Any]:
        angle = _on_grid(product.files[SUN], band.file, window)
        cosine = np.cos(np.deg2rad(angle.astype("f4") / 100))
        values = table[pixels] / np.where(cosine > 0, cosine, np.nan)
        stored = REFLECTANCE.numbers(values)
        stored[is_fill[pixels] | (angle == 0) | (cosine <= 0)] = NO_DATA
        return stored

    return change


def _masked(product: Product, band: _Band, wishes: _Wishes, change: Change) -> Change:
    """The change, with no-data where the wanted flags are set."""
    if not wishes.mask:
        return change
    flags = next((name for name in sorted(FLAGS) if name in product.files), None)
    if flags is None:
        raise StepFatal(f"product '{product.name}': BQA or QA_PIXEL missing, for mask")
    hidden = hidden_by(flags, wishes.mask, product.mission)

    def masked(pixels: NDArray[Any], window: Window) -> NDArray[Any]:
        seen = _on_grid(product.files[flags], band.file, window)
        return np.where(hidden[seen], np.uint16(NO_DATA), change(pixels, window))

    return masked


def _on_grid(file: Path, like: Path, window: Window) -> NDArray[Any]:
    """Pixels of a raster in the window of another, the nearest ones."""
    with rasterio.open(like) as grid:
        try:
            with rasterio.open(file) as raster:
                return _resampled(raster, grid, window)
        except RasterioError as error:
            raise StepFatal(f"{file.name}: {error}") from error


def _resampled(
    raster: rasterio.DatasetReader, grid: rasterio.DatasetReader, window: Window
) -> NDArray[Any]:
    pixels: NDArray[Any]
    if (raster.transform, raster.shape) == (grid.transform, grid.shape):
        pixels = raster.read(1, window=window)
        return pixels
    with WarpedVRT(
        raster,
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.nearest,
    ) as same:
        pixels = same.read(1, window=window)
    return pixels
