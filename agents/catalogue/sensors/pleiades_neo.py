# SPDX-License-Identifier: Apache-2.0
"""Pléiades Neo 3 to 6: acquisitions `ACQ_PNEO3_03232408226692`, and product names.

An acquisition's digits are no date: its date is the catalogue's. A product is named
`PNEO3_YYYYMMDDHHMMSSS_<bands>_<level>`, for example `PNEO3_202304011046525_PMS-FS_ORT`;
bands and level may be absent.
"""

import re
from collections.abc import Mapping

from agents.catalogue.names import (
    UNDERSCORE,
    Grammar,
    Piece,
    pieces_of,
    problem_of,
    tenths,
    time_fields,
)
from agents.catalogue.sensors.airbus import Ungridded

_MISSION = Piece("mission", "PNEO[3-6]", "mission", "PNEO3 to PNEO6")

_NAMES = (
    Grammar(
        re.compile("ACQ_PNEO"),
        (
            Piece("", "ACQ", "prefix", "ACQ"),
            UNDERSCORE,
            _MISSION,
            UNDERSCORE,
            Piece("acquisition", "[0-9]{14}", "acquisition", "14 digits"),
        ),
    ),
    Grammar(
        re.compile("PNEO"),
        (
            _MISSION,
            UNDERSCORE,
            tenths("time", "acquisition time"),
            Piece(
                "mode",
                "_(?:PMS|MS|PAN|P)(?:-FS|-N)?|",
                "bands",
                "one of P, PAN, MS, MS-FS, PMS, PMS-FS and PMS-N",
            ),
            Piece("level", "_(?:SEN|PRJ|ORT|MOS)|", "level", "SEN, PRJ, ORT or MOS"),
        ),
    ),
)


class PleiadesNeoSensor(Ungridded):
    """Pléiades Neo: one tile a scene, no chains."""

    constellation = "pleiadesneo"
    aliases = frozenset({"pleiadesneo", "pleiades-neo", "pneo"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the name, None when it is not Pléiades Neo's."""
        found = pieces_of(product, _NAMES)
        if found is None:
            return None
        fields = {
            "SCENE": product,
            "MISSION_ID": found["mission"],
            "SAT_NUMBER": found["mission"][4],
            "ACQUISITION": found.get("acquisition", ""),
            "MODE": found.get("mode", "").removeprefix("_"),
            "PROCESSING_LEVEL": found.get("level", "").removeprefix("_"),
        }
        return fields | (time_fields(found["time"]) if "time" in found else {})

    def problem(self, product: str) -> str:
        """Which part of a name that begins like Pléiades Neo's is wrong."""
        return problem_of(product, _NAMES)

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {"constellation": "PNEO", "satellite": fields["MISSION_ID"]}


def make(options: Mapping[str, str]) -> PleiadesNeoSensor:
    """The sensor; it has no options."""
    return PleiadesNeoSensor()
