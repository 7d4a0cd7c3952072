# SPDX-License-Identifier: Apache-2.0
"""The filters of a request: they mean the same whichever catalogue answered.

A search may hand them to its catalogue to get less; the inventory applies them to
whatever comes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from agents.catalogue.found import channels, product_type
from streams.errors import InvalidRequest
from streams.model import Scene


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on scenes. Called with a scene: why it is left out, or empty."""

    name: str
    """A name of `KNOWN`."""
    value: str
    """In the spelling of `agents/catalogue/found.py`."""
    check: Callable[[Scene], str]
    low: float = 0.0
    high: float = 0.0
    """Of a range, both inclusive."""

    def __call__(self, scene: Scene) -> str:
        """Why the scene is left out; empty when it is kept."""
        return self.check(scene)


DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sentinel1": {
        "producttype": "SLC",
        "polarisationmode": "VV VH",
        "sensoroperationalmode": "IW",
    },
    "sentinel2": {"producttype": "S2MSI1C"},
}
"""Parameters of a constellation that a request need not write, as in the reference."""

ANY: Final = "*"
"""The value that leaves a default out."""

# Who names one of these has chosen a product type.
_CHOOSE_PRODUCTS: Final = frozenset({"filename", "processinglevel", "producttype"})

# Parts of OneAtlas: its products do not tell in which they are.
_ONEATLAS: Final = frozenset({"relation", "workspace"})
_IN_ONEATLAS: Final = ("pleiades", "pleiadesneo", "spot")

_RANGE = re.compile(r"\[\s*(-?[\d.]+)\s*(?:TO|,)\s*(-?[\d.]+)\s*\]")


def filters_of(parameters: Mapping[str, str], constellation: str = "") -> list[Filter]:
    """The filters that a request's parameters ask for.

    Args:
        parameters: `scene_type.parameters`; names in any case.
        constellation: whose defaults are added; empty: none.

    Raises:
        InvalidRequest: parameters are unknown, or values cannot be understood; all.
    """
    problems: list[str] = []
    filters: list[Filter] = []
    for name, value in _complete(parameters, constellation).items():
        try:
            _check_place(name, constellation)
            filters.extend(_filter(name, value))
        except ValueError as error:
            problems.append(f"$.scene_type.parameters.{name}: {error}")
    if problems:
        raise InvalidRequest("payload", problems)
    return filters


def _complete(parameters: Mapping[str, str], constellation: str) -> dict[str, str]:
    asked = {_ALIASES.get(n.lower(), n.lower()): v for n, v in parameters.items()}
    defaults = dict(DEFAULTS.get(constellation, {}))
    if asked.keys() & _CHOOSE_PRODUCTS:
        defaults.pop("producttype", None)
    return {**defaults, **asked}


def _check_place(name: str, constellation: str) -> None:
    if name in _ONEATLAS and constellation not in ("", *_IN_ONEATLAS):
        raise ValueError(f"is for {', '.join(_IN_ONEATLAS)} only")


def _filter(name: str, value: str) -> list[Filter]:
    make = KNOWN.get(name)
    if make is None:
        known = ", ".join(sorted({*KNOWN, *_ALIASES}))
        raise ValueError(f"unknown, expected one of {known}")
    if value.strip() == ANY:
        return []
    if not value.strip():
        raise ValueError("empty, expected a value")
    return [make(name, value.strip())]


def _cloud_cover(name: str, value: str) -> Filter:
    low, high = _range(value)
    if not 0 <= low <= high <= 100:
        raise ValueError(f"'{value}', expected a range within 0 and 100 %")

    def left_out(scene: Scene) -> str:
        cover = scene.metadata.get("cloud_cover_pct")
        # Of a product whose clouds nobody counted, nothing bad is known.
        if cover is None or low <= float(cover) <= high:
            return ""
        return f"cloud cover {cover} % is not within {low:g} to {high:g} %"

    return Filter(name, value, left_out, low, high)


def _incidence_angle(name: str, value: str) -> Filter:
    low, high = _range(value)
    if not low <= high:
        raise ValueError(f"'{value}', expected a range from low to high")

    def left_out(scene: Scene) -> str:
        angle = scene.metadata.get("incidence_angle")
        if angle is None:
            return "its incidence angle is not known"
        kept = low <= float(angle) <= high
        return "" if kept else f"incidence angle {angle} is not {low:g} to {high:g}"

    return Filter(name, value, left_out, low, high)


