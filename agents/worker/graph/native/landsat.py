# SPDX-License-Identifier: Apache-2.0
"""What a Landsat product holds, and how its numbers become physical values.

Sources: LSDS-1822 (Landsat 8-9 Collection 2 Level 1), LSDS-1619 and LSDS-1618 (Level 2
of Landsat 8-9 and of 4-7), Landsat 8 Data Users Handbook LSDS-1574, and on usgs.gov
"Using the USGS Landsat Level-1 Data Product" and "How do I use a scale factor with
Landsat Level-2 science products?":

- reflectance at the top of the atmosphere `(M Q + A) / sin(sun elevation)`, with
  `REFLECTANCE_MULT_BAND_n` and `REFLECTANCE_ADD_BAND_n`;
- brightness temperature `K2 / ln(K1 / L + 1)` kelvin, of the radiance `L = M Q + A`
  with `RADIANCE_MULT_BAND_n` and `RADIANCE_ADD_BAND_n`;
- Level 2: reflectance and temperature of the surface `M Q + A`.

Q = 0 is fill everywhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from streams.errors import StepFatal

NO_DATA = 0
FILL = 1
"""Of flags: their bit 0."""

FLAGS = frozenset({"BQA", "QA_PIXEL"})
SATURATION = "QA_RADSAT"
SUN = "SZA"
"""Angle between the sun and the zenith in each pixel, 0.01 degree."""

_LARGEST = 65535

_BAND = r"(?:SR_|ST_)?B\d{1,2}(?:_VCID_[12])?"
_FILE = re.compile(
    rf".*?_({_BAND}|BQA|QA_PIXEL|QA_RADSAT|SZA)\.TIF", flags=re.IGNORECASE
)
# Of Landsat 7: masks of the gaps, one for each band and named like it.
_GAPS = "_GM_"
# Other numbers (0.0001 Q, fill -9999) and other flags (LSDS-1368): taken for those of
# Collection 2 they would be wrong.
_FIRST_SURFACE = re.compile(r".*_sr_band\d\.tif", flags=re.IGNORECASE)
_PRODUCT = re.compile(r"(L[COTEM]0[4-9])_(L[12])([A-Z]{2})_")
_METADATA = re.compile(r".*_MTL\.(txt|json|xml)", flags=re.IGNORECASE)

_OLI = tuple(f"B{number:02}" for number in range(1, 10))
_TIRS = ("B10", "B11")
_TM = tuple(f"B{number:02}" for number in range(1, 8))
_ETM = (*_TM[:5], "B06_VCID_1", "B06_VCID_2", "B07", "B08")
_SR = tuple(f"SR_B{number}" for number in range(1, 8))
_SR_TM = tuple(name for name in _SR if name != "SR_B6")

_LEVEL_1 = {
    **dict.fromkeys(("LC08", "LC09"), (*_OLI, *_TIRS)),
    **dict.fromkeys(("LO08", "LO09"), _OLI),
    **dict.fromkeys(("LT08", "LT09"), _TIRS),
    **dict.fromkeys(("LT04", "LT05"), _TM),
    "LE07": _ETM,
    **dict.fromkeys(("LM04", "LM05"), _TM[:4]),
}
_LEVEL_2 = {
    **dict.fromkeys(("LC08", "LC09"), (*_SR, "ST_B10")),
    **dict.fromkeys(("LO08", "LO09"), _SR),
    **dict.fromkeys(("LE07", "LT04", "LT05"), (*_SR_TM, "ST_B6")),
}

_THERMAL = frozenset({"B10", "B11", "B06_VCID_1", "B06_VCID_2"})


@dataclass(frozen=True, slots=True)
class Scale:
    """How stored numbers stand for values: `factor * number + offset`."""

    factor: float
    offset: float

    def numbers(self, values: NDArray[np.floating]) -> NDArray[np.uint16]:
        """Nearest stored numbers; what does not fit is the smallest or the largest.

        Values that are no number are stored as the smallest.
        """
        exact = np.nan_to_num((values - self.offset) / self.factor, nan=1)
        stored: NDArray[np.uint16] = np.rint(np.clip(exact, 1, _LARGEST)).astype("u2")
        return stored


# LSDS-1619; ours as well for what is computed of Level 1, so that both can be compared.
REFLECTANCE = Scale(0.0000275, -0.2)
TEMPERATURE = Scale(0.00341802, 149.0)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The coefficients of a product."""

    file: str
    """Its name."""
    groups: Mapping[str, Mapping[str, str]]

    def number(self, key: str, level: str = "L1") -> float:
        """A value; Level 2 repeats keys of the Level 1 that it was made of.

        Raises:
            StepFatal: it is missing, or no number.
        """
        found = [
            values[key]
            for group, values in self.groups.items()
            if key in values and group.startswith("LEVEL2_") == (level == "L2")
        ]
        if not found:
            raise StepFatal(f"{self.file}: {key} missing")
        try:
            return float(found[0])
        except ValueError as error:
            raise StepFatal(f"{self.file}: {key}: no number: {found[0]}") from error


