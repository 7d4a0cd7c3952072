# SPDX-License-Identifier: Apache-2.0
"""The bands of a Landsat product, each as a Cloud Optimized GeoTIFF, numbers kept.

Bands that a product must have: LSDS-1822 (Landsat 8-9 Level 1), LSDS-1619 (Level 2
science products); Collection 1 Level 1 has the same bands and `BQA` for flags.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from agents.worker.graph.cog import read_through, write_cog
from streams.errors import StepFailed, StepFatal

_FILE = re.compile(r".*?_((?:SR_|ST_)?B\d{1,2}|BQA|QA_PIXEL)\.TIF", flags=re.IGNORECASE)
_PRODUCT = re.compile(r"L([COT])0([89])_(L1|L2)([A-Z]{2})_")

_FLAGS = frozenset({"BQA", "QA_PIXEL"})

# Fill is 0 in every band; in the flags it is the bit 0, so the number 1.
_FILL = {False: 0, True: 1}

_OLI = tuple(f"B{number:02}" for number in range(1, 10))
_TIRS = ("B10", "B11")
_SR = tuple(f"SR_B{number}" for number in range(1, 8))

_EXPECTED = {
    ("L1", "C"): (*_OLI, *_TIRS),
    ("L1", "O"): _OLI,
    ("L1", "T"): _TIRS,
    ("L2", "C"): (*_SR, "ST_B10"),
    ("L2", "O"): _SR,
}


def extract_landsat_bands(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write every band of a product as a layer.

    Args:
        workdir: folder of the product and of the layers.
        arguments: `product`, the product's folder; `out`, file name of a layer with `*`
            for the band; `threads`, of the compression (1).

    Raises:
        StepFatal: a band that the product must have is missing or cannot be read.
        StepFailed: a layer cannot be written.
    """
    product = workdir / arguments["product"]
    bands = _bands(product)
    missing = [name for name in expected_bands(product.name) if name not in bands]
    if missing or not bands:
        what = ", ".join(missing) or "every band"
        raise StepFatal(f"product '{product.name}': {what} missing")
    threads = int(arguments.get("threads") or 1)
    for name, file in sorted(bands.items()):
        target = workdir / arguments["out"].replace("*", name)
        _extract(product.name, name, file, target, threads)


def expected_bands(product: str) -> tuple[str, ...]:
    """Layers that a product of this name must give; none when it is an older one."""
    found = _PRODUCT.match(product)
    if found is None:
        return ()
    sensor, _, level, correction = found.groups()
    expected = _EXPECTED.get((level, sensor), ())
    if correction == "SR":  # surface reflectance alone
        return tuple(name for name in expected if name.startswith("SR_"))
    return expected


def _bands(product: Path) -> dict[str, Path]:
    """Layer name → file, for every band and flag below the product's folder."""
    found = {}
    for file in sorted(product.rglob("*")):
        match = _FILE.fullmatch(file.name)
        if match is not None and file.is_file():
            found[_layer(match[1].upper())] = file
    return found


def _layer(band: str) -> str:
    """`B4` is the layer `B04`; other names stay."""
    plain = re.fullmatch(r"B(\d+)", band)
    return f"B{int(plain[1]):02}" if plain else band


def _extract(product: str, name: str, file: Path, target: Path, threads: int) -> None:
    flags = name in _FLAGS
    try:
        with rasterio.open(file) as raster:
            declared = raster.nodata
        write_cog(
            file,
            target,
            no_data=_FILL[flags] if declared is None else None,
            overviews=Resampling.nearest if flags else Resampling.average,
            threads=threads,
        )
    except RasterioError as error:
        kind = StepFailed if _is_readable(file) else StepFatal
        raise kind(f"product '{product}': band {name}: {error}") from error


def _is_readable(file: Path) -> bool:
    """Can the band be read to its end? If so, it was not the product that failed."""
    try:
        read_through(file)
    except RasterioError:
        return False
    return True
