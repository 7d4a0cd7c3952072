# SPDX-License-Identifier: Apache-2.0
"""The area in a GeoJSON document, as one valid polygon or multipolygon.

It may cross the 180th meridian: cut there as RFC 7946 wants it, with longitudes beyond
180, or with an edge from 179 to -179. It may enclose a pole.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from streams.meridian import on_earth, united

_POLYGONAL = ("Polygon", "MultiPolygon")
_OTHER = ("Point", "MultiPoint", "LineString", "MultiLineString")


class GeometryProblem(ValueError):
    """What is wrong with the geometry; the text begins with its JSON path."""


def area_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """GeoJSON geometry of the area in a document: all its polygons, dissolved.

    Args:
        document: a Feature, a FeatureCollection, a GeometryCollection, a Polygon or a
            MultiPolygon; EPSG:4326, longitude first.

    Returns:
        A Polygon or MultiPolygon, degrees, longitudes from -180 to 180.

    Raises:
        GeometryProblem: there is no area, or it is not valid.
    """
    polygons = list(_polygons(document, "$"))
    if not polygons:
        raise GeometryProblem("$: no polygon: an area is a Polygon or MultiPolygon")
    area = polygons[0] if len(polygons) == 1 else united(polygons)
    geometry: dict[str, Any] = shapely.geometry.mapping(area)
    return geometry


def _polygons(node: Any, path: str) -> Iterator[BaseGeometry]:
    if not isinstance(node, Mapping):
        raise GeometryProblem(f"{path}: expected a GeoJSON object")
    match node.get("type"):
        case "Feature":
            yield from _polygons(node.get("geometry"), f"{path}.geometry")
        case "FeatureCollection":
            yield from _each(node, "features", path)
        case "GeometryCollection":
            yield from _each(node, "geometries", path)
        case kind if kind in _POLYGONAL:
            yield from _members(node, path)
        case kind if kind in _OTHER:
            raise GeometryProblem(
                f"{path}: a {kind} has no area, expected a Polygon or MultiPolygon"
            )
        case None:
            raise GeometryProblem(f"{path}.type: missing; a GeoJSON type is expected")
        case other:
            raise GeometryProblem(f"{path}.type: '{other}' is no GeoJSON type")


def _each(node: Mapping[str, Any], member: str, path: str) -> Iterator[BaseGeometry]:
    items = node.get(member)
    if not isinstance(items, list) or not items:
        raise GeometryProblem(f"{path}.{member}: expected a list that is not empty")
    for index, item in enumerate(items):
        yield from _polygons(item, f"{path}.{member}[{index}]")


def _members(node: Mapping[str, Any], path: str) -> Iterator[BaseGeometry]:
    """The polygons of a Polygon or MultiPolygon; each is to be valid by itself."""
    coordinates = node.get("coordinates")
    path = f"{path}.coordinates"
    if node["type"] == "Polygon":
        yield _polygon(coordinates, path)
        return
    if not isinstance(coordinates, list):
        raise GeometryProblem(f"{path}: expected a list of polygons")
    if not coordinates:
        raise GeometryProblem(f"{path}: empty")
    for index, rings in enumerate(coordinates):
        yield _polygon(rings, f"{path}[{index}]")


def _polygon(rings: Any, path: str) -> BaseGeometry:
    if not isinstance(rings, list):
        raise GeometryProblem(f"{path}: expected lists of rings")
    if not rings:
        raise GeometryProblem(f"{path}: empty")
    for ring in rings:
        _check_ring(ring, path)
    shell, *holes = ([position[:2] for position in ring] for ring in rings)
    polygon = on_earth(shapely.Polygon(shell, holes))
    if not polygon.is_valid:
        reason = shapely.is_valid_reason(polygon)
        raise GeometryProblem(f"{path}: not a valid area: {reason}")
    return polygon


def _check_ring(ring: Any, path: str) -> None:
    if not isinstance(ring, list) or len(ring) < 4:
        raise GeometryProblem(f"{path}: a ring has at least 4 positions")
    for position in ring:
        _check_position(position, path)
    if ring[0] != ring[-1]:
        raise GeometryProblem(
            f"{path}: a ring must be closed: {ring[0]} is not {ring[-1]}"
        )


def _check_position(position: Any, path: str) -> None:
    if (
        not isinstance(position, list)
        or len(position) < 2
        or not all(isinstance(value, int | float) for value in position)
    ):
        raise GeometryProblem(f"{path}: {position} is not [longitude, latitude]")
    longitude, latitude = position[:2]
    if not (-360 <= longitude <= 360 and -90 <= latitude <= 90):
        raise GeometryProblem(
            f"{path}: {position[:2]} is outside longitude ±360, latitude ±90"
        )
