# SPDX-License-Identifier: Apache-2.0
"""Areas of interest: one for each way to write a geometry."""

from collections.abc import Iterable
from typing import Any

import shapely

from infra.geocube import aoi as areas
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.answers import exists, invalid, not_found, unknown
from infra.geocube.standin.database import Database
from infra.geocube.standin.grammar import new_id, parsed_id

_SMALLEST_RING = 4


def create(database: Database, request: pb.CreateAOIRequest) -> pb.CreateAOIResponse:
    """The id of a new AOI; of one that is there, ALREADY_EXISTS gives the id."""
    area = geometry(request.aoi)
    if area.is_empty:
        raise invalid("AOI must not be empty")
    hash, bounds = areas.aoi_hash(area), box(area)
    with database.transaction() as transaction:
        made = transaction.row(
            "create_aoi", id=new_id(), hash=hash, wkb=area.wkb, **bounds
        )
        if made is None:
            # Who was faster has committed: the insert has waited for it.
            (known,) = transaction.rows("aoi_of_hash", hash=hash)
            raise exists("AOI", "id", known["id"])
    return pb.CreateAOIResponse(id=made["id"])


def get(database: Database, request: pb.GetAOIRequest) -> pb.GetAOIResponse:
    """An AOI by its id."""
    id = parsed_id(request.id, "AOI.uuid")
    with database.transaction() as transaction:
        found = transaction.row("aoi", id=id)
    if found is None:
        raise not_found("AOI", "id", id)
    return pb.GetAOIResponse(aoi=message(found["wkb"]))


def geometry(message: pb.AOI) -> shapely.MultiPolygon:
    """The area of a message, ring by ring as it is, without its empty polygons.

    Raises:
        Refusal: a vertex is not on Earth, a ring is not closed.
    """
    polygons = [
        [[(point.lon, point.lat) for point in ring.points] for ring in one.linearrings]
        for one in message.polygons
    ]
    polygons = [rings for rings in polygons if any(rings)]
    for ring in (ring for rings in polygons for ring in rings):
        _check_on_earth(ring)
    for ring in (ring for rings in polygons for ring in rings):
        if len(ring) < _SMALLEST_RING or ring[0] != ring[-1]:
            raise unknown("geometry contains non-closed rings", "XX000")
    return shapely.MultiPolygon([(shell, holes) for shell, *holes in polygons])


def _check_on_earth(ring: Iterable[tuple[float, float]]) -> None:
    for longitude, latitude in ring:
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            raise invalid(
                "Coordinates must be geographic (lon in [-180,180], lat in [-90,90])"
            )


def message(wkb: bytes) -> pb.AOI:
    """The message of a stored geometry."""
    area = shapely.from_wkb(wkb)
    assert isinstance(area, shapely.MultiPolygon)
    return areas.to_pb(area)


def box(area: shapely.MultiPolygon | None) -> dict[str, Any]:
    """Parameters for the bounds of an area; None: no bounds."""
    bounds = (None,) * 4 if area is None else area.bounds
    return dict(zip(("west", "south", "east", "north"), bounds, strict=True))
