# SPDX-License-Identifier: Apache-2.0
"""Sentinel-1: names, and the grids of bursts, or of tracks and slices.

Names: S1-RS-MDA-52-7441 (Sentinel-1 Product Specification),
`MMM_BB_TTTR_LFPP_<start>_<stop>_OOOOOO_DDDDDD_CCCC`; `_COG` after it for products whose
measurements were made Cloud Optimized GeoTIFF.
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

_CHANNELS = {
    "SH": "HH",
    "SV": "VV",
    "DH": "HH&HV",
    "DV": "VV&VH",
    "HH": "HH",
    "HV": "HV",
    "VV": "VV",
    "VH": "VH",
}


def _agree(found: Mapping[str, str]) -> str:
    if found["start"] <= found["stop"]:
        return ""
    return f"end of sensing '{found['stop']}', expected no earlier than its start"


_NAMES = (
    Grammar(
        re.compile(r"S1._"),
        (
            Piece("mission", "S1[A-D]", "mission", "S1A, S1B, S1C or S1D"),
            UNDERSCORE,
            Piece(
                "mode",
                "IW|EW|WV|EN|IM|S[1-6]|N[1-6]",
                "mode",
                "IW, EW, WV, S1 to S6, N1 to N6, EN or IM",
            ),
            UNDERSCORE,
            Piece(
                "type",
                "SLC|GRD|OCN|RAW|ETA",
                "product type",
                "SLC, GRD, OCN, RAW or ETA",
            ),
            Piece("resolution", "[FHM_]", "resolution", "F, H, M or _"),
            UNDERSCORE,
            Piece("level", "[012A]", "processing level", "0, 1, 2 or A"),
            Piece("class", "[SANCX]", "product class", "S, A, N, C or X"),
            Piece(
                "polarisation",
                "|".join(_CHANNELS),
                "polarisation",
                ", ".join(_CHANNELS),
            ),
            UNDERSCORE,
            stamp("start", "start of sensing"),
            UNDERSCORE,
            stamp("stop", "end of sensing"),
            UNDERSCORE,
            Piece(
                "orbit",
                "[0-9]{6}",
                "absolute orbit",
                "000001 to 999999",
                within(1, 999_999),
            ),
            UNDERSCORE,
            Piece("datatake", "[0-9A-F]{6}", "data-take", "six hexadecimal digits"),
            UNDERSCORE,
            Piece("unique", "[0-9A-F]{4}", "unique id", "four hexadecimal digits"),
            Piece("form", "_COG|", "end", "_COG or nothing"),
        ),
        _agree,
    ),
)


class Sentinel1Sensor:
    """Sentinel-1: one tile a burst, where the product is cut."""

    constellation = "sentinel1"
    aliases = frozenset({"sentinel1", "sentinel-1"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Sentinel-1's."""
        name = product.removesuffix(".SAFE")
        found = pieces_of(name, _NAMES)
        if found is None:
            return None
        return {
            "SCENE": name,
            "MISSION_ID": found["mission"],
            "MISSION_VERSION": found["mission"][2],
            "MODE": found["mode"],
            "PRODUCT_TYPE": found["type"],
            "RESOLUTION": found["resolution"],
            "PROCESSING_LEVEL": found["level"],
            "PRODUCT_CLASS": found["class"],
            "POLARISATION": found["polarisation"],
            "ORBIT": found["orbit"],
            "ABSOLUTE_ORBIT": found["orbit"],
            "MISSION": found["datatake"],
            "DATATAKE": found["datatake"],
            "UNIQUE_ID": found["unique"],
            **time_fields(found["start"].replace("T", "")),
        }

    def problem(self, product: str) -> str:
        """Which part of a name that begins like Sentinel-1's is wrong."""
        return problem_of(product.removesuffix(".SAFE"), _NAMES)

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself; its bursts are in its annotations, not in its name."""
        return (Part(scene.name),)

    def grids(self, whole: bool) -> tuple[str, ...]:
        """Bursts where products are cut; tracks and slices where they are not."""
        return ("track-slice",) if whole else ("burst",)

    def cell(self, scene: Scene, part: Part, grid: str) -> str:
        """The official id of a burst, which is the name of its part.

        A part that is no burst (of a GRD product, say) is on the grid of tracks and
        slices, if the catalogue knows both.
        """
        if part.swath:
            return part.tile
        track = scene.tags.get("relativeOrbit", "")
        number = scene.tags.get("sliceNumber", "")
        if not (track.isdecimal() and number.isdecimal()):
            return ""
        # Slices of another mode or polarisation are cut elsewhere along the track.
        kind = f"{scene.fields['MODE']}-{scene.fields['POLARISATION']}"
        return f"{track.zfill(3)}-{kind}-{number.zfill(2)}"

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {
            "constellation": "SENTINEL1",
            "satellite": f"SENTINEL1{fields['MISSION_VERSION']}",
            "productType": fields["PRODUCT_TYPE"],
            "polarisationMode": _CHANNELS[fields["POLARISATION"]],
            "orbit": str(int(fields["ABSOLUTE_ORBIT"])),
        }


def make(options: Mapping[str, str]) -> Sentinel1Sensor:
    """The sensor; it has no options."""
    return Sentinel1Sensor()
