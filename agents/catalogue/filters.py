# SPDX-License-Identifier: Apache-2.0
"""The filters of a request: they mean the same whichever catalogue answered."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from streams.errors import InvalidRequest
from streams.model import Scene

Filter = Callable[[Scene], str]
"""Why a scene is left out; empty when it is kept."""

_RANGE = re.compile(r"\[\s*([\d.]+)\s+TO\s+([\d.]+)\s*\]")


def filters_of(parameters: Mapping[str, str]) -> list[Filter]:
    """The filters that a request's parameters ask for.

    Raises:
        InvalidRequest: a parameter is unknown, or its value cannot be understood.
    """
    problems, filters = [], []
    for name, value in parameters.items():
        try:
            filters.append(_filter(name.lower(), value))
        except ValueError as error:
            problems.append(f"$.scene_type.parameters.{name}: {error}")
    if problems:
        raise InvalidRequest("payload", problems)
    return filters


def _filter(name: str, value: str) -> Filter:
    match name:
        case "cloudcoverpercentage":
            return _cloud_cover(value)
        case "filename":
            return _file_name(value)
        case "relativeorbitnumber":
            return _field("relative orbit", "RELATIVE_ORBIT", value.zfill(3))
        case "producttype":
            return _product_type(value)
        case _:
            raise ValueError(f"unknown, expected one of {', '.join(KNOWN)}")


KNOWN = ("cloudcoverpercentage", "filename", "producttype", "relativeorbitnumber")


def _cloud_cover(value: str) -> Filter:
    found = _RANGE.fullmatch(value)
    if found is None:
        raise ValueError(f"'{value}', expected a range such as '[0 TO 80]'")
    low, high = float(found[1]), float(found[2])

    def left_out(scene: Scene) -> str:
        cover = scene.metadata.get("cloud_cover_pct")
        if cover is None or low <= float(cover) <= high:
            return ""
        return f"cloud cover {cover} % is not within {low:g} to {high:g} %"

    return left_out


def _file_name(value: str) -> Filter:
    pattern = value if "*" in value else f"*{value}*"

    def left_out(scene: Scene) -> str:
        kept = fnmatchcase(scene.name, pattern)
        return "" if kept else f"its name does not match '{value}'"

    return left_out


def _product_type(value: str) -> Filter:
    def left_out(scene: Scene) -> str:
        found = scene.tags.get("productType", "")
        return "" if found == value else f"product type '{found}' is not '{value}'"

    return left_out


def _field(what: str, field: str, value: str) -> Filter:
    def left_out(scene: Scene) -> str:
        found = scene.fields.get(field, "")
        return "" if found == value else f"{what} '{found}' is not '{value}'"

    return left_out