@dataclass(frozen=True, slots=True)
class Product:
    """A product, as its name, its files and its metadata tell."""

    name: str
    files: Mapping[str, Path]
    """By band, and flags."""
    metadata: Path | None

    @property
    def mission(self) -> str:
        """`LC08`, …; empty: it is named otherwise."""
        found = _PRODUCT.match(self.name)
        return found[1] if found else ""

    def coefficients(self) -> Metadata:
        """The metadata, read.

        Raises:
            StepFatal: there are none, or they cannot be understood.
        """
        if self.metadata is None:
            raise StepFatal(
                f"product '{self.name}': metadata missing, expected {self.name}_MTL.txt"
                ", _MTL.json or _MTL.xml"
            )
        return _read_metadata(self.name, self.metadata)

    def is_thermal(self, band: str) -> bool:
        """Does a band of Level 1 tell temperatures?"""
        return band in _THERMAL or (band == "B06" and self.mission in ("LT04", "LT05"))


def expected_bands(product: str) -> tuple[str, ...]:
    """Bands that a product of this name must have; none when it is another kind."""
    found = _PRODUCT.match(product)
    if found is None:
        return ()
    mission, level, correction = found.groups()
    if level == "L1":
        return _LEVEL_1.get(mission, ())
    bands = _LEVEL_2.get(mission, ())
    if correction == "SR":  # surface reflectance alone
        return tuple(name for name in bands if name.startswith("SR_"))
    return bands


def read_product(folder: Path) -> Product:
    """The product in a folder, or in folders below it.

    Raises:
        StepFatal: a band is there twice, or it is Level 2 of Collection 1.
    """
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if _FIRST_SURFACE.fullmatch(file.name):
            raise StepFatal(
                f"product '{folder.name}': {file.name} is surface reflectance of "
                "Collection 1, expected Level 1, or Collection 2 (…_SR_B1.TIF)"
            )
        match = _FILE.fullmatch(file.name)
        if match is None or _GAPS in file.name.upper() or not file.is_file():
            continue
        band = _band(match[1].upper())
        if band in files:
            raise StepFatal(
                f"product '{folder.name}': {band} in two files, {files[band].name} and"
                f" {file.name}"
            )
        files[band] = file
    return Product(folder.name, files, _metadata(folder))


def top_of_atmosphere(
    product: Product, band: str, numbers: NDArray[np.integer], sine: float = 0.0
) -> NDArray[np.float64]:
    """Reflectances of digital numbers.

    Args:
        product: with metadata.
        band: a reflective one.
        numbers: digital numbers.
        sine: of the sun's elevation; 0: that of the scene's centre.

    Raises:
        StepFatal: a coefficient is missing, or the sun is below the horizon.
    """
    about = product.coefficients()
    key = _key(band)
    factor = about.number(f"REFLECTANCE_MULT_BAND_{key}")
    offset = about.number(f"REFLECTANCE_ADD_BAND_{key}")
    if not sine:
        elevation = about.number("SUN_ELEVATION")
        if elevation <= 0:
            raise StepFatal(
                f"{about.file}: SUN_ELEVATION {elevation:g}, expected above 0: there"
                " is no reflectance by night"
            )
        sine = float(np.sin(np.deg2rad(elevation)))
    return np.asarray(factor * numbers + offset, "f8") / sine


