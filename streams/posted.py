# SPDX-License-Identifier: Apache-2.0
"""A scenes document as users post it back, edited or not: read, and held to its rules.

It is read from the `properties` of its features alone; their geometry is for maps.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec.structs import replace

from streams.edits import problems_of
from streams.errors import InvalidRequest
from streams.members import MembersWrong, SceneMembers, TileMembers, read_members
from streams.model import LeftOut, Part, Scene
from streams.orders import IngestionRequest

_SUBJECT = "scenes document"

# More would only hide the first ones.
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Document:
    """The scenes of a document, and what it says of all of them."""

    scenes: tuple[Scene, ...]
    """In order of date; without constellation; without parts in a list of scenes."""
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    """Place of a tile in its chain, by scene and tile, where the document tells it."""
    has_tiles: bool = False
    left_out: tuple[LeftOut, ...] = ()
    paths: dict[str, str] = field(default_factory=dict)
    """JSON path of each scene, by name."""
    scene_graph: str = ""
    """Empty, as the others: what the request says."""
    tile_graph: str = ""
    graph_config: dict[str, str] | None = None
    storage_uri: str = ""
    retriable: bool | None = None

    def over(self, request: IngestionRequest) -> IngestionRequest:
        """The request with what its document says instead."""
        config, retriable = self.graph_config, self.retriable
        return replace(
            request,
            scene_graph=self.scene_graph or request.scene_graph,
            tile_graph=self.tile_graph or request.tile_graph,
            graph_config=request.graph_config if config is None else config,
            storage_uri=self.storage_uri or request.storage_uri,
            retriable=request.retriable if retriable is None else retriable,
        )


def read_document(text: str | bytes, request: IngestionRequest) -> Document:
    """The scenes of a document, for the request that they were posted with.

    Raises:
        InvalidRequest: with everything that is wrong, each beginning with its JSON path
            in the document. Nothing of it is to be used then.
    """
    try:
        scenes = read_members(text)
    except MembersWrong as wrong:
        raise InvalidRequest(_SUBJECT, _cut(wrong.problems)) from wrong
    if problems := [*problems_of(scenes, request)]:
        raise InvalidRequest(_SUBJECT, _cut(problems))
    paths = {s.source_id: f"$.features[{n}].properties" for n, s in enumerate(scenes)}
    has_tiles = any(scene.tiles is not None for scene in scenes)
    left_out: list[LeftOut] = []
    if has_tiles:
        bare = [scene.source_id for scene in scenes if not scene.tiles]
        left_out = [LeftOut(name, "no tile in the document") for name in bare]
        scenes = [scene for scene in scenes if scene.tiles]
    found = sorted((_scene(one) for one in scenes), key=lambda s: (s.date, s.name))
    first = scenes[0].data if scenes else None
    tile = next((tile for scene in scenes for tile in scene.tiles or ()), None)
    return Document(
        tuple(found),
        _cells(scenes),
        has_tiles,
        tuple(left_out),
        paths,
        scene_graph=first.graph_name if first else "",
        tile_graph=tile.data.graph_name if tile else "",
        graph_config=first.graph_config if first else None,
        storage_uri=first.storage_uri if first else "",
        retriable=first.is_retriable if first else None,
    )


def _cut(problems: Sequence[str]) -> list[str]:
    if len(problems) <= _SHOWN:
        return [*problems]
    return [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more"]


def _scene(one: SceneMembers) -> Scene:
    data = one.data
    metadata = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in (data.metadata or {}).items()
    }
    if data.uuid:
        metadata.setdefault("uuid", data.uuid)
    return Scene(
        one.source_id,
        "",
        _utc(data.date),
        one.wkt,
        tuple(_part(tile, one.wkt) for tile in one.tiles or ()),
        {},
        metadata,
        one.tags or {},
        data.record_id,
    )


def _part(tile: TileMembers, footprint: str) -> Part:
    outline = "" if tile.wkt == footprint else tile.wkt
    swath, number = tile.data.swath_id, tile.data.tile_nr
    return Part(tile.SourceID, swath, number, outline, tile.anx_time)


def _cells(scenes: list[SceneMembers]) -> dict[tuple[str, str], str]:
    """The cell that a tile names, else that of the tile it follows, else its own name.

    A tile that is its whole scene and names none is left to the sensor.
    """
    found: dict[tuple[str, str], str] = {}
    for scene in sorted(scenes, key=lambda scene: scene.data.date):
        for tile in scene.tiles or ():
            key = (scene.source_id, tile.SourceID)
            if tile.cell is not None:
                found[key] = tile.cell
            elif tile.previous is not None:
                near = (tile.previous.SceneID, tile.previous.SourceID)
                found[key] = found.get(near, tile.previous.SourceID)
            elif tile.data.swath_id:
                found[key] = tile.SourceID
    return found


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
