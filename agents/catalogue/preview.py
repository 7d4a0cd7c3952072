# SPDX-License-Identifier: Apache-2.0
"""What a request would lead to, to be looked at: scenes, tiles, chains, the rest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.catalogue.known import Known, known_chains, known_tiles
from streams.document import Listed, Neighbours, linked, scenes_document
from streams.events import Event, IngestionAccepted, IngestionListed, TaskCreated
from streams.model import LeftOut, Settings, Stage, Tile, process_task


@dataclass(frozen=True, slots=True)
class Place:
    """The tiles of one cell, in order of date."""

    cell: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much work it is."""

    downloads: int
    """Scenes with a tile that the area has not yet."""
    processes: int
    """Tiles that it has not yet."""
    known_tiles: int
    """Tiles that it has: nothing is done for them."""
    longest_chain: int
    """Tiles that can only be processed one after the other."""
    download_bytes: int
    """Of the downloads whose size the catalogue told."""
    unsized: int
    """Downloads whose size it did not tell."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would lead to."""

    stage: Stage
    area: str
    settings: Settings
    listed: tuple[Listed, ...]
    left_out: tuple[LeftOut, ...]
    places: tuple[Place, ...]
    neighbours: Mapping[str, Neighbours]
    estimate: Estimate
    warnings: tuple[str, ...]
    facts: tuple[Event, ...]
    """What the log would be told."""
    more: bool
    """There is another page."""

    @property
    def tiles(self) -> int:
        """How many tiles it has."""
        return sum(len(one.tiles) for one in self.listed)

    def document(self) -> dict[str, Any]:
        """It as GeoJSON: the scenes; with the stage, their tiles, and the plan."""
        properties = {"next": "true" if self.more else "false"}
        document = scenes_document(
            self.area,
            self.settings,
            self.listed,
            self.neighbours,
            properties if self.stage is Stage.SCENES else None,
        )
        if self.stage is Stage.PLAN:
            document["plan"] = self.summary()
        return document

    def summary(self) -> dict[str, Any]:
        """The plan in numbers and names."""
        return {
            "area": self.area,
            "scenes": len(self.listed),
            "tiles": self.tiles,
            "chains": [
                {
                    "cell": place.cell,
                    "tiles": [
                        {"scene": tile.scene, "tile": tile.name, "date": tile.date}
                        for tile in place.tiles
                    ],
                }
                for place in self.places
            ],
            "left_out": self.left_out,
            "warnings": self.warnings,
            "estimate": self.estimate,
        }


def preview(
    stage: Stage,
    facts: Sequence[Event],
    warnings: Sequence[str],
    known: Known,
    *,
    more: bool,
) -> Preview:
    """The facts of a plan as something to look at.

    Args:
        stage: how far it went.
        facts: accepted, tasks, listed.
        warnings: of the check.
        known: for the links to tiles that the area has already.
        more: there is another page of scenes.
    """
    accepted, *_, ended = facts
    assert isinstance(accepted, IngestionAccepted)
    assert isinstance(ended, IngestionListed)
    area = accepted.area
    listed = _listed(facts)
    tiles = [tile for one in listed for tile in one.tiles]
    return Preview(
        stage,
        area,
        accepted.settings,
        listed,
        ended.left_out,
        _places(tiles),
        linked(area, tiles, known_chains(known, area, tiles)),
        _estimate(listed, tiles, known_tiles(known, area, tiles), area),
        tuple(warnings),
        tuple(facts),
        more,
    )


def _listed(facts: Sequence[Event]) -> tuple[Listed, ...]:
    created = [fact for fact in facts if isinstance(fact, TaskCreated)]
    tiles: dict[str, list[Tile]] = {}
    for fact in created:
        if fact.tile is not None:
            tiles.setdefault(fact.tile.scene, []).append(fact.tile)
    scenes = [fact.scene for fact in created if fact.scene is not None]
    return tuple(Listed(s, tuple(tiles.get(s.name, ()))) for s in scenes)


def _places(tiles: Sequence[Tile]) -> tuple[Place, ...]:
    places: dict[str, list[Tile]] = {}
    for tile in sorted(tiles, key=lambda tile: (tile.date, tile.scene, tile.name)):
        places.setdefault(tile.cell, []).append(tile)
    return tuple(Place(cell, tuple(places[cell])) for cell in sorted(places))


def _estimate(
    listed: Sequence[Listed], tiles: Sequence[Tile], there: set[str], area: str
) -> Estimate:
    new = [t for t in tiles if process_task(area, t.scene, t.name) not in there]
    lengths = Counter(tile.cell for tile in new if tile.cell)
    wanted = {tile.scene for tile in new}
    scenes = [one.scene for one in listed if one.scene.name in wanted]
    sizes = [scene.metadata.get("size_bytes", "") for scene in scenes]
    sized = [int(size) for size in sizes if size.isdecimal()]
    return Estimate(
        downloads=len(scenes),
        processes=len(new),
        known_tiles=len(there),
        longest_chain=max(lengths.values(), default=min(len(new), 1)),
        download_bytes=sum(sized),
        unsized=len(sizes) - len(sized),
    )
