# SPDX-License-Identifier: Apache-2.0
"""The bands of a Sentinel-2 product, each as a Cloud Optimized GeoTIFF, harmonised."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from agents.worker.graph.cog import write_cog
from agents.worker.graph.native.sentinel2 import (
    CLASSES,
    NO_DATA,
    Product,
    harmonised,
    read_product,
)
from streams.errors import StepFailed, StepFatal

_QUANTIFICATION = 10_000
"""That the graph's data formats stand for."""

# Height of the JPEG 2000 tiles of the products: each is decoded once. 22 MB at 10 m.
_ROWS = 1024


def extract_s2_bands(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write every band of a product as a layer: reflectance x 10000, 0 no-data.

    Args:
        workdir: folder of the product and of the layers.
        arguments: `product`, the product's folder; `out`, file name of a layer with `*`
            for the band; `bands`, the wanted ones, with commas (empty: all); `offset`,
            `metadata` or, for copies that have it applied already, `none`; `threads`,
            of decoding and compression (1).

    Raises:
        StepFatal: a wanted band is missing or cannot be read, or the metadata cannot.
        StepFailed: a layer cannot be written.
    """
    product = read_product(workdir / arguments["product"])
    wanted = _wanted(product, arguments.get("bands", ""))
    offset = arguments.get("offset") or "metadata"
    if offset not in ("metadata", "none"):
        raise StepFatal(f"offset '{offset}', expected metadata or none")
    if product.quantification != _QUANTIFICATION:
        raise StepFatal(
            f"product '{product.name}': quantification {product.quantification},"
            f" expected {_QUANTIFICATION}"
        )
    threads = int(arguments.get("threads") or 1)
    for band in wanted:
        target = workdir / arguments["out"].replace("*", band)
        shift = product.offsets.get(band, 0) if offset == "metadata" else 0
        _extract(product, band, shift, target, threads)


def _wanted(product: Product, asked: str) -> tuple[str, ...]:
    known = product.expected()
    wanted = tuple(band.strip() for band in asked.split(",") if band.strip()) or known
    unknown = [band for band in wanted if band not in known]
    if unknown:
        raise StepFatal(
            f"bands {', '.join(unknown)} unknown, expected among {', '.join(known)}"
        )
    missing = [band for band in wanted if band not in product.files]
    if missing:
        raise StepFatal(f"product '{product.name}': {', '.join(missing)} missing")
    return wanted


def _extract(
    product: Product, band: str, offset: int, target: Path, threads: int
) -> None:
    """Decode once into a plain file: a COG is written in several passes."""
    with TemporaryDirectory(dir=target.parent, prefix=".band-") as aside:
        plain = Path(aside, "plain.tif")
        try:
            with rasterio.Env(GDAL_NUM_THREADS=threads):
                _decode(product, band, offset, plain)
            write_cog(
                plain,
                target,
                no_data=NO_DATA,
                overviews=Resampling.nearest if band == CLASSES else Resampling.average,
                threads=threads,
            )
        except RasterioError as error:
            raise StepFailed(f"layer '{target.name}': {error}") from error


def _decode(product: Product, band: str, offset: int, plain: Path) -> None:
    where = f"product '{product.name}': band {band}"
    try:
        source = rasterio.open(product.files[band])
    except RasterioError as error:
        raise StepFatal(f"{where}: {error}") from error
    with source:
        profile = {
            "driver": "GTiff",
            "width": source.width,
            "height": source.height,
            "count": 1,
            "dtype": source.dtypes[0],
            "crs": source.crs,
            "transform": source.transform,
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
        }
        with rasterio.open(plain, "w", **profile) as made:
            for top in range(0, source.height, _ROWS):
                rows = min(_ROWS, source.height - top)
                window = Window(0, top, source.width, rows)
                pixels = _read(source, window, where)
                if offset:
                    pixels = harmonised(pixels, offset)
                made.write(pixels, 1, window=window)


def _read(
    source: rasterio.DatasetReader, window: Window, where: str
) -> NDArray[np.uint16]:
    try:
        pixels: NDArray[np.uint16] = source.read(1, window=window)
    except RasterioError as error:
        raise StepFatal(f"{where}: {error}") from error
    return pixels
