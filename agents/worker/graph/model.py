# SPDX-License-Identifier: Apache-2.0
"""A processing graph as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agents.worker.graph.conditions import Condition
from agents.worker.graph.dformat import DataFormat
from agents.worker.layers import FOLDERS
from streams.model import Scene, Tile

POSITIONS = 3
"""T0 the tile itself, T1 its previous, T2 its reference."""

RASTERS = frozenset({"tif", "tiff", "jp2"})
"""Extensions, in lower case, of files that must be rasters."""

WORKDIR_KEY = "workdir"
"""Configuration that is always there: the absolute path of the work folder."""


class EngineName(StrEnum):
    """What can carry out a step."""

    PYTHON = "python"
    CMD = "cmd"
    NATIVE = "native"
    DOCKER = "docker"
    SNAP = "snap"


class OutAction(StrEnum):
    """What becomes of a file that a graph leaves."""

    IGNORE = "to_ignore"
    CREATE = "to_create"
    INDEX = "to_index"
    DELETE = "to_delete"


class OnEmpty(StrEnum):
    """What becomes of a raster without a single valid pixel."""

    KEEP = "keep"
    SKIP = "skip"
    FAIL = "fail"


class TileKey(StrEnum):
    """What an argument can be told of the tile."""

    SWATH = "swath"
    NUMBER = "number"
    SCENE = "scene"
    DATE = "date"
    COHDATE = "cohdate"
    CONSTELLATION = "constellation"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The value itself."""

    value: str


@dataclass(frozen=True, slots=True)
class FromConfig:
    """A value of the configuration."""

    key: str


@dataclass(frozen=True, slots=True)
class FromTile:
    """Something about the current tile."""

    key: TileKey


@dataclass(frozen=True, slots=True)
class FileOf:
    """Name of a layer's file, for the tile at a position."""

    position: int
    layer: str
    extension: str


Argument = Fixed | FromConfig | FromTile | FileOf


@dataclass(frozen=True, slots=True)
class Step:
    """One command."""

    engine: EngineName
    command: str
    """A script or program (absolute path), a native function, an image."""
    arguments: dict[str, Argument]
    condition: Condition
    timeout_s: float | None
    """None: the service's own limit; so for the other two."""
    memory_mb: int | None = None
    cpus: int | None = None
    envs: tuple[str, ...] = ()
    """`KEY=VALUE` for its container; they win over the graph's."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A layer to fetch before the steps."""

    layer: str
    extension: str
    condition: Condition
    optional: bool
    """True: going on without it when the store never had it."""


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file that the steps leave, and what becomes of it."""

    layer: str
    extension: str
    action: OutAction
    condition: Condition
    error_condition: Condition | None
    dformat_out: Fixed | FromConfig | None
    """Text `dtype,nodata,min,max` that overrides the format's first four."""
    data_format: DataFormat
    bands: int
    cog: bool = False
    """Must it be a Cloud Optimized GeoTIFF?"""
    on_empty: OnEmpty = OnEmpty.KEEP
    only_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key of the configuration → words; without one of them it cannot be made."""


def is_raster(extension: str, action: OutAction) -> bool:
    """Must a file be a raster? What is indexed must, and what is named like one."""
    if extension in FOLDERS:
        return False
    return action is OutAction.INDEX or extension.lower() in RASTERS


@dataclass(frozen=True, slots=True)
class Graph:
    """A processing graph, checked."""

    name: str
    config: dict[str, str]
    steps: tuple[Step, ...]
    in_files: tuple[tuple[InFile, ...], ...]
    """By position."""
    out_files: tuple[tuple[OutFile, ...], ...]
    """By position."""
    envs: tuple[str, ...]
    """`KEY=VALUE` for containers."""
    digest: str
    """SHA-256 of the graph's canonical JSON."""
    version: str = ""
    """As its author counts; empty: not told."""


@dataclass(frozen=True, slots=True)
class Position:
    """A tile and its scene."""

    scene: Scene
    tile: Tile


@dataclass(frozen=True, slots=True)
class Context:
    """What a graph is run on."""

    tiles: tuple[Position, ...]
    """One (scene graphs) or three: the tile, its previous or itself, its reference or
    itself."""
    config: dict[str, str]
    """Effective: defaults, then the request's, then `workdir`."""
    workdir: Path

    def scenes(self) -> tuple[str, ...]:
        """Scene names, by position."""
        return tuple(position.scene.name for position in self.tiles)


def context(
    graph: Graph, tiles: tuple[Position, ...], config: dict[str, str], workdir: Path
) -> Context:
    """The context of a run, with the effective configuration."""
    effective = {**graph.config, **config, WORKDIR_KEY: str(workdir)}
    return Context(tiles, effective, workdir)
