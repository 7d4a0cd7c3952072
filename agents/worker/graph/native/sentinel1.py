# SPDX-License-Identifier: Apache-2.0
"""What a Sentinel-1 GRD product holds: its files, and what its annotation tells.

Source: Sentinel-1 Product Specification, S1-RS-MDA-52-7441. A polarisation has an image
`measurement/NAME.tiff` and the documents `annotation/NAME.xml`,
`annotation/calibration/calibration-NAME.xml` and `noise-NAME.xml` beside the latter;
in products of Cloud Optimized GeoTIFFs, NAME may end with `-cog`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from agents.worker.graph.native.radiometry import (
    AzimuthNoise,
    Noise,
    Table,
    Vector,
    table,
)
from streams.errors import StepFatal

POLARISATIONS = ("VV", "VH", "HH", "HV")

LISTS = {"sigma0": "sigmaNought", "beta0": "betaNought", "gamma0": "gamma"}
"""Quantity → its list in a calibration vector."""

_POLARISATION = re.compile(r"(?:^|-)(vv|vh|hh|hv)(?:-|$)")


@dataclass(frozen=True, slots=True)
class Channel:
    """One polarisation of a product, by its files."""

    product: str
    measurement: Path
    annotation: Path
    calibration: Path
    noise: Path


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the annotation tells of an image."""

    lines: int
    pixels: int
    spacing_m: float
    """Of the pixels on the ground, the same in both directions."""
    is_denoised: bool
    """True: its processor has removed the thermal noise."""
    grid: NDArray[np.float64]
    """Geolocation grid, rows of line, pixel, longitude and latitude: line 0 and pixel 0
    are the middle of the first pixel; degrees on WGS 84, at the height of the ground
    there."""


def find_channels(folder: Path) -> dict[str, Channel]:
    """Polarisation → channel, for a product with or without a `.SAFE` between.

    Raises:
        StepFatal: no annotation, several of a polarisation, or a file is missing.
    """
    found: dict[str, Channel] = {}
    for annotation in sorted(folder.rglob("annotation/*.xml")):
        name = annotation.stem.removesuffix("-cog")
        match = _POLARISATION.search(name)
        if match is None:
            continue
        polarisation = match[1].upper()
        if polarisation in found:
            raise StepFatal(
                f"product '{folder.name}': several images of {polarisation}, expected"
                " one: a GRD product"
            )
        safe = annotation.parent.parent
        calibration = "annotation/calibration"
        found[polarisation] = Channel(
            folder.name,
            _file(safe, f"measurement/{name}", "tiff", folder),
            annotation,
            _file(safe, f"{calibration}/calibration-{name}", "xml", folder),
            _file(safe, f"{calibration}/noise-{name}", "xml", folder),
        )
    if not found:
        raise StepFatal(
            f"product '{folder.name}': annotation missing, expected annotation/*.xml"
        )
    return found


def read_annotation(channel: Channel) -> Annotation:
    """Size, spacing and geolocation grid of an image.

    Raises:
        StepFatal: it cannot be understood, or the product is no GRD.
    """
    root = _parse(channel, channel.annotation)
    try:
        kind = _text(root, "adsHeader/productType")
        points = [
            [float(_text(point, tag)) for tag in _GRID]
            for point in root.iter("geolocationGridPoint")
        ]
        image = "imageAnnotation/imageInformation"
        corrected = "imageAnnotation/processingInformation/thermalNoiseCorrection"
        annotation = Annotation(
            lines=int(_text(root, f"{image}/numberOfLines")),
            pixels=int(_text(root, f"{image}/numberOfSamples")),
            spacing_m=float(_text(root, f"{image}/rangePixelSpacing")),
            is_denoised=_text(root, f"{corrected}Performed") == "true",
            grid=np.array(points, dtype=np.float64).reshape(-1, len(_GRID)),
        )
    except ValueError as error:
        raise _misread(channel, channel.annotation, error) from error
    if kind != "GRD":
        raise StepFatal(
            f"product '{channel.product}': product type {kind}, expected GRD"
        )
    if len(annotation.grid) < _LEAST_POINTS:
        raise StepFatal(
            f"product '{channel.product}': {channel.annotation.name}:"
            f" {len(annotation.grid)} grid points, expected at least {_LEAST_POINTS}"
        )
    return annotation


