# SPDX-License-Identifier: Apache-2.0
"""Are the graphs of a request there, and do they and the request agree?"""

from collections.abc import Sequence
from pathlib import Path

from agents import plugins
from agents.worker.graph.check import (
    indexed_layers,
    known_config,
    missing_config,
    scene_graph_problems,
    unregistered_steps,
    withheld,
    wrong_formats,
)
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import Graph
from streams.errors import InvalidGraph, InvalidRequest
from streams.orders import IngestionRequest


def check_graphs(
    request: IngestionRequest, roots: Sequence[Path], digests: Sequence[str] = ()
) -> list[str]:
    """Load both graphs and hold them against the request.

    Returns:
        Warnings: configuration that no graph uses.

    Raises:
        InvalidRequest: with everything that is wrong.
    """
    problems: list[str] = []

    def load(path: str, name: str) -> Graph | None:
        try:
            graph = load_graph(name, roots, digests)
        except InvalidGraph as error:
            problems.extend(
                f"{path}: '{name}': {problem}" for problem in error.problems
            )
            return None
        unknown = unregistered_steps(graph, plugins.names("step"))
        problems.extend(f"{path}: '{name}': {problem}" for problem in unknown)
        return graph

    scene = load("$.scene_graph_name", request.scene_graph)
    tile = load("$.tile_graph_name", request.tile_graph)
    graphs = [graph for graph in (scene, tile) if graph is not None]
    for graph in graphs:
        wrong = missing_config(graph, request.graph_config)
        wrong += wrong_formats(graph, request.graph_config)
        problems += [f"$.graph_config: {problem}" for problem in wrong]
    if scene is not None:
        wrong = scene_graph_problems(scene)
        problems += [f"$.scene_graph_name: '{scene.name}': {p}" for p in wrong]
    if tile is not None:
        problems += _missing_layers(request, tile)
    if problems:
        raise InvalidRequest("payload", problems)
    return _unused_config(request, graphs)


def _missing_layers(request: IngestionRequest, tile: Graph) -> list[str]:
    given = indexed_layers(tile)
    problems = []
    for name in request.layers:
        why = withheld(tile, name, request.graph_config)
        if name not in given:
            problems.append(
                f"$.layers.{name}: graph '{tile.name}' gives no such layer, it gives: "
                f"{', '.join(given) or 'none'}"
            )
        elif why:
            problems.append(
                f"$.layers.{name}: graph '{tile.name}' gives it only by the "
                f"graph_config {why}"
            )
    return problems


def _unused_config(request: IngestionRequest, graphs: Sequence[Graph]) -> list[str]:
    known: set[str] = set().union(*map(known_config, graphs))
    return [
        f"graph_config: no graph uses '{key}'"
        for key in request.graph_config
        if key not in known
    ]
