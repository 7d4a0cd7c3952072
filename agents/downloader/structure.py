# SPDX-License-Identifier: Apache-2.0
"""Whether a product is whole: what it says itself that it has, it must have."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from agents.worker.markup import parse
from streams.errors import DamagedProduct
from streams.model import Scene

# Where a Landsat name does not tell: level and sensor → numbers of the bands.
_OLI: Final = tuple(f"B{number}" for number in range(1, 10))
_TIRS: Final = ("B10", "B11")
_SR: Final = tuple(f"SR_B{number}" for number in range(1, 8))
_LANDSAT: Final = {
    ("L1", "C"): (*_OLI, *_TIRS),
    ("L1", "O"): _OLI,
    ("L1", "T"): _TIRS,
    ("L2", "C"): (*_SR, "ST_B10"),
    ("L2", "O"): _SR,
}
_LANDSAT_NAME: Final = re.compile(
    r"L([COT])0[89]_(L[12])(..)_\d{6}_\d{8}_\d{8}_(\d\d)_"
)

# Products under the long names of before December 2016 have other files.
_COMPACT: Final = re.compile(r"S2._MSIL")


def check(scene: Scene, folder: Path) -> None:
    """Check a product against its own list of files.

    Products that have none, of other sensors or under other names, pass.

    Raises:
        DamagedProduct: with what is missing, or shorter than the product says.
    """
    if look := _OF.get(scene.constellation):
        problems = list(look(scene, folder))
        if problems:
            more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise DamagedProduct(
                f"product '{scene.name}': {', '.join(problems[:5])}{more}"
            )


def _sentinel1(scene: Scene, folder: Path) -> Iterator[str]:
    """Every file of the manifest, with its size."""
    if not scene.name.startswith("S1"):
        return
    root = _above(folder, "manifest.safe")
    if root is None:
        yield "manifest.safe missing"
        return
    manifest = parse("manifest.safe", (root / "manifest.safe").read_bytes())
    for stream in manifest.iter("byteStream"):
        place = stream.find("fileLocation")
        href = "" if place is None else place.get("href", "")
        yield from _problem(root, href.removeprefix("./"), stream.get("size", ""))


def _sentinel2(scene: Scene, folder: Path) -> Iterator[str]:
    """Every band that the product's metadata names."""
    if not _COMPACT.match(scene.name):
        return
    level = "MTD_MSIL2A.xml" if "_MSIL2A_" in scene.name else "MTD_MSIL1C.xml"
    root = _above(folder, level)
    if root is None:
        yield f"{level} missing"
        return
    metadata = parse(level, (root / level).read_bytes())
    for image in metadata.iter("IMAGE_FILE"):
        yield from _band(root, image)


def _band(root: Path, image: Element) -> Iterator[str]:
    path = (image.text or "").strip()
    if not any((root / f"{path}{suffix}").is_file() for suffix in (".jp2", ".tif")):
        name = path.rpartition("/")[2]
        found = re.search(r"_(B\d[\dA]|TCI|SCL|AOT|WVP)(_\d+m)?$", name)
        yield f"band {found[1]}{found[2] or ''} missing" if found else f"{name} missing"


def _landsat(scene: Scene, folder: Path) -> Iterator[str]:
    """The bands that its name promises, and of Collection 2 its metadata."""
    name = _LANDSAT_NAME.match(scene.name)
    if name is None:
        return
    sensor, level, correction, collection = name.groups()
    files = {file.name.upper() for file in folder.rglob("*") if file.is_file()}
    expected = _LANDSAT.get((level, sensor), ())
    if correction == "SR":  # surface reflectance alone
        expected = tuple(band for band in expected if band.startswith("SR_"))
    for band in expected:
        if not any(file.endswith(f"_{band}.TIF") for file in files):
            yield f"band {band} missing"
    if collection != "01" and not any("_MTL." in file for file in files):
        yield "MTL missing"


_OF: Final[dict[str, Callable[[Scene, Path], Iterator[str]]]] = {
    "sentinel1": _sentinel1,
    "sentinel2": _sentinel2,
    "landsat": _landsat,
}


def _above(folder: Path, name: str) -> Path | None:
    """The folder that has this file, the highest if several have one."""
    found = sorted(folder.rglob(name), key=lambda file: len(file.parts))
    return found[0].parent if found else None


def _problem(root: Path, path: str, size: str) -> Iterator[str]:
    if not path or ".." in path.split("/"):
        return
    file = root / path
    if not file.is_file():
        yield f"{path} missing"
    elif size.isdecimal() and file.stat().st_size != int(size):
        yield f"{path}: {file.stat().st_size} bytes, expected {size}"
