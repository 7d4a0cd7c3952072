# SPDX-License-Identifier: Apache-2.0
"""The area in a GeoJSON document, as one valid polygon or multipolygon."""

from collections.abc import Iterator, Mapping
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

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
        A Polygon or MultiPolygon, coordinates in degrees.

    Raises:
        GeometryProblem: there is no area, or it is not valid.
    """
    polygons = list(_polygons(document, "$"))
    if not polygons:
        raise GeometryProblem("$: no polygon: an area is a Polygon or MultiPolygon")
    area = polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)
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
            yield _polygon(node, path)
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


def _polygon(node: Mapping[str, Any], path: str) -> BaseGeometry:
    coordinates = node.get("coordinates")
    rings = coordinates if node["type"] == "Polygon" else _flat(coordinates, path)
    for ring in rings if isinstance(rings, list) else [rings]:
        _check_ring(ring, f"{path}.coordinates")
    geometry = shapely.geometry.shape(dict(node))
    if geometry.is_empty:
        raise GeometryProblem(f"{path}.coordinates: empty")
    if not geometry.is_valid:
        reason = shapely.is_valid_reason(geometry)
        raise GeometryProblem(f"{path}.coordinates: not a valid area: {reason}")
    return geometry


def _flat(coordinates: Any, path: str) -> list[Any]:
    if not isinstance(coordinates, list):
        raise GeometryProblem(f"{path}.coordinates: expected a list of polygons")
    return [ring for polygon in coordinates for ring in _list(polygon, path)]


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise GeometryProblem(f"{path}.coordinates: expected lists of rings")
    return value


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
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise GeometryProblem(
            f"{path}: {position[:2]} is outside longitude ±180, latitude ±90"
        )