def brightness(
    product: Product, band: str, numbers: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Temperatures of digital numbers, kelvin; NaN where there is no radiance.

    Raises:
        StepFatal: a coefficient is missing.
    """
    about = product.coefficients()
    key = _key(band)
    factor = about.number(f"RADIANCE_MULT_BAND_{key}")
    offset = about.number(f"RADIANCE_ADD_BAND_{key}")
    k1 = about.number(f"K1_CONSTANT_BAND_{key}")
    k2 = about.number(f"K2_CONSTANT_BAND_{key}")
    radiance = np.asarray(factor * numbers + offset, "f8")
    radiance[radiance <= 0] = np.nan
    values: NDArray[np.float64] = k2 / np.log(k1 / radiance + 1)
    return values


def surface_scale(product: Product, band: str) -> Scale:
    """How the numbers of a Level 2 band stand for values: as the metadata tell.

    Without metadata it is the scale of Collection 2.
    """
    is_reflectance = band.startswith("SR_")
    if product.metadata is None:
        return REFLECTANCE if is_reflectance else TEMPERATURE
    about = product.coefficients()
    key = band.removeprefix("SR_B") if is_reflectance else band
    what = "REFLECTANCE" if is_reflectance else "TEMPERATURE"
    return Scale(
        about.number(f"{what}_MULT_BAND_{key}", "L2"),
        about.number(f"{what}_ADD_BAND_{key}", "L2"),
    )


def _band(name: str) -> str:
    """`B4` is `B04`, `B6_VCID_1` is `B06_VCID_1`; other names stay."""
    plain = re.fullmatch(r"B(\d+)(.*)", name)
    return f"B{int(plain[1]):02}{plain[2]}" if plain else name


def _key(band: str) -> str:
    """`B04` is 4 in the metadata, `B06_VCID_1` is 6_VCID_1."""
    return band.removeprefix("B").removeprefix("0")


def _metadata(folder: Path) -> Path | None:
    """The highest file in the folders, text before JSON before XML."""
    found = [
        (len(file.parts), list(_FORMS).index(match[1].lower()), str(file), file)
        for file in folder.rglob("*")
        if (match := _METADATA.fullmatch(file.name)) and file.is_file()
    ]
    return min(found)[-1] if found else None


def _read_metadata(product: str, file: Path) -> Metadata:
    read = _FORMS[file.suffix.lower().removeprefix(".")]
    try:
        groups = read(file.read_bytes())
    except (ValueError, AttributeError, ElementTree.ParseError) as error:
        raise StepFatal(f"product '{product}': {file.name}: {error}") from error
    if not any(groups.values()):
        raise StepFatal(f"product '{product}': {file.name}: no group of metadata")
    return Metadata(file.name, groups)


def _of_text(content: bytes) -> dict[str, dict[str, str]]:
    """`GROUP = …`, `KEY = VALUE`, `END_GROUP = …`; groups in groups side by side."""
    groups: dict[str, dict[str, str]] = {}
    name = ""
    for line in content.decode("utf-8", "replace").splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            name = value
        elif value and key != "END_GROUP":
            groups.setdefault(name, {})[key] = value.strip('"')
    return groups


def _of_json(content: bytes) -> dict[str, dict[str, str]]:
    (document,) = json.loads(content).values()
    return {
        name: {key: str(value) for key, value in values.items()}
        for name, values in document.items()
    }


def _of_xml(content: bytes) -> dict[str, dict[str, str]]:
    return {
        group.tag: {item.tag: item.text or "" for item in group}
        for group in ElementTree.fromstring(content)
    }


_FORMS = {"txt": _of_text, "json": _of_json, "xml": _of_xml}
"""By ending of the file, the usual one first."""
