# SPDX-License-Identifier: Apache-2.0
"""Scenes, tiles and areas in the JSON of the Go ingester. Pure.

The irregular spelling (`RetryCountDown`, `PreviousID`, `ID`) is what its clients read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from streams import document
from streams.model import AreaState, Settings, Tally
from streams.progress import AreaStatus, area_status
from streams.table import DownloadRow, ProcessRow, TaskRow, decode_row

_WORDS = {
    AreaStatus.NEW: "NEW",
    AreaStatus.RUNNING: "PENDING",
    AreaStatus.PAUSED: "PENDING",
    AreaStatus.NEEDS_ATTENTION: "RETRY",
    AreaStatus.DONE: "DONE",
    AreaStatus.DONE_WITH_FAILURES: "DONE",
    AreaStatus.FAILED: "FAILED",
    AreaStatus.CANCELLED: "FAILED",
}
"""Its five words for how an area stands."""

_NOWHEN = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Stored:
    """A task of the read model: its number, its row, its request's settings."""

    number: int
    row: TaskRow
    settings: Settings

    @property
    def download(self) -> DownloadRow:
        """The row of a scene."""
        assert isinstance(self.row, DownloadRow)
        return self.row

    @property
    def process(self) -> ProcessRow:
        """The row of a tile."""
        assert isinstance(self.row, ProcessRow)
        return self.row


def stored(found: Mapping[str, Any]) -> Stored:
    """The task in a row of the queries `reference_…`."""
    row = decode_row(found["id"], found["value"].encode())
    settings = msgspec.convert(found["settings"], Settings)
    assert isinstance(row, TaskRow)
    return Stored(found["number"], row, settings)


def area_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """An area; it is NEW until it has a task."""
    downloads, processes = Tally(**row["downloads"]), Tally(**row["processes"])
    status = area_status(
        AreaState(row["state"]),
        row["ingestions"],
        row["open_ingestions"],
        downloads,
        processes,
    )
    if not downloads.total + processes.total:
        status = AreaStatus.NEW
    return {"ID": row["name"], "status": _WORDS[status]}


def scene_json(found: Stored) -> dict[str, Any]:
    """A scene, as an order shows it."""
    row = found.download
    return {
        "id": found.number,
        "source_id": row.scene.name,
        "aoi": row.area,
        "data": scene_data(found),
    }


def scene_data(found: Stored) -> dict[str, Any]:
    """The `data` of a scene."""
    scene = found.download.scene
    tiles = {part.tile: (part.swath, part.number) for part in scene.parts}
    return document.scene_data(scene, found.settings, tiles)


def stored_scene_json(found: Stored) -> dict[str, Any]:
    """A scene with how it stands."""
    course = found.row.course
    return scene_json(found) | {
        "status": course.status.upper(),
        "message": course.message,
        "RetryCountDown": course.countdown,
    }


def unloaded_scene_json(number: int, row: ProcessRow) -> dict[str, Any]:
    """The scene of a tile in a list of tiles: who it is, and empty `data`."""
    return {
        "id": number,
        "source_id": row.tile.scene,
        "aoi": row.area,
        "data": {
            "date": _NOWHEN,
            "graph_name": "",
            "graph_config": None,
            "record_id": "",
            "metadata": None,
            "is_retriable": False,
            "storage_uri": "",
        },
    }


def tile_json(found: Stored, scene: dict[str, Any]) -> dict[str, Any]:
    """A tile of this scene."""
    return {
        "id": found.number,
        "source_id": found.process.tile.name,
        "scene": scene,
        "data": tile_data(found),
    }


def tile_data(found: Stored) -> dict[str, Any]:
    """The `data` of a tile."""
    tile = found.process.tile
    return {
        "swath_id": tile.swath,
        "tile_nr": tile.number,
        "graph_name": found.settings.tile_graph,
        "is_retriable": found.settings.retriable,
    }


def stored_tile_json(
    found: Stored, scene: dict[str, Any], previous: int | None, reference: int | None
) -> dict[str, Any]:
    """A tile with how it stands, and the numbers of its neighbours."""
    course = found.row.course
    return tile_json(found, scene) | {
        "status": course.status.upper(),
        "message": course.message,
        "PreviousID": previous,
        "ReferenceID": reference,
        "RetryCountDown": course.countdown,
    }
