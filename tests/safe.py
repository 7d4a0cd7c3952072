# SPDX-License-Identifier: Apache-2.0
"""Sentinel-1 SLC products made up: manifest and annotations, as their processor writes.

Geometry is a plain one: lines of the image run from south to north along a meridian,
pixels from west to east along a parallel.
"""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import shapely

CYCLE_S, LINE_S, DEG_PER_S = 2.758273, 2.0555563e-3, 0.06
DELAYS_S = {"IW1": 0.0, "IW2": 0.832, "IW3": 1.910}

NAME = "S1A_IW_SLC__1SDV_20220123T170123_20220123T170150_041591_04F274_1609"


@dataclass(frozen=True)
class Swath:
    """One sub-swath, in each polarisation a file."""

    name: str = "IW1"
    bursts: int = 9
    lines: int = 1497
    samples: int = 21444
    first_s: float = 895.1
    """Azimuth time of the first burst, after the ascending node."""
    west: float = 9.0
    width: float = 1.0
    """Degrees."""
    south: float = 54.0
    corners: Sequence[tuple[float, float, float, float]] = ()
    """Longitude and latitude of the first and the last pixel of each line of the grid;
    empty: as the other fields say."""
    ids: Sequence[int] = ()
    """Numbers of burst cycles; empty: the annotation has none."""
    without_line: int = -1
    """A line that is missing from the geolocation grid."""

    @property
    def cycle_s(self) -> float:
        """From one burst to the next."""
        return 3.038376 if self.name.startswith("EW") else CYCLE_S

    @property
    def grid_lines(self) -> list[int]:
        """0, L, 2L, … and the last line."""
        lines = [burst * self.lines for burst in range(self.bursts)]
        return [*lines, self.bursts * self.lines - 1]

    def second(self, line: int) -> float:
        """When a line of the grid was acquired."""
        burst = min(line // self.lines, self.bursts - 1)
        inside = line - burst * self.lines
        return self.first_s + burst * self.cycle_s + inside * LINE_S

    @property
    def outline(self) -> list[tuple[float, float]]:
        """Its corners."""
        first, last = 0, self.bursts * self.lines - 1
        pixel = self.samples - 1
        return [
            self.place(first, 0),
            self.place(first, pixel),
            self.place(last, pixel),
            self.place(last, 0),
        ]

    def place(self, line: int, pixel: int) -> tuple[float, float]:
        """Longitude and latitude of a point of the grid."""
        share = pixel / (self.samples - 1)
        if not self.corners:
            longitude = self.west + self.width * share
            return (longitude + 180) % 360 - 180, self.latitude(self.second(line))
        near_x, near_y, far_x, far_y = self.corners[self.grid_lines.index(line)]
        return near_x + (far_x - near_x) * share, near_y + (far_y - near_y) * share

    def latitude(self, second: float) -> float:
        """Where the satellite looks at a time."""
        return self.south + (second - self.first_s) * DEG_PER_S


@dataclass(frozen=True)
class Safe:
    """A product."""

    name: str = NAME
    node: datetime = datetime(2022, 1, 23, 16, 46, 28, 621_000, UTC)
    orbit: int = 41591
    orbits: tuple[int, int] = (44, 44)
    swaths: tuple[Swath, ...] = (Swath(),)
    polarisations: tuple[str, ...] = ("vv", "vh")

    def files(self) -> dict[str, bytes]:
        """Its files by path, measurements left out."""
        annotations = {
            f"annotation/{stem}.xml": annotation(swath, polarisation, self.node)
            for stem, swath, polarisation in self._stems()
        }
        others = {
            f"annotation/calibration/{kind}-{stem}.xml": b"<other/>"
            for stem, _, _ in self._stems()
            for kind in ("calibration", "noise")
        }
        manifest = self._manifest([*annotations, *others])
        return {"manifest.safe": manifest, **annotations, **others}

    def folder(self, into: Path) -> Path:
        """A SAFE folder of it."""
        root = into / f"{self.name}.SAFE"
        for path, content in self.files().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        return root

    def archive(
        self, into: Path, measurement: int = 0, root: str | None = None
    ) -> Path:
        """A zip of it, with so many bytes of measurements in the middle."""
        file = into / f"{self.name}.zip"
        root = f"{self.name}.SAFE/" if root is None else root
        files = list(self.files().items())
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files[:2]:
                archive.writestr(root + path, content)
            tiff = zipfile.ZipInfo(f"{root}measurement/s1.tiff")
            archive.writestr(tiff, bytes(measurement), zipfile.ZIP_STORED)
            for path, content in files[2:]:
                archive.writestr(root + path, content)
        return file

    def _manifest(self, paths: Sequence[str]) -> bytes:
        objects = "".join(
            f'<dataObject><fileLocation href="./{path}"/></dataObject>'
            for path in paths
        )
        corners = [corner for swath in self.swaths for corner in swath.outline]
        hull = shapely.MultiPoint(corners).envelope
        around = shapely.get_coordinates(hull).tolist()
        outline = " ".join(f"{y:.6f},{x:.6f}" for x, y in around)
        start = f"{self.node + timedelta(seconds=895.1):%Y-%m-%dT%H:%M:%S.%f}"
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" xmlns:gml="http://www.opengis.net/gml"
    xmlns:safe="http://www.esa.int/safe/sentinel-1.0">
  <metadataSection>
    <safe:acquisitionPeriod><safe:startTime>{start}</safe:startTime>
    </safe:acquisitionPeriod>
    <safe:orbitReference>
      <safe:orbitNumber type="start">{self.orbit}</safe:orbitNumber>
      <safe:relativeOrbitNumber type="start">{self.orbits[0]}</safe:relativeOrbitNumber>
      <safe:relativeOrbitNumber type="stop">{self.orbits[1]}</safe:relativeOrbitNumber>
    </safe:orbitReference>
    <safe:footPrint><gml:coordinates>{outline}</gml:coordinates></safe:footPrint>
  </metadataSection>
  <dataObjectSection>{objects}</dataObjectSection>
</xfdu:XFDU>
""".encode()

    def _stems(self) -> list[tuple[str, Swath, str]]:
        mission = self.name[:3].lower()
        return [
            (
                f"{mission}-{swath.name.lower()}-slc-{polarisation}-001",
                swath,
                polarisation,
            )
            for swath in self.swaths
            for polarisation in self.polarisations
        ]


def three_swaths(**changes: object) -> tuple[Swath, ...]:
    """IW1, IW2 and IW3 side by side."""
    return tuple(
        replace(
            Swath(name=name, first_s=895.1 + delay, west=9.0 + 0.9 * number),
            **changes,  # type: ignore[arg-type]
        )
        for number, (name, delay) in enumerate(DELAYS_S.items())
    )


def annotation(swath: Swath, polarisation: str, node: datetime) -> bytes:
    """The annotation file of one sub-swath in one polarisation."""

    def at(second: float) -> str:
        return f"{node + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%f}"

    bursts = "".join(_burst(swath, number, at) for number in range(swath.bursts))
    points = "".join(
        _point(swath, line, pixel, at)
        for line in swath.grid_lines
        if line != swath.without_line
        for pixel in (0, swath.samples // 2, swath.samples - 1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<product>
  <adsHeader>
    <polarisation>{polarisation.upper()}</polarisation>
    <swath>{swath.name}</swath>
  </adsHeader>
  <imageAnnotation><imageInformation>
    <ascendingNodeTime>{at(0)}</ascendingNodeTime>
    <azimuthTimeInterval>{LINE_S:.15e}</azimuthTimeInterval>
  </imageInformation></imageAnnotation>
  <swathTiming>
    <linesPerBurst>{swath.lines}</linesPerBurst>
    <samplesPerBurst>{swath.samples}</samplesPerBurst>
    <burstList count="{swath.bursts}">{bursts}</burstList>
  </swathTiming>
  <geolocationGrid>
    <geolocationGridPointList>{points}</geolocationGridPointList>
  </geolocationGrid>
</product>
""".encode()


def _burst(swath: Swath, number: int, at: Callable[[float], str]) -> str:
    second = swath.first_s + number * swath.cycle_s
    ident = (
        f'<burstId absolute="{swath.ids[number] + 1000}">{swath.ids[number]}</burstId>'
        if swath.ids
        else ""
    )
    return f"""
      <burst>
        <azimuthTime>{at(second)}</azimuthTime>
        <azimuthAnxTime>{second:.12e}</azimuthAnxTime>
        <sensingTime>{at(second + 1.138)}</sensingTime>
        {ident}
      </burst>"""


def _point(swath: Swath, line: int, pixel: int, at: Callable[[float], str]) -> str:
    longitude, latitude = swath.place(line, pixel)
    return f"""
      <geolocationGridPoint>
        <azimuthTime>{at(swath.second(line))}</azimuthTime>
        <line>{line}</line><pixel>{pixel}</pixel>
        <latitude>{latitude:.15e}</latitude>
        <longitude>{longitude:.15e}</longitude>
      </geolocationGridPoint>"""