_GRID = ("line", "pixel", "longitude", "latitude")

# As few as have an area between them.
_LEAST_POINTS = 4


def read_calibration(channel: Channel, quantity: str, pixels: int) -> Table:
    """The calibration of a quantity (`LISTS`).

    Raises:
        StepFatal: it cannot be understood.
    """
    root = _parse(channel, channel.calibration)
    vectors = _vectors(root, "calibrationVector", LISTS[quantity])
    return _table(channel, channel.calibration, vectors, pixels)


def read_noise(channel: Channel, lines: int, pixels: int) -> Noise:
    """The thermal noise.

    Processors before 2.90 tell it by range alone, as `noiseVector`; the later ones as
    `noiseRangeVector`, with `noiseAzimuthVector` for blocks of the image.

    Raises:
        StepFatal: it cannot be understood.
    """
    root = _parse(channel, channel.noise)
    is_early = root.find(".//noiseVector") is not None
    if is_early:
        vectors = _vectors(root, "noiseVector", "noiseLut")
    else:
        vectors = _vectors(root, "noiseRangeVector", "noiseRangeLut")
    by_range = _table(channel, channel.noise, vectors, pixels)
    try:
        blocks = tuple(
            _azimuth(item, lines, pixels) for item in root.iter("noiseAzimuthVector")
        )
    except ValueError as error:
        raise _misread(channel, channel.noise, error) from error
    return Noise(by_range, blocks, is_early)


def _azimuth(item: ElementTree.Element, lines: int, pixels: int) -> AzimuthNoise:
    first_line, last_line = _bounds(item, "AzimuthLine", lines)
    first_pixel, last_pixel = _bounds(item, "RangeSample", pixels)
    at, factors = _numbers(item, "line"), _numbers(item, "noiseAzimuthLut")
    if len(at) != len(factors) or not len(at):
        raise ValueError(f"{len(at)} lines with {len(factors)} azimuth noises")
    every = np.interp(np.arange(first_line, last_line + 1), at, factors)
    return AzimuthNoise(first_line, first_pixel, last_pixel, every.astype(np.float32))


def _bounds(item: ElementTree.Element, what: str, size: int) -> tuple[int, int]:
    """First and last of a block within the image; the whole of it when none is told."""
    first = int(item.findtext(f"first{what}") or 0)
    last = int(item.findtext(f"last{what}") or size - 1)
    return max(first, 0), min(last, size - 1)


def _table(
    channel: Channel, file: Path, vectors: Iterator[Vector], pixels: int
) -> Table:
    try:
        return table(vectors, pixels)
    except ValueError as error:
        raise _misread(channel, file, error) from error


def _vectors(root: ElementTree.Element, tag: str, values: str) -> Iterator[Vector]:
    for item in root.iter(tag):
        line = int(_text(item, "line"))
        yield Vector(line, _numbers(item, "pixel"), _numbers(item, values))


def _numbers(item: ElementTree.Element, tag: str) -> NDArray[np.float64]:
    return np.array(_text(item, tag).split(), dtype=np.float64)


def _text(item: ElementTree.Element, path: str) -> str:
    found = item.findtext(path)
    if found is None:
        raise ValueError(f"{path} missing")
    return found


def _file(safe: Path, name: str, suffix: str, product: Path) -> Path:
    for ending in ("", "-cog"):
        file = safe / f"{name}{ending}.{suffix}"
        if file.is_file():
            return file
    raise StepFatal(f"product '{product.name}': {name}.{suffix} missing")


def _parse(channel: Channel, file: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise _misread(channel, file, error) from error


def _misread(channel: Channel, file: Path, error: Exception) -> StepFatal:
    return StepFatal(f"product '{channel.product}': {file.name}: {error}")
