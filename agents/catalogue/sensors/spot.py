# SPDX-License-Identifier: Apache-2.0
"""SPOT 6 and 7: names, `DS_SPOTN_YYYYMMDDHHMMSSS_AAA_aaa_RRR_rrr_XxxxYyy_TTTTT`."""

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
from agents.catalogue.sensors.airbus import Ungridded, corner, station

_NAMES = (
    Grammar(
        re.compile("DS_SPOT"),
        (
            Piece("", "DS", "prefix", "DS"),
            UNDERSCORE,
            Piece("mission", "SPOT[67]", "mission", "SPOT6 or SPOT7"),
            UNDERSCORE,
            tenths("time", "acquisition time"),
            UNDERSCORE,
            *(station("acquired"), UNDERSCORE),
            *(station("acquired_backup"), UNDERSCORE),
            *(station("received"), UNDERSCORE),
            *(station("received_backup"), UNDERSCORE),
            *corner(step=False),
            UNDERSCORE,
            Piece("number", "[0-9]{5}", "number", "five digits"),
        ),
    ),
)


class SpotSensor(Ungridded):
    """SPOT: one tile a scene, no chains."""

    constellation = "spot"
    aliases = frozenset({"spot", "spot6", "spot7"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not SPOT's."""
        found = pieces_of(product, _NAMES)
        if found is None:
            return None
        return {
            "SCENE": product,
            "MISSION_ID": found["mission"],
            "SAT_NUMBER": found["mission"][4],
            "STATION": found["received"],
            "LONGITUDE": found["longitude"],
            "LATITUDE": found["latitude"],
            **time_fields(found["time"]),
        }

    def problem(self, product: str) -> str:
        """Which part of a name that begins like SPOT's is wrong."""
        return problem_of(product, _NAMES)

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {"constellation": "SPOT", "satellite": fields["MISSION_ID"]}


def make(options: Mapping[str, str]) -> SpotSensor:
    """The sensor; it has no options."""
    return SpotSensor()
