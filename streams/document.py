# SPDX-License-Identifier: Apache-2.0
"""Scenes and tiles as one GeoJSON document, in the members of the Go ingester. Pure.

Every scene is a feature: its `properties` hold the scene (`streams.posted` reads them
back), its geometry shows the footprint and the outlines of the tiles on a map.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from streams.chains import Chain, Member, inserted, links
from streams.meridian import is_odd, on_earth
from streams.model import Scene, Settings, Tile, process_task

Neighbours = tuple[Member | None, Member | None]
"""Previous and reference of a tile."""

_ALONE: Neighbours = (None, None)


@dataclass(frozen=True, slots=True)
class Listed:
    """A scene, and the tiles that are planned of it; none in a list of scenes."""

    scene: Scene
    tiles: tuple[Tile, ...] = ()


def scenes_document(
    area: str,
    settings: Settings,
    listed: Sequence[Listed],
    neighbours: Mapping[str, Neighbours] | None = None,
    properties: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The document of an area's scenes.

    Args:
        area: its name.
        settings: what is done with all of them.
        listed: in the order wanted.
        neighbours: of the tiles, by task; see `linked`.
        properties: of the whole collection.
    """
    document: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": number,
                "geometry": _geometry(one),
                "properties": _scene(area, settings, one, neighbours or {}),
            }
            for number, one in enumerate(listed)
        ],
    }
    if properties:
        document["properties"] = dict(properties)
    return document


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document's JSON text."""
    return msgspec.json.encode(document)


def linked(
    area: str, tiles: Iterable[Tile], known: Mapping[str, Chain] | None = None
) -> dict[str, Neighbours]:
    """What the tiles would be linked to, by task, as the fold would do it now.

    Args:
        area: their area.
        tiles: all that are planned.
        known: chains of the area as they stand, by cell.
    """
    chains = dict(known or {})
    placed = [(tile.cell, _member(area, tile)) for tile in tiles if tile.cell]
    for cell, member in placed:
        chains[cell] = inserted(chains.get(cell, Chain()), member)
    dates = {task: date for chain in chains.values() for date, task in chain.members}
    found: dict[str, Neighbours] = {}
    for cell, member in placed:
        near = links(chains[cell], member)
        found[member[1]] = (
            (dates[near.previous], near.previous) if near.previous else None,
            (dates[near.reference], near.reference) if near.reference else None,
        )
    return found


def instant(time: datetime) -> str:
    """RFC 3339 in UTC with `Z`, without zeros at the end of the second."""
    text = time.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def _member(area: str, tile: Tile) -> Member:
    return tile.date, process_task(area, tile.scene, tile.name)


def _scene(
    area: str, settings: Settings, one: Listed, neighbours: Mapping[str, Neighbours]
) -> dict[str, Any]:
    scene = one.scene
    members: dict[str, Any] = {
        "aoi": area,
        "data": scene_data(
            one.scene, settings, {t.name: (t.swath, t.number) for t in one.tiles}
        ),
        "id": 0,
        "source_id": scene.name,
        "tags": dict(sorted(scene.tags.items())),
    }
    if one.tiles:
        members["tiles"] = [
            _tile(settings, tile, scene.footprint, neighbours, area)
            for tile in one.tiles
        ]
    return dict(sorted(members.items())) | {"wkt": scene.footprint}


def scene_data(
    scene: Scene, settings: Settings, tiles: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    """The `data` of a scene.

    Args:
        scene: what the catalogue knows of it.
        settings: what is wanted of it.
        tiles: sub-swath and number of each tile, by name.
    """
    data: dict[str, Any] = {"date": instant(scene.date)}
    if tiles:
        data["tiles"] = {
            name: {"swath_id": swath, "tile_nr": number}
            for name, (swath, number) in tiles.items()
        }
    data |= {
        "graph_name": settings.scene_graph,
        "graph_config": settings.graph_config or None,
        "record_id": scene.record,
    }
    if settings.instances:
        data["instances_id"] = settings.instances
    return data | {
        "metadata": scene.metadata or None,
        "is_retriable": settings.retriable,
        "storage_uri": settings.storage_uri,
    }


def _tile(
    settings: Settings,
    tile: Tile,
    footprint: str,
    neighbours: Mapping[str, Neighbours],
    area: str,
) -> dict[str, Any]:
    task = process_task(area, tile.scene, tile.name)
    previous, reference = neighbours.get(task, _ALONE)
    return {
        "SourceID": tile.name,
        "SceneID": tile.scene,
        "Date": instant(tile.date),
        "id": 0,
        "cell": tile.cell,
        "data": {
            "swath_id": tile.swath,
            "tile_nr": tile.number,
            "graph_name": settings.tile_graph,
            "is_retriable": settings.retriable,
        },
        "anx_time": tile.anx_time,
        "wkt": tile.footprint or footprint,
        "previous": _neighbour(previous),
        "reference": _neighbour(reference),
    }


def _neighbour(member: Member | None) -> dict[str, Any] | None:
    if member is None:
        return None
    date, task = member
    _, scene, tile = task.split("/")
    return {"SourceID": tile, "SceneID": scene, "Date": instant(date)}


def _geometry(one: Listed) -> dict[str, Any] | None:
    """Footprint, then the tiles that are parts of it.

    A tile that is the whole scene is not drawn: two equal polygons of one geometry make
    a hole of it on a map.
    """
    footprint = outline(one.scene.footprint)
    if footprint is None:
        return None
    parts = [outline(tile.footprint) for tile in one.tiles if tile.footprint]
    polygons = [footprint, *(part for part in parts if part is not None)]
    if len(polygons) > 1 and all(p.geom_type == "Polygon" for p in polygons):
        coordinates = [shapely.geometry.mapping(p)["coordinates"] for p in polygons]
        return {"type": "MultiPolygon", "coordinates": coordinates}
    geometry: dict[str, Any] = shapely.geometry.mapping(footprint)
    return geometry


def outline(wkt: str) -> BaseGeometry | None:
    """The geometry of a footprint, a single polygon as Polygon; None: it has none.

    One that crosses the 180th meridian is cut there, as GeoJSON wants it.
    """
    geometry = shapely.from_wkt(wkt, on_invalid="ignore") if wkt else None
    if geometry is None or geometry.is_empty:
        return None
    if is_odd(geometry):
        geometry = on_earth(geometry, mend=True)
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else geometry