def _range(value: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(value)
    try:
        if found is not None:
            return float(found[1]), float(found[2])
    except ValueError:
        pass
    raise ValueError(f"'{value}', expected a range such as '[0 TO 80]'")


def _file_name(name: str, value: str) -> Filter:
    pattern = value if "*" in value else f"*{value}*"

    def left_out(scene: Scene) -> str:
        # People write `S1A*.SAFE`; our names have no suffix.
        kept = any(fnmatchcase(scene.name + s, pattern) for s in ("", ".SAFE"))
        return "" if kept else f"its name does not match '{value}'"

    return Filter(name, value, left_out)


def _product_type(name: str, value: str) -> Filter:
    wanted = product_type(value)

    def left_out(scene: Scene) -> str:
        said = scene.tags.get("productType") or scene.metadata.get("product_type", "")
        found = product_type(said)
        if found == wanted or found.endswith(f"_{wanted}"):
            return ""
        return _differs("product type", said, value)

    return Filter(name, wanted, left_out)


def _polarisation(name: str, value: str) -> Filter:
    wanted = channels(value)
    if not wanted:
        raise ValueError(f"'{value}', expected channels such as 'VV VH'")

    def left_out(scene: Scene) -> str:
        code = scene.fields.get("POLARISATION", "")
        said = _DUAL.get(code) or scene.metadata.get("polarisations", code)
        kept = channels(said) == wanted
        return "" if kept else _differs("polarisation", said, value)

    return Filter(name, "&".join(wanted), left_out)


# Code in a Sentinel-1 name → its channels.
_DUAL: Final = {"SV": "VV", "SH": "HH", "DV": "VV&VH", "DH": "HH&HV"}


def _number(what: str, fact: str, *fields: str) -> Callable[[str, str], Filter]:
    """A filter on a whole number."""

    def make(name: str, value: str) -> Filter:
        if not value.isdecimal() or int(value) < 1:
            raise ValueError(f"'{value}', expected a whole number from 1")
        wanted = str(int(value))

        def left_out(scene: Scene) -> str:
            said = _said(scene, fact, fields)
            found = str(int(said)) if said.isdecimal() else said
            return "" if found == wanted else _differs(what, found, wanted)

        return Filter(name, wanted, left_out)

    return make


def _word(what: str, fact: str, *fields: str) -> Callable[[str, str], Filter]:
    """A filter on words, one of which must be the scene's; case does not matter."""

    def make(name: str, value: str) -> Filter:
        wanted = {word.upper() for word in re.split(r"[\s,|]+", value) if word}

        def left_out(scene: Scene) -> str:
            said = _said(scene, fact, fields)
            return "" if said.upper() in wanted else _differs(what, said, value)

        return Filter(name, " ".join(sorted(wanted)), left_out)

    return make


def _orbit_direction(name: str, value: str) -> Filter:
    if value.upper() not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"'{value}', expected ASCENDING or DESCENDING")
    return _word("orbit direction", "orbit_direction")(name, value)


def _level(name: str, value: str) -> Filter:
    def plain(text: str) -> str:
        return re.sub(r"LEVEL|S2MSI|[^A-Z0-9]", "", text.upper()).removeprefix("L")

    wanted = plain(value)

    def left_out(scene: Scene) -> str:
        said = _said(scene, "level", ("PRODUCT_LEVEL", "PROCESSING_LEVEL"))
        kept = plain(said) == wanted
        return "" if kept else _differs("processing level", said, value)

    return Filter(name, value, left_out)


def _platform(name: str, value: str) -> Filter:
    wanted = _plain_platform(value)

    def left_out(scene: Scene) -> str:
        said = scene.tags.get("satellite") or scene.metadata.get("platform", "")
        mission = scene.fields.get("MISSION_ID", "")
        names = (said, scene.constellation, mission)
        kept = wanted in map(_plain_platform, names)
        return "" if kept else _differs("platform", said, value)

    return Filter(name, value, left_out)


def _plain_platform(text: str) -> str:
    """`Sentinel-1A` is SENTINEL1A, `LANDSAT_8` and `LANDSAT08` are LANDSAT8."""
    letters = re.sub(r"[^A-Z0-9]", "", text.upper())
    letters = re.sub(r"^S(?=\d)", "SENTINEL", letters)
    return re.sub(r"(?<=[A-Z])0+(?=\d)", "", letters)


def _tile(name: str, value: str) -> Filter:
    wanted = value.upper().removeprefix("T")
    if not re.fullmatch(r"\d{2}[C-X][A-Z]{2}", wanted):
        raise ValueError(f"'{value}', expected an MGRS tile such as '32UNF'")
    return _word("MGRS tile", "tile", "MGRS")(name, wanted)


def _provider_only(name: str, value: str) -> Filter:
    return Filter(name, value, lambda scene: "")


def _said(scene: Scene, fact: str, fields: tuple[str, ...]) -> str:
    """What is known: by the name first, as names cannot differ between catalogues."""
    for name in fields:
        if scene.fields.get(name):
            return scene.fields[name]
    tag = _TAG_OF.get(fact, "")
    return scene.metadata.get(fact) or scene.tags.get(tag, "")


_TAG_OF: Final = {
    "relative_orbit": "relativeOrbit",
    "absolute_orbit": "orbit",
    "orbit_direction": "orbitDirection",
    "slice": "sliceNumber",
}


def _differs(what: str, found: str, wanted: str) -> str:
    if not found:
        return f"its {what} is not known"
    return f"{what} '{found}' is not '{wanted}'"


KNOWN: Final[Mapping[str, Callable[[str, str], Filter]]] = {
    "acquisitionidentifier": _word("acquisition", "acquisition", "SCENE"),
    "cloudcoverpercentage": _cloud_cover,
    "collectioncategory": _word("collection category", "category", "CATEGORY"),
    "filename": _file_name,
    "incidenceangle": _incidence_angle,
    "orbitdirection": _orbit_direction,
    "orbitnumber": _number("absolute orbit", "absolute_orbit", "ABSOLUTE_ORBIT"),
    "path": _number("path", "path", "PATH"),
    "platformname": _platform,
    "polarisationmode": _polarisation,
    "processinglevel": _level,
    "producttype": _product_type,
    "relation": _provider_only,
    "relativeorbitnumber": _number(
        "relative orbit", "relative_orbit", "RELATIVE_ORBIT"
    ),
    "row": _number("row", "row", "ROW"),
    "sensoroperationalmode": _word("mode", "mode", "MODE"),
    "slicenumber": _number("slice", "slice"),
    "tileid": _tile,
    "workspace": _provider_only,
}
"""Parameters of a request, by lower-case name."""

_ALIASES: Final = {"cloudcover": "cloudcoverpercentage", "platform": "platformname"}
