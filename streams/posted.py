# SPDX-License-Identifier: Apache-2.0
"""A scenes document as users post it back, edited or not: read, and held to its rules.

It is read from the `properties` of its features alone; their geometry is for maps. The
members may be spelled as the Go ingester spells them now or did in 2022. A member that
is text and should be an object is read as JSON: some map programs save it so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import shapely
from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from streams.errors import InvalidRequest
from streams.model import LeftOut, Part, Scene
from streams.orders import IngestionRequest

_SUBJECT = "scenes document"

# What the Go ingester told of its own state in 2022.
_IGNORED = frozenset({"Ingested", "OwnRecord", "ProductName"})

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


def _from_text(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


_Object = BeforeValidator(_from_text)
_Time = Annotated[AwareDatetime, Field(strict=False)]
_Name = Annotated[str, Field(pattern=r"^[^/!@]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Mapped(_Strict):
    swath_id: str = ""
    tile_nr: int = Field(default=0, ge=0)


class _TileData(_Mapped):
    graph_name: str = ""
    is_retriable: bool | None = None


class _Neighbour(_Strict):
    SourceID: _Name
    SceneID: _Name
    Date: _Time


class _Tile(_Strict):
    SourceID: _Name
    SceneID: str = ""
    Date: _Time | None = None
    id: int = Field(0, validation_alias=AliasChoices("id", "ID"))
    cell: str | None = Field(None, pattern=r"^[^/!@]*$")
    data: Annotated[_TileData, _Object] = Field(
        default_factory=lambda: _TileData(),
        validation_alias=AliasChoices("data", "Data"),
    )
    anx_time: int = Field(
        0, ge=0, lt=60_000, validation_alias=AliasChoices("anx_time", "AnxTime")
    )
    wkt: str = Field("", validation_alias=AliasChoices("wkt", "GeometryWKT"))
    previous: _Neighbour | None = Field(
        None, validation_alias=AliasChoices("previous", "Previous")
    )
    reference: _Neighbour | None = Field(
        None, validation_alias=AliasChoices("reference", "Reference")
    )
    Ingested: Any = None


class _SceneData(_Strict):
    date: _Time
    tiles: dict[_Name, _Mapped] | None = None
    graph_name: str = ""
    graph_config: dict[str, str] | None = None
    record_id: str = ""
    instances_id: dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    uuid: str = ""
    is_retriable: bool | None = None
    storage_uri: str = ""


class _Scene(_Strict):
    source_id: _Name
    aoi: str = ""
    id: int | None = None
    data: Annotated[_SceneData, _Object]
    tags: Annotated[dict[str, str] | None, _Object] = Field(
        None, validation_alias=AliasChoices("tags", "Tags")
    )
    tiles: Annotated[list[_Tile] | None, _Object] = Field(
        None, validation_alias=AliasChoices("tiles", "Tiles")
    )
    wkt: str = Field(validation_alias=AliasChoices("wkt", "GeometryWKT"))
    ProductName: Any = None
    Ingested: Any = None
    OwnRecord: Any = None


class _Feature(BaseModel):
    properties: _Scene


class _Collection(BaseModel):
    features: list[_Feature]


def read_document(text: str | bytes, request: IngestionRequest) -> Document:
    """The scenes of a document, for the request that they were posted with.

    Raises:
        InvalidRequest: with everything that is wrong, each beginning with its JSON path
            in the document. Nothing of it is to be used then.
    """
    scenes = [feature.properties for feature in _collection(text).features]
    paths = {s.source_id: f"$.features[{n}].properties" for n, s in enumerate(scenes)}
    problems = [*_problems(scenes, request)]
    if problems:
        raise InvalidRequest(_SUBJECT, _cut(problems))
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


def _collection(text: str | bytes) -> _Collection:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(_SUBJECT, [f"$: not JSON: {error}"]) from error
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise InvalidRequest(_SUBJECT, ["$.type: expected a FeatureCollection"])
    try:
        return _Collection.model_validate(document)
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors(include_url=False)]
        raise InvalidRequest(_SUBJECT, _cut(problems)) from error


def _problem(item: Mapping[str, Any]) -> str:
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in item["loc"])
    path = "$" + "".join(parts)
    match item["type"]:
        case "missing":
            return f"{path}: missing"
        case "extra_forbidden":
            known = ", ".join(_known(item["loc"]))
            return f"{path}: unknown member, expected one of {known}"
    return f"{path}: {item['msg']}, found {_short(item['input'])}"


def _known(location: Sequence[str | int]) -> list[str]:
    """Members that may stand beside the last of a location."""
    model: type[BaseModel] = _Scene
    for name in location[3:-1]:
        if name in ("previous", "Previous", "reference", "Reference"):
            model = _Neighbour
        elif name in ("tiles", "Tiles"):
            model = _Mapped if model is _SceneData else _Tile
        elif name in ("data", "Data"):
            model = _TileData if model is _Tile else _SceneData
    return sorted(name for name in model.model_fields if name not in _IGNORED)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _cut(problems: list[str]) -> list[str]:
    if len(problems) <= _SHOWN:
        return problems
    return [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more"]


# -- what the members must say together


def _problems(scenes: list[_Scene], request: IngestionRequest) -> Iterator[str]:
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


def _scene_problems(scene: _Scene, request: IngestionRequest) -> Iterator[str]:
    if scene.aoi not in ("", request.name):
        yield f".aoi: '{scene.aoi}', expected '{request.name}', the area's name"
    yield from _outline_problems(".wkt", scene.wkt)
    for key, value in (scene.tags or {}).items():
        if set("*?") & set(key + value):
            yield f".tags.{key}: '{value}', the index allows neither '*' nor '?'"
        asked = request.record_tags.get(key, value)
        if asked != value:
            yield f".tags.{key}: '{value}', expected '{asked}', as in record_tags"


def _alike(data: _SceneData, first: _SceneData) -> Iterator[str]:
    """One request does one thing with all of its scenes."""
    for name in ("graph_name", "graph_config", "is_retriable", "storage_uri"):
        ours, theirs = getattr(data, name), getattr(first, name)
        if ours != theirs:
            yield (
                f".{name}: {_short(ours)}, expected {_short(theirs)} as in features[0]:"
                " one request does the same with all scenes; post the others apart"
            )


def _tile_problems(scene: _Scene) -> Iterator[str]:
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
                f"{path}.data.is_retriable: {_short(tile.data.is_retriable)}, "
                f"expected {_short(retriable)}, as its scene"
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


def _graph_problems(scenes: list[_Scene]) -> Iterator[str]:
    first = None
    for number, scene in enumerate(scenes):
        for index, tile in enumerate(scene.tiles or ()):
            name = tile.data.graph_name
            first = name if first is None else first
            if name != first:
                path = f"$.features[{number}].properties.tiles[{index}].data.graph_name"
                yield f"{path}: '{name}', expected '{first}', as the first tile"


def _link_problems(scenes: list[_Scene]) -> Iterator[str]:
    cells = {
        (scene.source_id, tile.SourceID): tile.cell
        for scene in scenes
        for tile in scene.tiles or ()
    }
    for number, scene in enumerate(scenes):
        for index, tile in enumerate(scene.tiles or ()):
            path = f"$.features[{number}].properties.tiles[{index}]"
            for role in ("previous", "reference"):
                near: _Neighbour | None = getattr(tile, role)
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
        yield f"{path}: {_short(wkt)}, expected a POLYGON or MULTIPOLYGON"
        return
    west, south, east, north = geometry.bounds
    if geometry.is_empty or west < -360 or east > 360 or south < -90 or north > 90:
        yield (
            f"{path}: {_short(wkt)}, expected longitudes within ±180 (beyond, up to "
            "360, over the 180th meridian) and latitudes within ±90"
        )


# -- the values


def _scene(one: _Scene) -> Scene:
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


def _part(tile: _Tile, footprint: str) -> Part:
    outline = "" if tile.wkt == footprint else tile.wkt
    swath, number = tile.data.swath_id, tile.data.tile_nr
    return Part(tile.SourceID, swath, number, outline, tile.anx_time)


def _cells(scenes: list[_Scene]) -> dict[tuple[str, str], str]:
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
