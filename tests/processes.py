# SPDX-License-Identifier: Apache-2.0
"""A tile to process by a graph of one step, and what copies rasters to its layers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.processor.process import Processing
from streams.envelope import Envelope
from streams.model import Layer, Scene, Tile
from streams.orders import ProcessOrder, Source
from tests.graphs import UINT16, an_output
from tests.trades import (
    AREA,
    NOW,
    equipment,
    ordered,
    some_settings,
    write_graph,
    write_script,
)

TASK = f"{AREA}/S/T"


@contextmanager
def a_processor(folder: Path, *indexers: Any, **changes: Any) -> Iterator[Processing]:
    """A processor that must leave its work folder empty."""
    named = {f"i{number}": one for number, one in enumerate(indexers)}
    ours = equipment(folder)
    made = Processing(**{**ours, "indexers": named} | changes)
    try:
        yield made
    finally:
        for workshop in {made.workshop, ours["workshop"]}:
            workshop.close()
    assert list((folder / "work").iterdir()) == []


def tile_order(
    folder: Path,
    script: str | Mapping[str, Any],
    *outputs: Mapping[str, Any],
    layers: Sequence[Layer] = (),
    attempt: int = 1,
    config: Mapping[str, str] | None = None,
    graph: Mapping[str, Any] | None = None,
) -> Envelope[Any]:
    """An order to process the tile T of the scene S.

    Args:
        folder: of the graph.
        script: Python of the graph's step, or the step itself.
        outputs: its out-files.
        layers: of the tile, in the store.
        attempt: at the task.
        config: of the request.
        graph: more of the document.
    """
    step = (
        write_script(folder, f"import os, shutil, sys\n{script}")
        if isinstance(script, str)
        else dict(script)
    )
    document = {"processing_steps": [step], "out_files": [[*outputs]]} | (graph or {})
    settings = some_settings(
        tile_graph=write_graph(folder, **document), graph_config=dict(config or {})
    )
    source = Source(Tile("T", "S", NOW), Scene("S", "landsat", NOW), tuple(layers))
    return ordered(ProcessOrder(AREA, TASK, attempt, "i1", settings, source))


def an_index(layer: str, **changes: Any) -> dict[str, Any]:
    """An out-file to be indexed: `uint16`, no-data 0."""
    return an_output(**UINT16 | {"layer": layer, "extension": "tif"} | changes)


def copied(file: Path, layer: str) -> str:
    """A script that gives a file as a layer."""
    return f"shutil.copy('{file}', '20240101_T_{layer}.tif')\n"
