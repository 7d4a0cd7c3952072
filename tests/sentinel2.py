# SPDX-License-Identifier: Apache-2.0
"""Small Sentinel-2-like products, made up."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from agents.worker.graph.native.sentinel2 import BANDS

LEVEL_1C = "S2A_MSIL1C_20180101T105441_N0500_R051_T31TDH_20230812T124911"
LEVEL_2A = "S2A_MSIL2A_20180101T105441_N0500_R051_T31TDH_20230812T124911"

TEN, TWENTY = ("B02", "B03", "B04", "B08"), ("B05", "B06", "B07", "B8A", "B11", "B12")

_RADIO = "<RADIO_ADD_OFFSET band_id='{}'>{}</RADIO_ADD_OFFSET>"
_BOA = "<BOA_ADD_OFFSET band_id='{}'>{}</BOA_ADD_OFFSET>"


def make_product(
    folder: Path, name: str, offset: int | None = None, quantification: int = 10000
) -> Path:
    """A product with every band; no offset: of a baseline before 04.00."""
    product = folder / name
    product.mkdir(parents=True)
    first = "L1C" in name
    offsets = "".join(
        (_RADIO if first else _BOA).format(number, offset)
        for number in range(len(BANDS))
        if offset is not None
    )
    tag = "QUANTIFICATION_VALUE" if first else "BOA_QUANTIFICATION_VALUE"
    (product / f"MTD_MSIL{'1C' if first else '2A'}.xml").write_text(
        f"<p><{tag} unit='none'>{quantification}</{tag}>{offsets}</p>"
    )
    images = product / "GRANULE" / "L_T31TDH" / "IMG_DATA"
    if first:
        for band in BANDS:
            write_band(images / f"T31TDH_20180101T105441_{band}.jp2", _size(band))
        return product
    for band in (*BANDS, "SCL"):
        for resolution in (10, 20, 60):
            # The processor resamples B01 to 20 m, besides coarser copies.
            finest = 20 if band == "B01" else _finest(band)
            if band != "B10" and resolution >= finest:
                file = f"R{resolution}m/T31TDH_20180101T105441_{band}_{resolution}m.jp2"
                dtype = "uint8" if band == "SCL" else "uint16"
                write_band(images / file, 1200 // resolution, dtype)
    return product


def write_band(path: Path, size: int, dtype: str = "uint16") -> None:
    """A band with no-data, dark, saturated and known pixels in its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.arange(size * size).reshape(size, size) * 37 % 9000 + 1).astype(dtype)
    pixels[0, :5] = np.array([0, 1, 65535, 1234, 2234]).astype(dtype)
    profile = {
        "driver": "JP2OpenJPEG",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": dtype,
        "crs": "EPSG:32631",
        "transform": from_origin(400_000, 4_700_000, 1200 / size, 1200 / size),
    }
    with rasterio.open(path, "w", QUALITY=100, REVERSIBLE="YES", **profile) as raster:
        raster.write(pixels, 1)


def _finest(band: str) -> int:
    if band in TEN:
        return 10
    return 20 if band in TWENTY or band == "SCL" else 60


def _size(band: str) -> int:
    return 1200 // _finest(band)
