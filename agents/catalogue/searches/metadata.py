# SPDX-License-Identifier: Apache-2.0
"""What products on disk say of themselves: the metadata files that come with them."""

import re
from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element

import shapely

from agents.catalogue.found import Listing, utc
from agents.worker.markup import parse

Reader = Callable[[str, bytes], Listing]
"""Name of the product and its metadata file → its listing.

Raises:
    ValueError, LookupError, DamagedProduct: the file is not as it should be.
"""


def sentinel1(name: str, document: bytes) -> Listing:
    """`manifest.safe`; its footprint is written latitude first."""
    root = parse("manifest.safe", document)
    (start, *_) = root.iter("startTime")
    return Listing(
        name,
        date=utc(start.text or ""),
        footprint=_outline(_text(root, "coordinates").replace(",", " ")),
        facts={
            "orbit_direction": _text(root, "pass"),
            "relative_orbit": _of_start(root, "relativeOrbitNumber"),
            "absolute_orbit": _of_start(root, "orbitNumber"),
            "polarisations": " ".join(
                element.text or ""
                for element in root.iter("transmitterReceiverPolarisation")
            ),
            "mode": _text(root, "mode"),
            "slice": _text(root, "sliceNumber"),
        },
    )


def sentinel2(name: str, document: bytes) -> Listing:
    """`MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`; its footprint is written latitude first."""
    root = parse("MTD_MSI*.xml", document)
    start = _text(root, "PRODUCT_START_TIME")
    return Listing(
        name,
        date=utc(start) if start else None,
        footprint=_outline(_text(root, "EXT_POS_LIST")),
        facts={
            "cloud_cover_pct": _text(root, "Cloud_Coverage_Assessment"),
            "orbit_direction": _text(root, "SENSING_ORBIT_DIRECTION"),
            "relative_orbit": _text(root, "SENSING_ORBIT_NUMBER"),
            "published": _text(root, "GENERATION_TIME"),
            "baseline": _text(root, "PROCESSING_BASELINE"),
        },
    )


_LINE = re.compile(r'^\s*(\w+) = "?(.*?)"?\s*$', re.MULTILINE)

_CORNERS: Final = ("UL", "UR", "LR", "LL")


def landsat(name: str, document: bytes) -> Listing:
    """`…_MTL.txt` of a Landsat product."""
    said = dict(_LINE.findall(document.decode(errors="replace")))
    corners = [
        (
            float(said[f"CORNER_{c}_LON_PRODUCT"]),
            float(said[f"CORNER_{c}_LAT_PRODUCT"]),
        )
        for c in _CORNERS
    ]
    # The seconds have seven decimals, one more than times here.
    time = said["SCENE_CENTER_TIME"].removesuffix("Z")[:15]
    return Listing(
        name,
        date=utc(f"{said['DATE_ACQUIRED']}T{time}+00:00"),
        footprint=shapely.Polygon(corners).wkt,
        facts={
            "cloud_cover_pct": _known(said.get("CLOUD_COVER", "")),
            "land_cloud_cover_pct": _known(said.get("CLOUD_COVER_LAND", "")),
            "sun_azimuth": said.get("SUN_AZIMUTH", ""),
            "sun_elevation": said.get("SUN_ELEVATION", ""),
        },
    )


READERS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (re.compile(r"MTD_MSIL(1C|2A)\.xml"), sentinel2),
    (re.compile(r"L[A-Z]\d\d_.*_MTL\.txt"), landsat),
    # Last: Sentinel-2 has a manifest as well, which says less.
    (re.compile(r"manifest\.safe"), sentinel1),
)
"""Name of a file in a product → what reads it, in order of trial. One that gives no
footprint is passed over."""


def _known(cover: str) -> str:
    """-1 stands for a cover that was not computed, by night for example."""
    return "" if cover.startswith("-") else cover


def _text(root: Element, name: str) -> str:
    found = next(root.iter(name), None)
    return "" if found is None else (found.text or "").strip()


def _of_start(root: Element, name: str) -> str:
    """Orbits are told for the start and the stop of a product."""
    found = {e.get("type"): (e.text or "").strip() for e in root.iter(name)}
    return found.get("start", "")


def _outline(text: str) -> str:
    """WKT of a ring of latitudes and longitudes; empty when there is none."""
    numbers = [float(number) for number in text.split()]
    if len(numbers) < 6:
        return ""
    return shapely.Polygon(list(zip(numbers[1::2], numbers[0::2], strict=True))).wkt
