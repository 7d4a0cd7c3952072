# SPDX-License-Identifier: Apache-2.0
"""What the log knows of an area already, as its projection shows it now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import structs

from agents.catalogue.inventory import Inventory
from streams.chains import Chain
from streams.errors import InvalidRequest
from streams.model import AreaState, Scene, Tile, download_task, process_task
from streams.pages import page_keys, whole
from streams.table import AreaRow, CellRow, DownloadRow, ProcessRow, Row, cell_key


class Known(Protocol):
    """The dependency table of the read model, which may be a moment behind."""

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """The rows under these keys; those that are not there are left out.

        Raises:
            ReadModelError: the database does not answer.
        """
        ...

    def borne(self, records: Sequence[str]) -> set[str]:
        """Which of these records of the index scenes of any area bear.

        Raises:
            ReadModelError: the database does not answer.
        """
        ...


class NothingKnown:
    """Where there is no read model."""

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """None."""
        return {}

    def borne(self, records: Sequence[str]) -> set[str]:
        """Any may be."""
        return set(records)


def check_open(known: Known, area: str) -> None:
    """Nothing, if the area may have more scenes.

    Raises:
        InvalidRequest: it was cancelled.
    """
    row = known.rows([area]).get(area)
    if isinstance(row, AreaRow) and row.state is AreaState.CANCELLED:
        problem = f"$.name: area '{area}' was cancelled, which is final; take another"
        raise InvalidRequest("payload", [problem])


def known_records(known: Known, area: str, scenes: Sequence[Scene]) -> dict[str, str]:
    """Records of the scenes that the area has already, by name.

    A scene keeps its record, also when a catalogue now describes it otherwise.
    """
    rows = known.rows([download_task(area, scene.name) for scene in scenes])
    return {
        row.scene.name: row.scene.record
        for row in rows.values()
        if isinstance(row, DownloadRow) and row.scene.record
    }


def with_known(inventory: Inventory, records: Mapping[str, str]) -> Inventory:
    """The inventory with the records that its scenes have already."""
    scenes = tuple(
        structs.replace(scene, record=records.get(scene.name, scene.record))
        for scene in inventory.scenes
    )
    return replace(inventory, scenes=scenes)


def known_chains(known: Known, area: str, tiles: Iterable[Tile]) -> dict[str, Chain]:
    """The area's chains as they stand, by cell, where the tiles have their place."""
    cells = sorted({tile.cell for tile in tiles if tile.cell})
    rows = known.rows([cell_key(area, cell) for cell in cells])
    rows |= known.rows(page_keys(rows.values()))
    found = (row for row in rows.values() if isinstance(row, CellRow))
    return {row.cell: whole(row, rows) for row in found}


def known_tiles(known: Known, area: str, tiles: Sequence[Tile]) -> set[str]:
    """Tasks of the tiles that the area has already."""
    tasks = [process_task(area, tile.scene, tile.name) for tile in tiles]
    rows = known.rows(tasks)
    return {task for task, row in rows.items() if isinstance(row, ProcessRow)}
