# SPDX-License-Identifier: Apache-2.0
"""Pléiades 1A and 1B: names, `DS_PHRNN_YYYYMMDDHHMMSSS_RRR_PP_XxxxYyy_KKLL_TTTTT`."""

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
        re.compile("DS_PHR"),
        (
            Piece("", "DS", "prefix", "DS"),
            UNDERSCORE,
            Piece("mission", "PHR1[AB]", "mission", "PHR1A or PHR1B"),
            UNDERSCORE,
            tenths("time", "acquisition time"),
            UNDERSCORE,
            station("station"),
            UNDERSCORE,
            Piece("mode", "[A-Z0-9]{2}", "mode", "two letters such as PX"),
            UNDERSCORE,
            *corner(step=True),
            UNDERSCORE,
            Piece("number", "[0-9]{5}", "number", "five digits"),
        ),
    ),
)


class PleiadesSensor(Ungridded):
    """Pléiades: one tile a scene, no chains."""

    constellation = "pleiades"
    aliases = frozenset({"pleiades", "phr"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Pléiades'."""
        found = pieces_of(product, _NAMES)
        if found is None:
            return None
        return {
            "SCENE": product,
            "MISSION_ID": found["mission"],
            "MISSION_VERSION": found["mission"][4],
            "MODE": found["mode"],
            "STATION": found["station"],
            "LONGITUDE": found["longitude"],
            "LATITUDE": found["latitude"],
            "LONGITUDE_STEP": found["longitude_step"],
            "LATITUDE_STEP": found["latitude_step"],
            **time_fields(found["time"]),
        }

    def problem(self, product: str) -> str:
        """Which part of a name that begins like Pléiades' is wrong."""
        return problem_of(product, _NAMES)

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {"constellation": "PHR", "satellite": fields["MISSION_ID"]}


def make(options: Mapping[str, str]) -> PleiadesSensor:
    """The sensor; it has no options."""
    return PleiadesSensor()
