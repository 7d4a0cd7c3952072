# SPDX-License-Identifier: Apache-2.0
"""Sentinel-2: names, and the grid of MGRS tiles and relative orbits.

Names: S2-PDGS-TAS-DI-PSD (Sentinel-2 Products Specification Document),
`MMM_MSIXXX_YYYYMMDDTHHMMSS_Nxxyy_ROOO_Txxxxx_<discriminator>`.
"""

import re
from collections.abc import Mapping

from streams.model import Part, Scene

_NAME = re.compile(
    r"(?P<mission>S2(?P<satellite>[A-D]))"
    r"_MSI(?P<level>L1C|L2A)"
    r"_(?P<date>\d{8})T(?P<time>\d{6})"
    r"_N(?P<baseline>\d{4})"
    r"_R(?P<orbit>\d{3})"
    r"_T(?P<zone>\d{2})(?P<band>[C-X])(?P<square>[A-Z]{2})"
    r"_(?P<discriminator>\d{8}T\d{6})"
)


class Sentinel2Sensor:
    """Sentinel-2: one tile a scene, one chain an MGRS tile and relative orbit."""

    constellation = "sentinel2"
    aliases = frozenset({"sentinel2", "sentinel-2"})

    def fields(self, product: str) -> dict[str, str] | None:
        """Facts in the product name, None when it is not Sentinel-2's."""
        found = _NAME.fullmatch(product.removesuffix(".SAFE"))
        if found is None:
            return None
        date, time = found["date"], found["time"]
        day = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        return {
            "SCENE": found[0],
            "MISSION_ID": found["mission"],
            "MISSION_VERSION": found["satellite"],
            "PRODUCT_LEVEL": found["level"],
            "DATE": date,
            "YEAR": date[:4],
            "MONTH": date[4:6],
            "DAY": date[6:],
            "TIME": time,
            "HOUR": time[:2],
            "MINUTE": time[2:4],
            "SECOND": time[4:],
            "DATETIME": f"{day}T{time[:2]}:{time[2:4]}:{time[4:]}+00:00",
            "PDGS": found["baseline"],
            "BASELINE": found["baseline"],
            "ORBIT": found["orbit"],
            "RELATIVE_ORBIT": found["orbit"],
            "TILE": f"T{found['zone']}{found['band']}{found['square']}",
            "MGRS": f"{found['zone']}{found['band']}{found['square']}",
            # These three are shifted against MGRS terms; patterns in use rely on them.
            "LATITUDE_BAND": found["zone"],
            "GRID_SQUARE": found["band"],
            "GRANULE_ID": found["square"],
            "PRODUCT_DISC": found["discriminator"],
        }

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """The scene itself."""
        return (Part(scene.name),)

    def cell(self, scene: Scene, part: Part) -> str:
        """MGRS tile and relative orbit, for example `T31TDH-R051`."""
        return f"{scene.fields['TILE']}-R{scene.fields['ORBIT']}"

    def tags(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Tags that the name gives to the scene's record."""
        return {
            "constellation": "SENTINEL2",
            "satellite": f"SENTINEL2{fields['MISSION_VERSION']}",
            "productType": f"S2MSI{fields['PRODUCT_LEVEL'][1:]}",
            "relativeOrbit": str(int(fields["ORBIT"])),
        }


def make(options: Mapping[str, str]) -> Sentinel2Sensor:
    """The sensor; it has no options."""
    return Sentinel2Sensor()
