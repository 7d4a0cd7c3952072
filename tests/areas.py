# SPDX-License-Identifier: Apache-2.0
"""Areas made up for runs on real servers: their facts, without a catalogue."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from streams.codec import pack
from streams.envelope import Envelope, Record
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
from streams.payload import read_payload
from streams.topics import REQUESTS, TASKS, key_of

ORIGIN = datetime(2023, 1, 1, tzinfo=UTC)

SQUARE = {"type": "Polygon", "coordinates": [[[9, 55], [10, 55], [10, 56], [9, 55]]]}


def an_area(
    name: str,
    scenes: int,
    *,
    cells: int = 4,
    footprint: str = "",
    scene_graph: str = "Pass",
    tile_graph: str = "Pass",
    **metadata: str,
) -> list[Record]:
    """The facts of an ingestion: scenes of one tile each, in chains of `cells`.

    `metadata` is what the catalogue said of each scene.
    """
    settings = Settings(scene_graph, tile_graph)
    end = ORIGIN + timedelta(days=scenes)
    tasks = [
        event
        for number in range(scenes)
        for event in _tasks_of(name, number, f"c{number % cells}", footprint, metadata)
    ]
    return facts(
        [
            IngestionAccepted(name, "i1", settings, "{}", ORIGIN, end, "tests"),
            *tasks,
            IngestionListed(name, "i1", scenes, scenes),
        ]
    )


def _tasks_of(
    area: str, number: int, cell: str, footprint: str, metadata: dict[str, str]
) -> list[Event]:
    name, tile = f"s{number:03}", f"t{number:03}"
    date = ORIGIN + timedelta(days=number)
    scene = Scene(name, "landsat", date, footprint, (Part(tile),), metadata=metadata)
    process = process_task(area, name, tile)
    return [
        TaskCreated(area, download_task(area, name), Kind.DOWNLOAD, "i1", scene=scene),
        TaskCreated(
            area, process, Kind.PROCESS, "i1", tile=Tile(tile, name, date, cell)
        ),
    ]


def facts(events: Sequence[Event]) -> list[Record]:
    """Facts as records of the log."""
    return [a_record(TASKS.name, event) for event in events]


def a_record(topic: str, message: Any) -> Record:
    """A message as a record of a topic, told by nobody in particular."""
    envelope = Envelope(message, uuid4().hex, datetime.now(UTC), "/tests")
    return pack(topic, key_of(message), envelope)


def a_document(name: str, /, **changes: Any) -> dict[str, Any]:
    """A request as users write it: all that the local folder has, at once."""
    return {
        "name": name,
        "type": "Feature",
        "geometry": SQUARE,
        "start_time": "2023-01-01T00:00:00Z",
        "end_time": "2023-12-31T00:00:00Z",
        "scene_type": {"constellation": "landsat"},
        "scene_graph_name": "Pass",
        "tile_graph_name": "Pass",
    } | changes


def a_request(name: str, /, **changes: Any) -> IngestionRequest:
    """The same, read."""
    document = json.dumps(a_document(name, **changes))
    return read_payload(document, request=uuid4().hex, by="tests")


def a_request_record(name: str) -> Record:
    """A request as a record of its topic."""
    return a_record(REQUESTS.name, a_request(name))


def a_script(folder: Path, name: str, script: str) -> str:
    """A graph that runs a script of ours; its name below the graph root `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(script)
    graph = {
        "config": {},
        "processing_steps": [{"engine": "python", "command": f"{name}.py"}],
        "in_files": [[], [], []],
        "out_files": [[], [], []],
    }
    (folder / f"{name}.json").write_text(json.dumps(graph))
    return f"{name}.json"
