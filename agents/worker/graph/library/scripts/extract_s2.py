# SPDX-License-Identifier: Apache-2.0
"""The bands of a Sentinel-2 product, each as a JPEG 2000 file, harmonised.

A product without offsets is copied as it is. Otherwise the offset is applied, so that
the layers of a series have one scale, and the band compressed again without loss.
"""

import shutil
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from agents.worker.graph.beside import beside
from agents.worker.graph.native.sentinel2 import (
    CLASSES,
    Product,
    harmonised,
    read_product,
)
from agents.worker.graph.scripting import Options, copy, replacing, run
from streams.errors import StepFatal

QUANTIFICATION = 10_000
"""That the graph's data format stands for."""

# Tiles of the products, and rows that are read at a time.
_BLOCK = 1024


def extract_s2(workdir: Path, pattern: str) -> None:
    """Write every spectral band of a product, at its native resolution.

    Args:
        workdir: a folder of it is the product.
        pattern: name of a result, with `*` for the band.

    Raises:
        StepFatal: not one product, a band is missing, or a band cannot be read.
        RasterioError: a result cannot be written.
    """
    product = read_product(_folder(workdir))
    bands = [band for band in product.expected() if band != CLASSES]
    missing = [band for band in bands if band not in product.files]
    if missing:
        raise StepFatal(f"product '{product.name}': {', '.join(missing)} missing")
    if product.quantification != QUANTIFICATION:
        raise StepFatal(
            f"product '{product.name}': quantification {product.quantification},"
            f" expected {QUANTIFICATION}"
        )
    for band in bands:
        _extract(product, band, Path(pattern.replace("*", band)))


def _folder(workdir: Path) -> Path:
    found = sorted({path.parent for path in workdir.glob("*/GRANULE")})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise StepFatal(f"expected one product with a folder GRANULE, found {names}")
    return found[0]


def _extract(product: Product, band: str, target: Path) -> None:
    source, offset = product.files[band], product.offsets.get(band, 0)
    if not offset:
        shutil.copyfile(source, target)
        return
    with beside(target) as folder:
        plain = folder / "plain.tif"
        try:
            _shift(source, offset, plain)
        except RasterioError as error:
            raise StepFatal(f"product '{product.name}': {band}: {error}") from error
        with replacing(target) as made:
            copy(
                plain,
                made,
                driver="JP2OpenJPEG",
                QUALITY=100,
                REVERSIBLE="YES",
                BLOCKXSIZE=_BLOCK,
                BLOCKYSIZE=_BLOCK,
            )


def _shift(source: Path, offset: int, plain: Path) -> None:
    with rasterio.open(source) as raster:
        profile = {
            "driver": "GTiff",
            "width": raster.width,
            "height": raster.height,
            "count": 1,
            "dtype": raster.dtypes[0],
            "crs": raster.crs,
            "transform": raster.transform,
        }
        with rasterio.open(plain, "w", **profile) as made:
            for top in range(0, raster.height, _BLOCK):
                rows = min(_BLOCK, raster.height - top)
                window = Window(0, top, raster.width, rows)
                pixels = harmonised(raster.read(1, window=window), offset)
                made.write(pixels, 1, window=window)


def main() -> None:
    """Do as the options say."""
    options = Options("The bands of a Sentinel-2 product as JPEG 2000, harmonised.")
    options.add_argument("--workdir", type=Path, required=True, help="of the product")
    options.add_argument("--pattern-out", required=True, help="result, * for the band")
    given = options.parse_args()
    extract_s2(given.workdir, given.pattern_out)


if __name__ == "__main__":
    run(main)
