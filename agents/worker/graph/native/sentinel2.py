# SPDX-License-Identifier: Apache-2.0
"""What a Sentinel-2 product holds, and how its numbers become reflectances.

Source: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD:
`reflectance = (DN + ADD_OFFSET of the band) / QUANTIFICATION_VALUE`, DN 0 no-data,
65535 saturated; both values from the product's own metadata. The list of offsets is
absent before baseline 04.00, and there in older acquisitions processed again, so that
the date tells nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from streams.errors import StepFatal

NO_DATA = 0
SATURATED = 65535

BANDS = (
    *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A"),
    *("B09", "B10", "B11", "B12"),
)
"""By `band_id` of the metadata."""

CLASSES = "SCL"
"""Scene classification, in Level-2A."""

_NATIVE = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 10),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12", CLASSES), 20),
    **dict.fromkeys(("B01", "B09", "B10"), 60),
}
"""Metres in which a layer was made: Level-2A has it also in others, resampled."""

_METADATA = re.compile(r"(?:MTD_MSI|S2._\w*MTD_SAF)L(1C|2A).*\.xml")
_FILE = re.compile(r".*_(B\d[\dA]|SCL)(?:_(\d\d)m)?\.jp2")

_OFFSET = {"1C": "RADIO_ADD_OFFSET", "2A": "BOA_ADD_OFFSET"}
_QUANTIFICATION = {
    "1C": ("QUANTIFICATION_VALUE",),
    # Older baselines have the second name.
    "2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """A product, as its metadata and its files tell."""

    name: str
    level: str
    """`1C` or `2A`."""
    quantification: int
    offsets: Mapping[str, int]
    """By band; a band without one has 0."""
    files: Mapping[str, Path]
    """By band, and the classes: at their native resolution, else the finest there."""

    def expected(self) -> tuple[str, ...]:
        """Layers that a whole product gives: Level-2A has no B10, and has classes."""
        if self.level == "1C":
            return BANDS
        return (*(band for band in BANDS if band != "B10"), CLASSES)


def read_product(folder: Path) -> Product:
    """The product in a folder, whether or not there is a `.SAFE` between.

    Raises:
        StepFatal: no metadata, or none that can be understood; several granules.
    """
    metadata, level = _metadata(folder)
    try:
        root = ElementTree.parse(metadata).getroot()
        offsets = {
            BANDS[int(item.attrib["band_id"])]: int(item.text or "")
            for item in root.iter(_OFFSET[level])
        }
        values = [
            int(item.text or "")
            for tag in _QUANTIFICATION[level]
            for item in root.iter(tag)
        ]
    except (ElementTree.ParseError, KeyError, IndexError, ValueError) as error:
        raise StepFatal(f"product '{folder.name}': {metadata.name}: {error}") from error
    if len(values) != 1:
        found = len(values)
        raise StepFatal(
            f"product '{folder.name}': {metadata.name}: {found} quantification values,"
            " expected 1"
        )
    return Product(folder.name, level, values[0], offsets, _files(folder))


def harmonised(digital: NDArray[np.uint16], offset: int) -> NDArray[np.uint16]:
    """Digital numbers with the offset applied, as if there had been none.

    No-data and saturated stay; what would be 0 or less is 1, so that 0 stays no-data.
    """
    shifted = np.arange(SATURATED + 1) + offset
    table: NDArray[np.uint16] = np.clip(shifted, 1, SATURATED - 1).astype(np.uint16)
    table[[NO_DATA, SATURATED]] = NO_DATA, SATURATED
    return table[digital]


def _metadata(folder: Path) -> tuple[Path, str]:
    """The product's metadata, the highest in the folders, and its level."""
    found = [
        (len(file.parts), str(file), file, match[1])
        for file in folder.rglob("*.xml")
        if (match := _METADATA.fullmatch(file.name))
    ]
    if not found:
        raise StepFatal(
            f"product '{folder.name}': metadata missing, expected MTD_MSIL1C.xml"
            " or MTD_MSIL2A.xml"
        )
    *_, file, level = min(found)
    return file, level


def _files(folder: Path) -> dict[str, Path]:
    """Band → file of its native resolution, else the finest, of the one granule."""
    found: dict[str, tuple[tuple[bool, int], Path]] = {}
    for file in sorted(folder.rglob("IMG_DATA/**/*.jp2")):
        if match := _FILE.fullmatch(file.name):
            band = match[1]
            resolution = int(match[2] or _NATIVE[band])
            rank = (resolution != _NATIVE[band], resolution)
            known = found.get(band)
            if known is not None and known[0] == rank:
                raise StepFatal(
                    f"product '{folder.name}': {band} in several granules, expected one"
                )
            if known is None or rank < known[0]:
                found[band] = (rank, file)
    return {band: file for band, (_, file) in found.items()}
