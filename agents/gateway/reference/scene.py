# SPDX-License-Identifier: Apache-2.0
"""A scene as the Go ingester's clients post it, as facts of our log. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from streams.envelope import Envelope
from streams.events import Event, IngestionAccepted, IngestionListed, TaskCreated
from streams.model import (
    Kind,
    Part,
    Scene,
    Settings,
    Tile,
    download_task,
    process_task,
)
from streams.payload import MOST_RETRIES
from streams.table import ProcessRow
from streams.texts import refuse_nul

NOWHERE = '{"type": "GeometryCollection", "geometries": []}'
"""Geometry of an area that was made scene by scene."""

_CONSTELLATIONS = {
    "sentinel1": re.compile(r"S1"),
    "sentinel2": re.compile(r"S2"),
    "phr": re.compile(r"DS_PHR"),
    "spot": re.compile(r"DS_SPOT"),
    "landsat": re.compile(r"L[OTC]0[89]"),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Name = Annotated[str, Field(pattern=r"^[^/!@]+$", max_length=300)]
"""Of a scene or a tile."""


class Mapped(_Strict):
    """Where a tile lies in its product."""

    swath_id: str = ""
    tile_nr: Annotated[int, Field(ge=0, le=100_000)] = 0


class TileData(Mapped):
    """`data` of a tile."""

    graph_name: str = ""
    is_retriable: bool = False


class SceneData(_Strict):
    """`data` of a scene."""

    date: Annotated[AwareDatetime, Field(strict=False)]
    tiles: dict[str, Mapped] = {}
    graph_name: str = ""
    graph_config: dict[str, str] | None = None
    record_id: str = ""
    instances_id: dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    is_retriable: bool = False
    storage_uri: str = ""


class TileToIngest(_Strict):
    """A tile with the neighbours that it is linked to; empty: none."""

    previous_tile_id: str = ""
    previous_scene_id: str = ""
    reference_tile_id: str = ""
    reference_scene_id: str = ""
    data: TileData = TileData()


class SceneToIngest(_Strict):
    """Body of the request."""

    id: int = 0
    source_id: Name
    aoi: str = ""
    data: SceneData
    tiles: dict[Name, TileToIngest]
    retry_count: int = Field(0, ge=0, le=MOST_RETRIES)

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        return refuse_nul(value)

    def neighbours(self, area: str) -> dict[str, str]:
        """Tile → task of the tile that it follows; those that follow none are out."""
        return {
            name: process_task(area, tile.previous_scene_id, tile.previous_tile_id)
            for name, tile in self.tiles.items()
            if tile.previous_scene_id or tile.previous_tile_id
        }


def read_scene(area: str, body: bytes) -> tuple[SceneToIngest, list[str]]:
    """The scene of a body, and what is wrong with it.

    Raises:
        ValueError: it is not JSON of that shape; the text says where.
    """
    try:
        scene = SceneToIngest.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
            for item in error.errors(include_url=False)
        ]
        raise ValueError("; ".join(problems)) from error
    return scene, [*_problems(area, scene)]


def _problems(area: str, scene: SceneToIngest) -> list[str]:
    found = []
    if scene.id:
        found.append("id: expected none, ids are given here")
    if scene.aoi not in ("", area):
        found.append(f"aoi: '{scene.aoi}', expected '{area}'")
    if not scene.tiles:
        found.append("tiles: empty, expected one at least")
    if set(scene.tiles) != set(scene.data.tiles):
        found.append("tiles and data.tiles: expected the same tiles")
    if len({tile.data.graph_name for tile in scene.tiles.values()}) > 1:
        found.append("tiles: expected the same graph_name for all")
    if any(
        t.data.is_retriable != scene.data.is_retriable for t in scene.tiles.values()
    ):
        found.append("is_retriable: expected the same for the scene and its tiles")
    for name, tile in scene.tiles.items():
        found += [f"tiles.{name}: {problem}" for problem in _links_problems(tile)]
    return found


def _links_problems(tile: TileToIngest) -> list[str]:
    found = []
    for role in ("previous", "reference"):
        pair = (getattr(tile, f"{role}_tile_id"), getattr(tile, f"{role}_scene_id"))
        if any(pair) and not all(pair):
            found.append(f"{role}: expected tile and scene, or neither")
    if bool(tile.previous_tile_id) != bool(tile.reference_tile_id):
        found.append("expected previous and reference, or neither")
    return found


def cells(
    scene: SceneToIngest, area: str, rows: Mapping[str, ProcessRow]
) -> tuple[dict[str, str], list[str]]:
    """The chain of each tile, and what is wrong with its neighbours.

    A tile takes the place of the tile that it names as previous; one that names none
    begins a chain of its own name, which later scenes may continue.
    """
    found, problems = {}, []
    followed = scene.neighbours(area)
    for name in scene.tiles:
        if name not in followed:
            found[name] = name
            continue
        row = rows.get(followed[name])
        if row is None:
            problems.append(f"tiles.{name}: no tile '{followed[name]}' to follow")
        elif not row.tile.cell:
            problems.append(f"tiles.{name}: '{followed[name]}' is in no chain")
        elif row.tile.date >= scene.data.date.astimezone(UTC):
            problems.append(f"tiles.{name}: '{followed[name]}' is not older")
        else:
            found[name] = row.tile.cell
    return found, problems


def scene_facts(
    scene: SceneToIngest,
    area: str,
    cells: Mapping[str, str],
    by: str,
    at: datetime,
    limits: tuple[int, int],
    alarm_after: int,
) -> list[Envelope[Event]]:
    """The facts of a request for this scene alone; the same ids for the same scene."""
    date = scene.data.date.astimezone(UTC)
    ingestion = ingestion_of(area, scene.source_id)
    tiles = [
        Tile(name, scene.source_id, date, cells[name], t.data.swath_id, t.data.tile_nr)
        for name, t in scene.tiles.items()
    ]
    settings = _settings(scene, alarm_after)
    events: list[Event] = [
        IngestionAccepted(area, ingestion, settings, NOWHERE, date, date, by, *limits),
        TaskCreated(
            area,
            download_task(area, scene.source_id),
            Kind.DOWNLOAD,
            ingestion,
            scene=_scene(scene, date),
        ),
        *[
            TaskCreated(
                area,
                process_task(area, scene.source_id, tile.name),
                Kind.PROCESS,
                ingestion,
                tile=tile,
            )
            for tile in tiles
        ],
        IngestionListed(area, ingestion, 1, len(tiles)),
    ]
    return in_envelopes(events, ingestion, at)


def area_facts(area: str, by: str, at: datetime) -> list[Envelope[Event]]:
    """The facts of a request for nothing: the area is there, and empty."""
    ingestion = ingestion_of(area, "")
    events: list[Event] = [
        IngestionAccepted(area, ingestion, Settings("", ""), NOWHERE, at, at, by),
        IngestionListed(area, ingestion, 0, 0),
    ]
    return in_envelopes(events, ingestion, at)


def ingestion_of(area: str, scene: str) -> str:
    """Id of the request for one scene of an area; empty: for the area itself."""
    return "posted-" + hashlib.sha256(f"{area}/{scene}".encode()).hexdigest()[:32]


def in_envelopes(
    events: list[Event], ingestion: str, at: datetime
) -> list[Envelope[Event]]:
    """Facts that the gateway tells in a request's name."""
    return [
        Envelope(
            event,
            id=f"{ingestion}/{number}",
            time=at,
            source="/agents/gateway",
            subject=getattr(event, "task", "") or event.area,
            correlation=ingestion,
        )
        for number, event in enumerate(events)
    ]


def _settings(scene: SceneToIngest, alarm_after: int) -> Settings:
    data = scene.data
    return Settings(
        scene_graph=data.graph_name,
        tile_graph=next(iter(scene.tiles.values())).data.graph_name,
        graph_config=data.graph_config or {},
        instances=data.instances_id or {},
        storage_uri=data.storage_uri,
        retriable=data.is_retriable,
        retry_count=scene.retry_count,
        alarm_after=alarm_after,
    )


def _scene(scene: SceneToIngest, date: datetime) -> Scene:
    data = scene.data
    metadata = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in (data.metadata or {}).items()
    }
    return Scene(
        scene.source_id,
        _constellation(scene.source_id),
        date,
        parts=tuple(
            Part(name, tile.swath_id, tile.tile_nr) for name, tile in data.tiles.items()
        ),
        metadata=metadata,
        record=data.record_id,
    )


def _constellation(product: str) -> str:
    """By the product's name; empty when it says nothing."""
    found = (n for n, form in _CONSTELLATIONS.items() if form.match(product))
    return next(found, "")
