# SPDX-License-Identifier: Apache-2.0
"""Landsat 1 to 9, Collections 1 and 2: names, and the WRS grids of paths and rows.

Names: LSDS-656 (Landsat Product Identifiers),
`LXSS_LLLL_PPPRRR_YYYYMMDD_yyyymmdd_CC_TX`. Catalogues that leave the processing date
out of their item ids, or end them in `_SR` or `_ST`, are understood too.
"""

import re
from collections.abc import Mapping

from agents.catalogue.names import (
    UNDERSCORE,
    Grammar,
    Piece,
    date,
    day_fields,
    pieces_of,
    problem_of,
    within,
)
from streams.model import Part, Scene

# Sensor and satellite of a name → the instrument, as archives call it in their paths.
_INSTRUMENTS = {
    "C08": "oli-tirs",
    "C09": "oli-tirs",
    "O08": "oli",
    "O09": "oli",
    "T08": "tirs",
    "T09": "tirs",
    "E07": "etm",
    "T04": "tm",
    "T05": "tm",
    **{f"M0{number}": "mss" for number in range(1, 6)},
}

# Landsat 1 to 3 flew another grid: WRS-1, of 251 paths; the others have 233 (WRS-2).
_WRS1 = ("01", "02", "03")
_WRS1_PATHS, _WRS2_PATHS, _ROWS = 251, 233, 248


def _agree(found: Mapping[str, str]) -> str:
    if found["craft"][1:] not in _WRS1 and int(found["path"]) > _WRS2_PATHS:
        return f"path '{found['path']}', expected 001 to {_WRS2_PATHS}"
    if found.get("processed", found["date"]) < found["date"]:
        return (
            f"processing date '{found['processed']}', expected no earlier than "
            f"the acquisition date {found['date']}"
        )
    return ""


_PLACE_AND_DATE = (
    Piece("", "L", "mission", "L"),
    Piece(
        "craft",
        "[A-Z][0-9]{2}",
        "sensor and satellite",
        f"one of {', '.join(_INSTRUMENTS)}",
        _INSTRUMENTS.__contains__,
    ),
    UNDERSCORE,
    Piece(
        "level",
        "L1(?:TP|GT|GS)|L2(?:SP|SR)",
        "processing level",
        "L1TP, L1GT, L1GS, L2SP or L2SR",
    ),
    UNDERSCORE,
    Piece("path", "[0-9]{3}", "path", "001 to 251", within(1, _WRS1_PATHS)),
    Piece("row", "[0-9]{3}", "row", "001 to 248", within(1, _ROWS)),
    UNDERSCORE,
    date("date", "acquisition date"),
    UNDERSCORE,
)
_PROCESSED = (date("processed", "processing date"), UNDERSCORE)
_COLLECTION = (
    Piece("collection", "0[12]", "collection", "01 or 02"),
    UNDERSCORE,
    Piece("category", "RT|T1|T2|A1|A2", "collection category", "RT, T1, T2, A1 or A2"),
    Piece("item", "_SR|_ST|", "end", "_SR, _ST or nothing"),
)

_NAMES = (
    # Four parts, and a fifth as short as a collection number.
    Grammar(
        re.compile(r"L[A-Z][0-9]{2}_(?:[^_]*_){3}[^_]{2}_"),
        (*_PLACE_AND_DATE, *_COLLECTION),
        _agree,
    ),
    Grammar(
        re.compile(r"L[A-Z][0-9]{2}_"),
        (*_PLACE_AND_DATE, *_PROCESSED, *_COLLECTION),
        _agree,
    ),
)


class LandsatSensor:
    """Landsat: one tile a scene, one chain a WRS path and row."""

    constellation = "landsat"
    aliases = frozenset(
        {"landsat", "landsat89"} | {f"landsat{number}" for number in range(1, 10)}
    )

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Landsat's."""
        found = pieces_of(product, _NAMES)
        if found is None:
            return None
        return {
            "SCENE": product.removesuffix(found["item"]),
            "MISSION_ID": f"L{found['craft'][1:]}",
            "SATELLITE": found["craft"][1:],
            "COLLECTION": _INSTRUMENTS[found["craft"]],
            "INSTRUMENT": _INSTRUMENTS[found["craft"]],
            "COLLECTION_NUMBER": found["collection"],
            "CATEGORY": found["category"],
            "PROCESSING_LEVEL": found["level"],
            "PROCESSED": found.get("processed", ""),
            "PATH": found["path"],
            "ROW": found["row"],
            **day_fields(found["date"]),
        }

    def problem(self, product: str) -> str:
        """Which part of a name that begins like Landsat's is wrong."""
        return problem_of(product, _NAMES)

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself."""
        return (Part(scene.name),)

    def grids(self, whole: bool) -> tuple[str, ...]:
        """WRS paths and rows."""
        return ("path-row",)

    def cell(self, scene: Scene, part: Part, grid: str) -> str:
        """WRS path and row, for example `014031`; satellites of one grid share it."""
        place = scene.fields["PATH"] + scene.fields["ROW"]
        return f"wrs1-{place}" if scene.fields["SATELLITE"] in _WRS1 else place

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {
            "constellation": "LANDSAT",
            "satellite": f"LANDSAT{fields['SATELLITE']}",
            "productType": (
                f"{fields['SCENE'][:2]}_C{fields['COLLECTION_NUMBER']}"
                f"_{fields['PROCESSING_LEVEL']}"
            ),
        }


def make(options: Mapping[str, str]) -> LandsatSensor:
    """The sensor; it has no options."""
    return LandsatSensor()
