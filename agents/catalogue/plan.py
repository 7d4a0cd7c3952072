# SPDX-License-Identifier: Apache-2.0
"""From scenes to tasks: the facts that create them. Pure; links are the fold's."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from agents.catalogue.cells import NONE, grid_of
from agents.catalogue.inventory import Inventory
from agents.catalogue.sensor import Sensor
from agents.worker.templates import filled
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
from streams.orders import IngestionRequest
from streams.tags import record_tags


def settings_of(
    request: IngestionRequest, instances: Mapping[str, str], alarm_after: int = 3
) -> Settings:
    """What the request wants done with each of its scenes."""
    return Settings(
        scene_graph=request.scene_graph,
        tile_graph=request.tile_graph,
        graph_config=request.graph_config,
        instances=dict(instances),
        layers=tuple(request.layers),
        storage_uri=request.storage_uri,
        retriable=request.retriable,
        retry_count=request.retry_count,
        alarm_after=alarm_after,
    )


def linked(request: IngestionRequest, scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The scenes, each with a link to its product if the request tells where it lies.

    A single URL of annotations is one of whole products, of any sensor.

    Raises:
        InvalidRequest: the URL asks for what is not known of a scene.
    """
    template = request.annotations_urls[0] if request.annotations_urls else ""
    if len(request.annotations_urls) != 1 or "{SCENE}" not in template:
        return tuple(scenes)
    return tuple(
        replace(
            scene,
            metadata={
                "download_link": filled(template, scene, request.name),
                **scene.metadata,
            },
        )
        for scene in scenes
    )


def tagged(scenes: Sequence[Scene], asked: Mapping[str, str]) -> tuple[Scene, ...]:
    """The scenes with the complete tags of their records."""
    return tuple(replace(scene, tags=record_tags(scene, asked)) for scene in scenes)


def plan(
    request: IngestionRequest,
    settings: Settings,
    inventory: Inventory,
    sensor: Sensor,
) -> list[Event]:
    """Every fact that a request leads to: accepted, its tasks, listed.

    A scene's task comes before those of its tiles; scenes in order of date.
    """
    grid = grid_of(request, sensor)

    def cell(scene: Scene, part: Part) -> str:
        if grid == NONE:
            return ""
        told = inventory.cells.get((scene.name, part.tile))
        return sensor.cell(scene, part, grid) if told is None else told

    tasks = [
        event for scene in inventory.scenes for event in _tasks_of(request, scene, cell)
    ]
    tiles = sum(event.kind is Kind.PROCESS for event in tasks)
    accepted = IngestionAccepted(
        area=request.name,
        ingestion=request.request,
        settings=settings,
        geometry=request.geometry,
        start_time=request.start_time,
        end_time=request.end_time,
        by=request.by,
        limit_downloads=request.limit_downloads,
        limit_processes=request.limit_processes,
        priority=request.priority,
    )
    listed = IngestionListed(
        area=request.name,
        ingestion=request.request,
        scenes=len(inventory.scenes),
        tiles=tiles,
        left_out=inventory.left_out,
        searched=inventory.searched,
    )
    return [accepted, *tasks, listed]


def _tasks_of(
    request: IngestionRequest, scene: Scene, cell: Callable[[Scene, Part], str]
) -> list[TaskCreated]:
    download = TaskCreated(
        area=request.name,
        task=download_task(request.name, scene.name),
        kind=Kind.DOWNLOAD,
        ingestion=request.request,
        scene=scene,
    )
    processes = [
        TaskCreated(
            area=request.name,
            task=process_task(request.name, scene.name, part.tile),
            kind=Kind.PROCESS,
            ingestion=request.request,
            tile=Tile(
                name=part.tile,
                scene=scene.name,
                date=scene.date,
                cell=cell(scene, part),
                swath=part.swath,
                number=part.number,
                footprint=part.footprint,
                anx_time=part.anx_time,
            ),
        )
        for part in scene.parts
    ]
    return [download, *processes]
