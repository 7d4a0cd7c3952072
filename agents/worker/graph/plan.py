# SPDX-License-Identifier: Apache-2.0
"""What a graph will do for a tile: commands with their tokens, files to fetch. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC

from agents.worker.graph.conditions import holds_for_tiles
from agents.worker.graph.model import (
    Argument,
    Context,
    EngineName,
    FileOf,
    Fixed,
    FromConfig,
    FromTile,
    Graph,
    InFile,
    TileKey,
)
from agents.worker.layers import file_name
from streams.errors import InvalidGraph

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

_CONSTELLATIONS = {
    "sentinel1": "Sentinel1",
    "sentinel2": "Sentinel2",
    "landsat": "Landsat89",
    "phr": "PHR",
    "spot": "SPOT",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A step that will run, with everything it is told."""

    engine: EngineName
    command: str
    arguments: dict[str, str]
    """Name → value, in the graph's order."""
    timeout_s: float | None
    memory_mb: int | None = None
    cpus: int | None = None
    envs: Mapping[str, str] = field(default_factory=dict)
    """Variables for its container."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A layer to bring into the work folder before the steps."""

    position: int
    file: InFile
    name: str
    """Its file name there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph made concrete for a tile."""

    graph: str
    digest: str
    inputs: tuple[Fetch, ...]
    commands: tuple[Command, ...]
    version: str = ""
    """Of the graph, as its author counts."""


def make_plan(graph: Graph, context: Context) -> Plan:
    """What the graph will do in this context.

    Raises:
        InvalidGraph: an argument cannot be known, or two inputs have one name.
    """
    problems: list[str] = []
    commands = tuple(
        Command(
            step.engine,
            step.command,
            {
                name: _value(graph, context, argument, name, problems)
                for name, argument in step.arguments.items()
            },
            step.timeout_s,
            step.memory_mb,
            step.cpus,
            dict(map(_pair, (*graph.envs, *step.envs))),
        )
        for step in graph.steps
        if holds_for_tiles(step.condition, context.scenes())
    )
    inputs = _inputs(graph, context, problems)
    if problems:
        raise InvalidGraph(graph.name, problems)
    return Plan(graph.name, graph.digest, inputs, commands, graph.version)


def local_name(context: Context, file: FileOf) -> str:
    """Name of a layer's file in the work folder."""
    place = context.tiles[file.position]
    return file_name(place.scene, place.tile, file.layer, file.extension)


def _pair(env: str) -> tuple[str, str]:
    name, _, value = env.partition("=")
    return name, value


def _inputs(graph: Graph, context: Context, problems: list[str]) -> tuple[Fetch, ...]:
    """Each file once: the tile itself stands for a previous that it does not have."""
    wanted: dict[str, Fetch] = {}
    for position, group in enumerate(graph.in_files[: len(context.tiles)]):
        for file in group:
            if holds_for_tiles(file.condition, context.scenes()):
                name = local_name(context, FileOf(position, file.layer, file.extension))
                first = wanted.setdefault(name, Fetch(position, file, name))
                scenes = [context.scenes()[p] for p in (first.position, position)]
                if scenes[0] != scenes[1]:
                    problems.append(f"file '{name}' of scenes {' and '.join(scenes)}")
    return tuple(wanted.values())


def _value(
    graph: Graph, context: Context, argument: Argument, name: str, problems: list[str]
) -> str:
    match argument:
        case Fixed(value):
            return value
        case FromConfig(key):
            if key not in context.config:
                problems.append(f"argument '{name}': no configuration '{key}'")
            return context.config.get(key, "")
        case FromTile(key):
            return _about_tile(context, key)
        case FileOf(position) if position >= len(context.tiles):
            problems.append(f"argument '{name}': there is no tile T{position}")
            return ""
        case FileOf():
            return local_name(context, argument)


def _about_tile(context: Context, key: TileKey) -> str:
    here = context.tiles[0]
    match key:
        case TileKey.SWATH:
            return here.tile.swath
        case TileKey.NUMBER:
            return str(here.tile.number)
        case TileKey.SCENE:
            return here.scene.name
        case TileKey.DATE:
            return _date(context, 0)
        case TileKey.COHDATE:
            _, previous, reference = context.scenes()
            return _date(context, 0 if previous == reference else 2)
        case TileKey.CONSTELLATION:
            return _CONSTELLATIONS.get(here.scene.constellation, "Unknown")


def _date(context: Context, position: int) -> str:
    """`15Jan2019`, as SNAP names bands, in English whatever the locale."""
    date = context.tiles[position].scene.date.astimezone(UTC)
    return f"{date.day:02}{_MONTHS[date.month - 1]}{date.year:04}"
