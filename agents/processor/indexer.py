# SPDX-License-Identifier: Apache-2.0
"""What the processor asks of an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents.worker.graph.dformat import DataFormat
from agents.worker.outputs.provenance import Origin
from streams.model import Layer, Measure, Scene, Tile


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored layer to be found by readers."""

    layer: Layer
    file: Path
    """The stored bytes, on this machine while indexing."""
    bands: int
    """Number of bands, all of them indexed."""
    data_format: DataFormat
    measure: Measure | None = None
    """What was found in it."""


@dataclass(frozen=True, slots=True)
class TileLayers:
    """The layers of one tile that are to be indexed together."""

    area: str
    tile: Tile
    scene: Scene
    instances: dict[str, str]
    """Layer name → id of the variable instance; empty without a Geocube."""
    entries: tuple[Entry, ...]
    origin: Origin | None = None
    """Where they come from."""
    pictures: tuple[Layer, ...] = ()
    """Quick-looks of the tile, for people; no layers to be indexed."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text about layers, to be stored beside them and listed in the fact."""

    name: str
    """Of its layer: what readers ask for."""
    extension: str
    content: bytes


class Indexer(Protocol):
    """An index that is told of layers."""

    def index(self, layers: TileLayers) -> Sequence[Document]:
        """Enter a tile's layers. The same layers again change nothing.

        Returns:
            Documents to store beside the layers.

        Raises:
            IndexUnavailable: it does not answer; ask again later.
            IndexRefused: something about the layers is wrong.
            IndexConflict: it holds something else under their names.
        """
        ...
