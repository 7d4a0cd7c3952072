# SPDX-License-Identifier: Apache-2.0
"""Areas of interest (AOI): footprints of records, the same for the same place.

The Geocube knows an AOI by the SHA-1 of its bytes: another start vertex, another
direction or another order of polygons would be another AOI. Footprints are therefore
brought to one normal form before they are sent.
"""

import hashlib
import threading

import numpy as np
import shapely
from grpc import StatusCode
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from infra.geocube.errors import Declined
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.wire import Wire
from streams.errors import IndexRefused

# Footprints repeat within a run; forgetting them only costs calls.
_REMEMBERED = 10_000

# A triangle, closed.
_SMALLEST_RING = 4

# About ten metres; a 32-bit float is off by 1e-5 degree at most.
_MARGIN_DEG = 1e-4

_EARTH = np.array([180.0, 90.0])
"""Largest longitude and latitude, degrees."""


class AoiBook:
    """Ids of AOIs, remembered by hash. Thread-safe."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()

    def ensure(self, footprint: BaseGeometry) -> str:
        """Id of the AOI of this footprint, made if it was not there.

        Raises:
            IndexRefused: the footprint is no area on Earth.
            Declined: the server's refusal.
        """
        area = normalised(footprint)
        key = aoi_hash(area)
        known = self._ids.get(key)
        if known is None:
            known = self._created(pb.CreateAOIRequest(aoi=to_pb(area)))
            with self._lock:
                if len(self._ids) >= _REMEMBERED:
                    self._ids.clear()
                self._ids[key] = known
        return known

    def forget(self) -> None:
        """Ask again for every id: the index no longer knows one of them."""
        with self._lock:
            self._ids.clear()

    def _created(self, request: pb.CreateAOIRequest) -> str:
        try:
            return self._wire.call("CreateAOI", request, pb.CreateAOIResponse).id
        except Declined as refusal:
            if refusal.code is not StatusCode.ALREADY_EXISTS:
                raise
        # The loser of a race can be told an id that was never stored (83 of 660 losers
        # when measured). The winner has committed by now: a second answer is true.
        try:
            return self._wire.call("CreateAOI", request, pb.CreateAOIResponse).id
        except Declined as refusal:
            if refusal.code is not StatusCode.ALREADY_EXISTS:
                raise
            return refusal.resource.name


def normalised(footprint: BaseGeometry) -> shapely.MultiPolygon:
    """The footprint in normal form: what the Geocube stores, always the same way.

    Coordinates are 32-bit floats, shells counter-clockwise, rings start at their
    smallest vertex, holes and polygons are in order, nothing is repeated or empty.

    Args:
        footprint: polygons, EPSG:4326, longitude first.

    Raises:
        IndexRefused: no polygon is left, or a vertex is not on Earth.
    """
    rounded = shapely.transform(shapely.force_2d(footprint), _as_float32)
    parts = shapely.get_parts(rounded)
    polygons = [
        polygon
        for part in parts
        if isinstance(part, shapely.Polygon) and (polygon := _tidy(part))
    ]
    if not polygons or any(part.geom_type != "Polygon" for part in parts):
        raise IndexRefused(f"footprint {_short(footprint)}: expected polygons")
    area = shapely.MultiPolygon(polygons)
    if not (np.abs(shapely.get_coordinates(area)) <= _EARTH).all():
        raise IndexRefused(
            f"footprint {_short(footprint)}: expected longitudes in [-180, 180]"
            " and latitudes in [-90, 90]"
        )
    normal = shapely.orient_polygons(shapely.normalize(area))
    assert isinstance(normal, shapely.MultiPolygon)
    return normal


def aoi_hash(area: shapely.MultiPolygon) -> str:
    """What the Geocube tells AOIs apart by: SHA-1 of the little-endian 2-D WKB."""
    wkb = shapely.to_wkb(area, byte_order=1, output_dimension=2, include_srid=False)
    return hashlib.sha1(wkb, usedforsecurity=False).hexdigest()


def to_pb(area: shapely.MultiPolygon) -> pb.AOI:
    """The message for an area, ring by ring as it is."""
    return pb.AOI(
        polygons=[
            pb.Polygon(linearrings=[_ring(ring) for ring in _rings(polygon)])
            for polygon in area.geoms
        ]
    )


def _rings(polygon: shapely.Polygon) -> list[shapely.LinearRing]:
    return [polygon.exterior, *polygon.interiors]


def _ring(ring: shapely.LinearRing) -> pb.LinearRing:
    return pb.LinearRing(points=[pb.Coord(lon=x, lat=y) for x, y in ring.coords])


def around(places: BaseGeometry) -> pb.AOI | None:
    """A simple area that holds these places, to ask with; None: they are none.

    Larger by more than what is lost in 32-bit floats.
    """
    hull = shapely.convex_hull(places).buffer(_MARGIN_DEG, quad_segs=1)
    hull = hull.intersection(shapely.box(-_EARTH[0], -_EARTH[1], *_EARTH))
    try:
        return to_pb(normalised(hull))
    except IndexRefused:
        return None


def _as_float32(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    # Adding zero turns -0.0 into 0.0: the same place, but other bytes.
    return coordinates.astype(np.float32).astype(np.float64) + 0.0


def _tidy(polygon: shapely.Polygon) -> shapely.Polygon | None:
    """The polygon without repeated vertices and collapsed rings; None: it collapsed."""
    shell, *holes = (_without_repeats(ring) for ring in _rings(polygon))
    if len(shell) < _SMALLEST_RING:
        return None
    return shapely.Polygon(
        shell, [hole for hole in holes if len(hole) >= _SMALLEST_RING]
    )


def _without_repeats(ring: shapely.LinearRing) -> NDArray[np.float64]:
    vertices = shapely.get_coordinates(ring)
    moves = np.any(vertices[1:] != vertices[:-1], axis=1)
    return vertices[np.concatenate(([True], moves))] if len(vertices) else vertices


def _short(footprint: BaseGeometry) -> str:
    return footprint.wkt if len(footprint.wkt) < 80 else footprint.wkt[:80] + "…"
