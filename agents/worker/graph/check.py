# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a graph where it is used. Pure."""

from collections.abc import Collection, Iterator, Mapping

from agents.worker.graph.conditions import Condition, compares_tiles
from agents.worker.graph.dformat import problems as format_problems
from agents.worker.graph.dformat import with_text
from agents.worker.graph.model import (
    WORKDIR_KEY,
    EngineName,
    FileOf,
    FromConfig,
    FromTile,
    Graph,
    OutAction,
    OutFile,
    TileKey,
)
from agents.worker.graph.select import lacking

# Read by the engine `snap` itself.
_ENGINES_OWN = frozenset({"snap_cpu_parallelism"})


def missing_config(graph: Graph, config: Mapping[str, str]) -> list[str]:
    """Configuration that the graph needs and that nobody gives, a sentence each."""
    given = {*graph.config, *config, WORKDIR_KEY}
    return [
        f"graph '{graph.name}' needs the configuration '{key}' (at {path})"
        for path, key in _config_keys(graph)
        if key not in given
    ]


def wrong_formats(graph: Graph, config: Mapping[str, str]) -> list[str]:
    """Data formats of a request's configuration that no index would take."""
    found = [
        f"graph '{graph.name}': configuration '{override.key}': {problem}"
        for group in graph.out_files
        for out in group
        if isinstance(override := out.dformat_out, FromConfig)
        and override.key in config
        for problem in _format_problems(out, config[override.key])
    ]
    return list(dict.fromkeys(found))


def _format_problems(out: OutFile, text: str) -> list[str]:
    try:
        data_format = with_text(out.data_format, text)
    except ValueError as error:
        return [str(error)]
    return format_problems(data_format) if out.action is OutAction.INDEX else []


def known_config(graph: Graph) -> set[str]:
    """Configuration that the graph may be given."""
    return {*graph.config, *(key for _, key in _config_keys(graph)), *_ENGINES_OWN}


def indexed_layers(graph: Graph) -> list[str]:
    """Names of the layers that the graph can index, in its order."""
    return list(
        dict.fromkeys(
            out.layer
            for group in graph.out_files
            for out in group
            if out.action is OutAction.INDEX
        )
    )


def withheld(graph: Graph, layer: str, config: Mapping[str, str]) -> str:
    """Why a layer cannot be left with a request's configuration; empty: it can.

    Args:
        graph: which can index the layer.
        layer: its name.
        config: the request's.
    """
    effective = {**graph.config, **config}
    lacks = [
        lacking(out, effective)
        for group in graph.out_files
        for out in group
        if out.action is OutAction.INDEX and out.layer == layer
    ]
    return lacks[0] if lacks and all(lacks) else ""


def loose_ends(graph: Graph) -> list[str]:
    """Files of other tiles that a step is given although nothing fetches them."""
    fetched = [{file.layer for file in group} for group in graph.in_files]
    return [
        f"$.processing_steps[{index}].args.{name}: nothing fetches "
        f"'{argument.layer}' of T{argument.position}"
        for index, step in enumerate(graph.steps)
        for name, argument in step.arguments.items()
        if isinstance(argument, FileOf)
        and argument.position > 0
        and not fetched[argument.position] & {argument.layer, "*", "__product__"}
    ]


def unregistered_steps(graph: Graph, registered: Collection[str]) -> list[str]:
    """Native functions that the graph names and that nobody registered."""
    known = ", ".join(sorted(registered)) or "none"
    return [
        f"$.processing_steps[{index}].command: no function '{step.command}' is "
        f"registered, only: {known}"
        for index, step in enumerate(graph.steps)
        if step.engine is EngineName.NATIVE and step.command not in registered
    ]


def scene_graph_problems(graph: Graph) -> list[str]:
    """Why the graph cannot be run on a scene, which has one tile and no neighbours."""
    problems = [
        f"{path}.condition: '{condition}' looks at other tiles, a scene graph has none"
        for path, condition in _conditions_of_tile(graph)
        if compares_tiles(condition)
    ]
    for index, step in enumerate(graph.steps):
        for name, argument in step.arguments.items():
            elsewhere = isinstance(argument, FileOf) and argument.position > 0
            if elsewhere or argument == FromTile(TileKey.COHDATE):
                problems.append(
                    f"$.processing_steps[{index}].args.{name}: about another tile, a "
                    "scene graph has none"
                )
    for position in (1, 2):
        if graph.in_files[position] or graph.out_files[position]:
            problems.append(f"files of position {position}: a scene graph has only T0")
    for index, out in enumerate(graph.out_files[0]):
        if out.action is OutAction.INDEX:
            problems.append(
                f"$.out_files[0][{index}].action: 'to_index' is for tile graphs, a "
                "scene graph can 'to_create'"
            )
    return problems


def _conditions_of_tile(graph: Graph) -> Iterator[tuple[str, Condition]]:
    """Conditions of the steps and of the files of T0."""
    for index, step in enumerate(graph.steps):
        yield f"$.processing_steps[{index}]", step.condition
    for index, file in enumerate(graph.in_files[0]):
        yield f"$.in_files[0][{index}]", file.condition
    for index, out in enumerate(graph.out_files[0]):
        yield f"$.out_files[0][{index}]", out.condition


def _config_keys(graph: Graph) -> Iterator[tuple[str, str]]:
    for index, step in enumerate(graph.steps):
        for name, argument in step.arguments.items():
            if isinstance(argument, FromConfig):
                yield f"$.processing_steps[{index}].args.{name}", argument.key
    for position, group in enumerate(graph.out_files):
        for index, out in enumerate(group):
            path = f"$.out_files[{position}][{index}]"
            if isinstance(out.dformat_out, FromConfig):
                yield f"{path}.dformat_out", out.dformat_out.key
            for key in out.only_with:
                yield f"{path}.only_with", key
