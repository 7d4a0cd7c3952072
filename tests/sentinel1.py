# SPDX-License-Identifier: Apache-2.0
"""Small Sentinel-1 GRD products, made up: plain geometry, known radiometry.

Lines run to the north and east, pixels to the east and south, turned by `TURN_DEG` in
UTM zone 32, 10 m each: an ascending pass that looks to the right.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.warp import transform

NAME = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8"
STEM = "s1a-iw-grd-{}-20210809t173953-20210809t174018-039156-049f13-00{}"

UTM = "EPSG:32632"
EAST, NORTH, TURN_DEG, SPACING_M = 500_000.0, 5_500_000.0, 12.0, 10.0


def on_map(line, pixel):
    """Easting and northing of the middle of a pixel."""
    cos, sin = math.cos(math.radians(TURN_DEG)), math.sin(math.radians(TURN_DEG))
    x, y = np.multiply(pixel, SPACING_M), np.multiply(line, SPACING_M)
    return EAST + cos * x - sin * y, NORTH + sin * x + cos * y


def in_image(x, y):
    """Line and pixel at a place of the map."""
    cos, sin = math.cos(math.radians(TURN_DEG)), math.sin(math.radians(TURN_DEG))
    east, north = np.subtract(x, EAST), np.subtract(y, NORTH)
    return (cos * north - sin * east) / SPACING_M, (
        cos * east + sin * north
    ) / SPACING_M


def make_product(
    folder: Path,
    images: dict[str, np.ndarray],
    *,
    calibration: str = "",
    noise: str = "",
    kind: str = "GRD",
    is_denoised: bool = False,
) -> Path:
    """A product with these images by polarisation, all of the same size.

    Without calibration, A is 100 for sigma0, 200 for beta0, 50 for gamma0; without
    noise, it is 0.
    """
    product = folder / NAME
    for number, (polarisation, pixels) in enumerate(images.items(), start=1):
        stem = STEM.format(polarisation.lower(), number)
        annotation = product / "annotation"
        (annotation / "calibration").mkdir(parents=True, exist_ok=True)
        (product / "measurement").mkdir(exist_ok=True)
        write_measurement(product / "measurement" / f"{stem}.tiff", pixels)
        (annotation / f"{stem}.xml").write_text(
            annotation_of(*pixels.shape, kind=kind, is_denoised=is_denoised)
        )
        (annotation / "calibration" / f"calibration-{stem}.xml").write_text(
            f"<calibration>{calibration or calibration_vector(0)}</calibration>"
        )
        (annotation / "calibration" / f"noise-{stem}.xml").write_text(
            f"<noise>{noise or range_noise(0, [0], [0])}</noise>"
        )
    return product


def write_measurement(path: Path, pixels: np.ndarray, **options) -> None:
    """A strip a line, as in products."""
    profile = {
        "driver": "GTiff",
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "count": 1,
        "dtype": "uint16",
        "blockysize": 1,
        "gcps": [GroundControlPoint(0.5, 0.5, 9.0, 49.6, 0.0)],
        "crs": "EPSG:4326",
    }
    with rasterio.open(path, "w", **(profile | options)) as raster:
        raster.write(pixels, 1)


def annotation_of(
    lines: int, pixels: int, *, kind: str = "GRD", is_denoised: bool = False
) -> str:
    """An annotation with a geolocation grid of 5 x 6 points."""
    points = ""
    for line in np.linspace(0, lines - 1, 5).round():
        for pixel in np.linspace(0, pixels - 1, 6).round():
            x, y = on_map(line, pixel)
            (lon,), (lat,) = transform(UTM, "EPSG:4326", [x], [y])
            points += (
                f"<geolocationGridPoint><line>{line:.0f}</line>"
                f"<pixel>{pixel:.0f}</pixel><latitude>{lat!r}</latitude>"
                f"<longitude>{lon!r}</longitude></geolocationGridPoint>"
            )
    corrected = str(is_denoised).lower()
    return (
        f"<product><adsHeader><productType>{kind}</productType></adsHeader>"
        "<imageAnnotation><imageInformation>"
        f"<numberOfLines>{lines}</numberOfLines>"
        f"<numberOfSamples>{pixels}</numberOfSamples>"
        f"<rangePixelSpacing>{SPACING_M}</rangePixelSpacing></imageInformation>"
        "<processingInformation><thermalNoiseCorrectionPerformed>"
        f"{corrected}</thermalNoiseCorrectionPerformed></processingInformation>"
        f"</imageAnnotation><geolocationGrid>{points}</geolocationGrid></product>"
    )


def calibration_vector(
    line: int,
    pixels: Sequence[int] = (0,),
    sigma: Sequence[float] = (100,),
    beta: Sequence[float] = (200,),
    gamma: Sequence[float] = (50,),
) -> str:
    """A vector with its lists."""
    return (
        f"<calibrationVector><line>{line}</line><pixel>{_list(pixels)}</pixel>"
        f"<sigmaNought>{_list(sigma)}</sigmaNought><betaNought>{_list(beta)}"
        f"</betaNought><gamma>{_list(gamma)}</gamma></calibrationVector>"
    )


def range_noise(line: int, pixels: Sequence[int], values: Sequence[float]) -> str:
    """A vector of noise by range, as from IPF 2.90 on."""
    return (
        f"<noiseRangeVector><line>{line}</line><pixel>{_list(pixels)}</pixel>"
        f"<noiseRangeLut>{_list(values)}</noiseRangeLut></noiseRangeVector>"
    )


def early_noise(line: int, pixels: Sequence[int], values: Sequence[float]) -> str:
    """A vector of noise as before IPF 2.90."""
    return (
        f"<noiseVector><line>{line}</line><pixel>{_list(pixels)}</pixel>"
        f"<noiseLut>{_list(values)}</noiseLut></noiseVector>"
    )


def azimuth_noise(
    lines: Sequence[int],
    factors: Sequence[float],
    block: tuple[int, int, int, int] | None = None,
) -> str:
    """A vector of noise by azimuth.

    `block`: first line, last line, first pixel, last pixel.
    """
    tags = ("AzimuthLine", "AzimuthLine", "RangeSample", "RangeSample")
    bounds = "".join(
        f"<{which}{tag}>{value}</{which}{tag}>"
        for which, tag, value in zip(
            ("first", "last") * 2, tags, block or (), strict=block is not None
        )
    )
    return (
        f"<noiseAzimuthVector>{bounds}<line>{_list(lines)}</line>"
        f"<noiseAzimuthLut>{_list(factors)}</noiseAzimuthLut></noiseAzimuthVector>"
    )


def _list(values: Sequence[float]) -> str:
    return " ".join(map(str, values))
