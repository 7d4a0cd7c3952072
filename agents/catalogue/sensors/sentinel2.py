# SPDX-License-Identifier: Apache-2.0
"""Sentinel-2: names, and the grid of MGRS tiles and relative orbits.

Names: S2-PDGS-TAS-DI-PSD (Sentinel-2 Products Specification Document). Compact ones
since December 2016, `MMM_MSIXXX_YYYYMMDDTHHMMSS_Nxxyy_ROOO_Txxxxx_<discriminator>`;
before, `MMM_CCCC_PRD_MSIXXX_ssss_<creation>_ROOO_V<start>_<stop>`: often many tiles.
"""

import re
from collections.abc import Mapping

from agents.catalogue.names import (
    UNDERSCORE,
    Grammar,
    Piece,
    pieces_of,
    problem_of,
    stamp,
    time_fields,
    within,
)
from streams.model import Part, Scene

# Columns of the 100 km squares begin anew in every third zone; I and O are not used.
_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")


def _agree_on_tile(found: Mapping[str, str]) -> str:
    columns = _COLUMNS[int(found["zone"]) % 3]
    if found["square"][0] in columns:
        return ""
    return (
        f"MGRS square '{found['square']}', expected a first letter of "
        f"{columns[0]} to {columns[-1]} in zone {found['zone']}"
    )


def _agree_on_times(found: Mapping[str, str]) -> str:
    if found["start"] <= found["stop"]:
        return ""
    return f"end of sensing '{found['stop']}', expected no earlier than its start"


_MISSION = Piece("mission", "S2[A-D]", "mission", "S2A, S2B, S2C or S2D")
_LEVEL = Piece("level", "L1C|L2A", "product level", "L1C or L2A")
_ORBIT = (
    Piece("", "R", "relative orbit", "R and 001 to 143"),
    Piece("orbit", "[0-9]{3}", "relative orbit", "001 to 143", within(1, 143)),
)

_NAMES = (
    Grammar(
        re.compile(r"S2._[A-Z]{4}_"),
        (
            _MISSION,
            UNDERSCORE,
            Piece("class", "[A-Z]{4}", "file class", "four letters such as OPER"),
            UNDERSCORE,
            Piece("", "PRD_MSI", "file category", "PRD_MSI"),
            _LEVEL,
            UNDERSCORE,
            Piece("site", "[A-Z0-9_]{4}", "site", "four characters such as PDMC"),
            UNDERSCORE,
            stamp("creation", "creation time"),
            UNDERSCORE,
            *_ORBIT,
            UNDERSCORE,
            Piece("", "V", "sensing time", "V and a time"),
            stamp("start", "start of sensing"),
            UNDERSCORE,
            stamp("stop", "end of sensing"),
        ),
        _agree_on_times,
    ),
    Grammar(
        re.compile(r"S2"),
        (
            _MISSION,
            UNDERSCORE,
            Piece("", "MSI", "instrument", "MSI"),
            _LEVEL,
            UNDERSCORE,
            stamp("start", "sensing time"),
            UNDERSCORE,
            Piece("", "N", "baseline", "N and four digits"),
            Piece("baseline", "[0-9]{4}", "baseline", "four digits"),
            UNDERSCORE,
            *_ORBIT,
            UNDERSCORE,
            Piece("", "T", "MGRS tile", "T and an MGRS tile"),
            Piece("zone", "[0-9]{2}", "UTM zone", "01 to 60", within(1, 60)),
            Piece("band", "[C-HJ-NP-X]", "latitude band", "C to X without I and O"),
            Piece(
                "square",
                "[A-HJ-NP-Z][A-HJ-NP-V]",
                "MGRS square",
                "A to Z and A to V without I and O",
            ),
            UNDERSCORE,
            stamp("discriminator", "discriminator"),
        ),
        _agree_on_tile,
    ),
)


class Sentinel2Sensor:
    """Sentinel-2: one tile a scene, one chain an MGRS tile and relative orbit."""

    constellation = "sentinel2"
    aliases = frozenset({"sentinel2", "sentinel-2"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Sentinel-2's."""
        name = product.removesuffix(".SAFE")
        found = pieces_of(name, _NAMES)
        if found is None:
            return None
        fields = {
            "SCENE": name,
            "MISSION_ID": found["mission"],
            "MISSION_VERSION": found["mission"][2],
            "PRODUCT_LEVEL": found["level"],
            "ORBIT": found["orbit"],
            "RELATIVE_ORBIT": found["orbit"],
            **time_fields(found["start"].replace("T", "")),
        }
        return fields | (_compact(found) if "zone" in found else _long(found))

    def problem(self, product: str) -> str:
        """Which part of a name that begins like Sentinel-2's is wrong."""
        return problem_of(product.removesuffix(".SAFE"), _NAMES)

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself."""
        return (Part(scene.name),)

    def grids(self, whole: bool) -> tuple[str, ...]:
        """MGRS tiles with the relative orbit (one geometry of view), or without."""
        return ("mgrs-orbit", "mgrs")

    def cell(self, scene: Scene, part: Part, grid: str) -> str:
        """`T31TDH-R051` or `T31TDH`; none for a strip of the old long names."""
        tile = scene.fields.get("TILE", "")
        if not tile or grid == "mgrs":
            return tile
        return f"{tile}-R{scene.fields['RELATIVE_ORBIT']}"

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {
            "constellation": "SENTINEL2",
            "satellite": f"SENTINEL2{fields['MISSION_VERSION']}",
            "productType": f"S2MSI{fields['PRODUCT_LEVEL'][1:]}",
            "relativeOrbit": str(int(fields["RELATIVE_ORBIT"])),
        }


def _compact(found: Mapping[str, str]) -> dict[str, str]:
    mgrs = found["zone"] + found["band"] + found["square"]
    return {
        "PDGS": found["baseline"],
        "BASELINE": found["baseline"],
        "TILE": f"T{mgrs}",
        "MGRS": mgrs,
        "UTM_ZONE": found["zone"],
        "LAT_BAND": found["band"],
        "SQUARE": found["square"],
        # These three are shifted against MGRS terms; patterns in use rely on them.
        "LATITUDE_BAND": found["zone"],
        "GRID_SQUARE": found["band"],
        "GRANULE_ID": found["square"],
        "PRODUCT_DISC": found["discriminator"],
    }


def _long(found: Mapping[str, str]) -> dict[str, str]:
    return {
        "FILE_CLASS": found["class"],
        "SITE": found["site"],
        "CREATION": found["creation"],
    }


def make(options: Mapping[str, str]) -> Sentinel2Sensor:
    """The sensor; it has no options."""
    return Sentinel2Sensor()
