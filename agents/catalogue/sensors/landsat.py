# SPDX-License-Identifier: Apache-2.0
"""Landsat 1 to 9, Collections 1 and 2: names, and the WRS grid of paths and rows.

Names: LSDS-656 (Landsat Product Identifiers),
`LXSS_LLLL_PPPRRR_YYYYMMDD_yyyymmdd_CC_TX`. Catalogues that leave the processing date
out of their item ids are understood too.
"""

import re
from collections.abc import Mapping

from streams.model import Part, Scene

_NAME = re.compile(
    r"L(?P<sensor>[COTEM])(?P<satellite>0[1-9])"
    r"_(?P<level>L[12][A-Z]{2})"
    r"_(?P<path>\d{3})(?P<row>\d{3})"
    r"_(?P<date>\d{8})"
    r"(?:_(?P<processed>\d{8}))?"
    r"_(?P<collection>\d{2})"
    r"_(?P<category>RT|T1|T2|A1|A2)"
)

_INSTRUMENT = {
    "C": "oli-tirs",
    "O": "oli",
    "T": "tirs",
    "E": "etm",
    "M": "mss",
}


class LandsatSensor:
    """Landsat: one tile a scene, one chain a WRS path and row."""

    constellation = "landsat"
    aliases = frozenset({"landsat", "landsat89", "landsat8", "landsat9"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Landsat's."""
        found = _NAME.fullmatch(product)
        if found is None:
            return None
        date = found["date"]
        return {
            "SCENE": product,
            "MISSION_ID": f"L{found['satellite']}",
            "SATELLITE": found["satellite"],
            "COLLECTION": _INSTRUMENT[found["sensor"]],
            "COLLECTION_NUMBER": found["collection"],
            "CATEGORY": found["category"],
            "PROCESSING_LEVEL": found["level"],
            "PROCESSED": found["processed"] or "",
            "PATH": found["path"],
            "ROW": found["row"],
            "DATE": date,
            "YEAR": date[:4],
            "MONTH": date[4:6],
            "DAY": date[6:],
            "DATETIME": f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00+00:00",
        }

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself."""
        return (Part(scene.name),)

    def cell(self, scene: Scene, part: Part) -> str:
        """WRS path and row, for example `014031`; satellites share it."""
        return scene.fields["PATH"] + scene.fields["ROW"]

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
