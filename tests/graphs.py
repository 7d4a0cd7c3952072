# SPDX-License-Identifier: Apache-2.0
"""Graphs, tiles and contexts for the tests of the graph room."""

import json
from datetime import UTC, datetime
from pathlib import Path

from agents.worker.graph.load import load_graph
from agents.worker.graph.model import Context, Graph, Position, context
from streams.model import Scene, Tile

DAYS = {
    "A": datetime(2018, 12, 22, tzinfo=UTC),
    "B": datetime(2019, 1, 3, tzinfo=UTC),
    "C": datetime(2019, 1, 15, tzinfo=UTC),
}
"""Dates of the scenes of a series."""


def a_place(scene: str, tile: str = "T1", constellation: str = "sentinel1") -> Position:
    """A tile of a scene of the series."""
    date = DAYS.get(scene, DAYS["A"])
    return Position(
        Scene(scene, constellation, date), Tile(tile, scene, date, "cell", "IW1", 7)
    )


def a_context(
    graph: Graph, workdir: Path, scenes: str = "AAA", /, **config: str
) -> Context:
    """A context on tiles of these scenes: T0, T1, T2."""
    return context(graph, tuple(map(a_place, scenes)), config, workdir)


def a_graph(folder: Path, **document: object) -> Graph:
    """The graph of a document, loaded from a file of the folder."""
    (folder / "graph.json").write_text(json.dumps(document))
    return load_graph("graph.json", [folder])


def a_step(**changes: object) -> dict[str, object]:
    """A step of a graph, sound but for the changes."""
    return {"engine": "native", "command": "extract_landsat_bands", **changes}


def an_output(**changes: object) -> dict[str, object]:
    """An out-file, sound but for the changes."""
    return {"layer": "B01", "extension": "tif", "action": "to_create", **changes}


UINT16 = {
    "action": "to_index",
    "datatype": "uint16",
    "max_value": 10000,
    "ext_max_value": 1,
}
"""What makes an out-file one that an index takes."""
