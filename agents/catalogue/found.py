# SPDX-License-Identifier: Apache-2.0
"""A product as a catalogue listed it, and the scene that it makes, for all searches.

The same product has the same tags whichever catalogue answered: what its name tells
wins over what a catalogue says, and a catalogue's words are put in one spelling.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from agents.catalogue.sensor import Sensor, completed
from streams.model import LeftOut, Scene

TAGS: Final = {
    "cloud_cover_pct": "cloudCoverPercentage",
    "land_cloud_cover_pct": "landCloudCoverPercentage",
    "sun_azimuth": "sunAzimuth",
    "sun_elevation": "sunElevation",
    "incidence_angle": "incidenceAngle",
    "orbit_direction": "orbitDirection",
    "relative_orbit": "relativeOrbit",
    "absolute_orbit": "orbit",
    "polarisations": "polarisationMode",
    "product_type": "productType",
    "slice": "sliceNumber",
}
"""Fact of a listing → tag of its scene's record."""

FACTS: Final = (*TAGS, "mode", "platform", "level", "published", "baseline")
"""Facts that a catalogue may tell of a product; each is also metadata of its scene."""

# VV before VH: the channel that is always there first.
_CHANNELS: Final = ("VV", "VH", "HH", "HV")


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry of a catalogue's answer."""

    name: str
    """Of the product, with or without `.SAFE`."""
    date: datetime | None = None
    """Acquisition; None: as the product's name says."""
    footprint: str = ""
    """WKT; empty when the catalogue gives none that can be read."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Those of `FACTS` that the catalogue tells."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What a provider may want: `uuid`, `download_link`, `s3_path`, …"""


def scene_of(listing: Listing, sensor: Sensor) -> Scene | LeftOut:
    """The scene of a product, without parts; why not, when it is not of the sensor.

    Raises:
        ValueError: a fact cannot be understood.
    """
    name = listing.name.removesuffix(".SAFE")
    fields = sensor.fields(name)
    if fields is None:
        return LeftOut(
            name,
            sensor.problem(name)
            or f"its name is not of a product of {sensor.constellation}",
        )
    date = listing.date or _named_date(fields)
    if date is None:
        return LeftOut(name, "neither its name nor the catalogue tells its date")
    facts = {k: spelled(k, v) for k, v in listing.facts.items() if v and k in FACTS}
    tags = {tag: facts[fact] for fact, tag in TAGS.items() if fact in facts}
    scene = Scene(
        name=fields["SCENE"],
        constellation=sensor.constellation,
        date=date.astimezone(UTC),
        footprint=listing.footprint,
        fields=fields,
        metadata={k: v for k, v in {**facts, **listing.metadata}.items() if v},
        tags=tags | sensor.tags(fields),
    )
    return completed(scene)


def _named_date(fields: Mapping[str, str]) -> datetime | None:
    named = fields.get("DATETIME") or fields.get("DATE")
    return utc(named) if named else None


def spelled(fact: str, value: str) -> str:
    """A fact in the one spelling that all catalogues' words are put in."""
    match fact:
        case "orbit_direction":
            return value.upper()
        case "relative_orbit" | "absolute_orbit" | "slice":
            return str(int(value)) if value.isdecimal() else value
        case "cloud_cover_pct" | "land_cloud_cover_pct" | "incidence_angle":
            return f"{float(value):.10g}"
        case "sun_azimuth" | "sun_elevation":
            return f"{float(value):.10g}"
        case "polarisations":
            return "&".join(channels(value))
        case "product_type":
            return product_type(value)
        case "published":
            return f"{utc(value):%Y-%m-%dT%H:%M:%S.%fZ}"
        case _:
            return value


def channels(text: str) -> tuple[str, ...]:
    """Polarisation channels in a text such as `VV VH`, `VV&VH` or `["VH","VV"]`."""
    found = set(re.findall(r"[VH]{2}", text.upper()))
    return tuple(channel for channel in _CHANNELS if channel in found)


def product_type(text: str) -> str:
    """The short form of a product type: `IW_SLC__1S` is `SLC`, `L2A` is `S2MSI2A`.

    Copernicus has answered with the long form of radar products since 2024 and is asked
    with the short one; Landsat is written `LC_C02_L1TP` or `LC_C2_L1TP`.
    """
    upper = text.upper()
    if radar := re.fullmatch(r"\w\w_(SLC|GRD|RAW|OCN|ETA)[A-Z]?_.*", upper):
        return radar[1]
    if optical := re.fullmatch(r"(?:MSI)?L(1C|2A)", upper):
        return f"S2MSI{optical[1]}"
    return re.sub(r"_C0?(\d)_", r"_C0\1_", upper)


def wkt_of(geometry: object) -> str:
    """WKT of a GeoJSON geometry; empty when there is none that can be read."""
    try:
        found = shape(geometry) if isinstance(geometry, dict) else None
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return ""
    return "" if found is None or found.is_empty else str(shapely.to_wkt(found, 9))


def utc(text: str) -> datetime:
    """The time in an RFC 3339 text, UTC; one without a zone is UTC.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def read_scene(
    entry: Any, read: Callable[[Any], Listing], name: str, sensor: Sensor
) -> Scene | LeftOut:
    """The scene of one entry of an answer; one odd entry does not fail the others.

    Args:
        entry: as the catalogue gave it.
        read: its listing; may fail on it as code does on unexpected data.
        name: for an entry that cannot be read.
        sensor: whose scenes are wanted.
    """
    try:
        return scene_of(read(entry), sensor)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        return LeftOut(name, f"its entry in the catalogue cannot be read: {problem}")
