# SPDX-License-Identifier: Apache-2.0
"""What the members of a posted document must say together. Pure."""

from collections.abc import Iterator

import shapely

from streams.members import Neighbour, SceneData, SceneMembers, short
from streams.orders import IngestionRequest
from streams.payload import STORAGE_ROOT


def problems_of(scenes: list[SceneMembers], request: IngestionRequest) -> Iterator[str]:
    """What is wrong between the members of scenes, and with their request.

    Each begins with its JSON path, and says the value and what is expected.
    """
    seen: dict[str, int] = {}
    first = scenes[0] if scenes else None
    with_tiles = any(scene.tiles is not None for scene in scenes)
    for number, scene in enumerate(scenes):
        path = f"$.features[{number}].properties"
        if scene.source_id in seen:
            other = f"features[{seen[scene.source_id]}]"
            yield f"{path}.source_id: '{scene.source_id}' stands in {other} already"
        seen.setdefault(scene.source_id, number)
        yield from (f"{path}{p}" for p in _scene_problems(scene, request))
        assert first is not None
        yield from (f"{path}.data{p}" for p in _alike(scene.data, first.data))
        if with_tiles:
            yield from (f"{path}{p}" for p in _tile_problems(scene))
    yield from _graph_problems(scenes)
    yield from _link_problems(scenes)


def _scene_problems(scene: SceneMembers, request: IngestionRequest) -> Iterator[str]:
    if scene.aoi not in ("", request.name):
        yield f".aoi: '{scene.aoi}', expected '{request.name}', the area's name"
    yield from _outline_problems(".wkt", scene.wkt)
    root = scene.data.storage_uri
    if root and not STORAGE_ROOT.fullmatch(root):
        forms = "s3://bucket/prefix, file:///path or /path"
        yield f".data.storage_uri: '{root}', expected {forms}"
    for key, value in (scene.tags or {}).items():
        if set("*?") & set(key + value):
            yield f".tags.{key}: '{value}', the index allows neither '*' nor '?'"
        asked = request.record_tags.get(key, value)
        if asked != value:
            yield f".tags.{key}: '{value}', expected '{asked}', as in record_tags"


def _alike(data: SceneData, first: SceneData) -> Iterator[str]:
    """One request does one thing with all of its scenes."""
    for name in ("graph_name", "graph_config", "is_retriable", "storage_uri"):
        ours, theirs = getattr(data, name), getattr(first, name)
        if ours != theirs:
            yield (
                f".{name}: {short(ours)}, expected {short(theirs)} as in features[0]:"
                " one request does the same with all scenes; post the others apart"
            )


def _tile_problems(scene: SceneMembers) -> Iterator[str]:
    names: set[str] = set()
    mapped = scene.data.tiles
    for number, tile in enumerate(scene.tiles or ()):
        path = f".tiles[{number}]"
        if tile.SourceID in names:
            yield f"{path}.SourceID: '{tile.SourceID}' stands twice in its scene"
        names.add(tile.SourceID)
        if tile.SceneID not in ("", scene.source_id):
            yield f"{path}.SceneID: '{tile.SceneID}', expected '{scene.source_id}'"
        if tile.Date not in (None, scene.data.date):
            day = scene.data.date.isoformat()
            yield f"{path}.Date: '{tile.Date}', expected '{day}', its scene's"
        if tile.wkt and tile.wkt != scene.wkt:
            yield from _outline_problems(f"{path}.wkt", tile.wkt)
        retriable = scene.data.is_retriable
        if tile.data.is_retriable not in (None, retriable) and retriable is not None:
            yield (
                f"{path}.data.is_retriable: {short(tile.data.is_retriable)}, "
                f"expected {short(retriable)}, as its scene"
            )
        where = (mapped or {}).get(tile.SourceID)
        if where and (where.swath_id, where.tile_nr) != (
            tile.data.swath_id,
            tile.data.tile_nr,
        ):
            yield (
                f"{path}.data: swath '{tile.data.swath_id}' and number "
                f"{tile.data.tile_nr}, expected '{where.swath_id}' and "
                f"{where.tile_nr}, as in data.tiles"
            )
    if mapped and scene.tiles and (wrong := set(mapped) ^ names):
        one = min(wrong)
        here, there = (
            ("tiles", "data.tiles") if one in names else ("data.tiles", "tiles")
        )
        yield f".{here}: '{one}' is not in {there}; expected the same tiles in both"


def _graph_problems(scenes: list[SceneMembers]) -> Iterator[str]:
    first = None
    for number, scene in enumerate(scenes):
        for index, tile in enumerate(scene.tiles or ()):
            name = tile.data.graph_name
            first = name if first is None else first
            if name != first:
                path = f"$.features[{number}].properties.tiles[{index}].data.graph_name"
                yield f"{path}: '{name}', expected '{first}', as the first tile"


def _link_problems(scenes: list[SceneMembers]) -> Iterator[str]:
    cells = {
        (scene.source_id, tile.SourceID): tile.cell
        for scene in scenes
        for tile in scene.tiles or ()
    }
    for number, scene in enumerate(scenes):
        for index, tile in enumerate(scene.tiles or ()):
            path = f"$.features[{number}].properties.tiles[{index}]"
            for role in ("previous", "reference"):
                near: Neighbour | None = getattr(tile, role)
                if near is None:
                    continue
                other = cells.get((near.SceneID, near.SourceID))
                # Within a cell that is told, the links are the workflow's business.
                follows = role == "previous" and tile.cell is None
                itself = near.SceneID == scene.source_id
                if itself or (follows and near.Date >= scene.data.date):
                    yield (
                        f"{path}.{role}: '{near.SceneID}' of {near.Date.isoformat()}, "
                        "expected a tile of an earlier scene"
                    )
                elif other is not None and tile.cell is not None and other != tile.cell:
                    yield (
                        f"{path}.{role}: a tile of the cell '{other}', expected one of "
                        f"'{tile.cell}': tiles are linked within their cell"
                    )


def _outline_problems(path: str, wkt: str) -> Iterator[str]:
    geometry = shapely.from_wkt(wkt, on_invalid="ignore")
    if geometry is None or geometry.geom_type not in ("Polygon", "MultiPolygon"):
        yield f"{path}: {short(wkt)}, expected a POLYGON or MULTIPOLYGON"
        return
    west, south, east, north = geometry.bounds
    if geometry.is_empty or west < -360 or east > 360 or south < -90 or north > 90:
        yield (
            f"{path}: {short(wkt)}, expected longitudes within ±180 (beyond, up to "
            "360, over the 180th meridian) and latitudes within ±90"
        )
