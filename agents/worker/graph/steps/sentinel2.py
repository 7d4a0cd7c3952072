# SPDX-License-Identifier: Apache-2.0
"""The bands of a Sentinel-2 product, each as a Cloud Optimized GeoTIFF, harmonised."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from agents.worker.graph.cog import Change
from agents.worker.graph.native.sentinel2 import (
    CLASSES,
    NO_DATA,
    Product,
    harmonised,
    read_product,
)
from agents.worker.graph.steps.layers import Job, threads_of, write_layers
from streams.errors import StepFatal

_QUANTIFICATION = 10_000
"""That the graph's data formats stand for."""


def extract_s2_bands(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write every band of a product as a layer: reflectance x 10000, 0 no-data.

    Args:
        workdir: folder of the product and of the layers.
        arguments: `product`, the product's folder; `out`, file name of a layer with `*`
            for the band; `bands`, the wanted ones, with commas (empty: all); `offset`,
            `metadata` or, for copies that have it applied already, `none`; `threads`,
            of all (empty: the step's CPUs).

    Raises:
        StepFatal: a wanted band is missing or cannot be read, or the metadata cannot.
        StepFailed: a layer cannot be written.
        NodeExhausted: it cannot, and the disk is full.
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
    jobs = [
        Job(
            band,
            product.files[band],
            workdir / arguments["out"].replace("*", band),
            no_data=NO_DATA,
            overviews=Resampling.nearest if band == CLASSES else Resampling.average,
            change=_shift(product.offsets.get(band, 0) if offset == "metadata" else 0),
        )
        for band in wanted
    ]
    write_layers(product.name, jobs, threads_of(arguments))


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


def _shift(offset: int) -> Change:
    """The offset applied to pixels."""

    def change(pixels: NDArray[Any], _: Window) -> NDArray[Any]:
        return harmonised(pixels, offset) if offset else pixels

    return change
