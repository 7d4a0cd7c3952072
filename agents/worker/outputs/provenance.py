# SPDX-License-Identifier: Apache-2.0
"""Where a layer comes from: graph, configuration, libraries, inputs. Pure but for them.

Nothing here depends on where or when a graph was run: the same inputs and the same
graph give the same words, and so the same bytes of a layer.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rasterio

from agents.worker.graph.model import WORKDIR_KEY, Context, EngineName, Position
from agents.worker.graph.plan import Command, Plan
from streams.model import Layer

_HIDDEN = "***"

_SECRET = re.compile(
    r"pass(?:word|wd|phrase)|secret|token|credential|signature"
    r"|(?:api|access|private|account)[-_]?key"
    r"|(?:^|[-_])(?:auth|key|pwd|pass)(?:[-_]|$)",
    re.IGNORECASE,
)
"""Configuration that holds a secret, by its name."""

_USER = re.compile(r"(://)[^/\s]*@")
_QUERY = re.compile(r"\?\S+")
_PAIR = re.compile(
    r"(\b[\w-]*(?:pass(?:word|wd)|secret|token|credential|signature|key|pwd)[\w-]*=)"
    r"[^\s;&,]+",
    re.IGNORECASE,
)

_FILES = frozenset({EngineName.PYTHON, EngineName.CMD, EngineName.SNAP})


@dataclass(frozen=True, slots=True)
class Input:
    """A layer that a graph was given."""

    place: Position
    layer: Layer

    def words(self) -> str:
        """Its name and digest; nothing of where it was stored."""
        tile = self.place.tile
        name = f"{self.layer.name}.{self.layer.extension}".rstrip(".")
        return f"{tile.scene}/{tile.name}/{name} sha256:{self.layer.sha256}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the layers of a run come from."""

    graph: str
    digest: str
    """SHA-256 of the graph's canonical JSON."""
    config: Mapping[str, str]
    """Effective; secrets are hidden."""
    software: Mapping[str, str]
    """Library → version."""
    steps: tuple[str, ...]
    """Engine and command of each step that ran, and the command's digest."""
    inputs: tuple[Input, ...]
    version: str = ""
    """Of the graph, as its author counts."""

    def tags(self, place: Position) -> dict[str, str]:
        """What is written into the file of a layer of a tile."""
        version = {"INGESTER_GRAPH_VERSION": self.version} if self.version else {}
        return {
            "INGESTER_SCENE": place.scene.name,
            "INGESTER_TILE": place.tile.name,
            "INGESTER_GRAPH": self.graph,
            **version,
            "INGESTER_GRAPH_SHA256": self.digest,
            "INGESTER_CONFIG": _json(self.config),
            "INGESTER_SOFTWARE": _json(self.software),
            "INGESTER_STEPS": _json(self.steps),
            "INGESTER_INPUTS": _json([one.words() for one in self.inputs]),
        }

    def lineage(self) -> str:
        """For people."""
        steps = ", then ".join(self.steps) or "no step"
        inputs = ", ".join(one.words() for one in self.inputs) or "no layer"
        version = f" version {self.version}" if self.version else ""
        graph = f"'{self.graph}'{version} (sha256:{self.digest})"
        return f"Graph {graph} ran {steps} on {inputs}"


def origin_of(plan: Plan, context: Context, inputs: Iterable[Input]) -> Origin:
    """Where the layers of a run come from."""
    return Origin(
        plan.graph,
        plan.digest,
        shown_config(context.config),
        software(),
        tuple(map(_step, plan.commands)),
        tuple(inputs),
        plan.version,
    )


def shown_config(config: Mapping[str, str]) -> dict[str, str]:
    """Configuration as it may be shown: no secrets, nothing of this machine."""
    return {
        key: _HIDDEN if _SECRET.search(key) else _without_secrets(value)
        for key, value in sorted(config.items())
        if key != WORKDIR_KEY
    }


@cache
def software() -> dict[str, str]:
    """The libraries that pixels go through, with their versions."""
    return {
        "ingester": version("kafka-geocube-ingester"),
        "gdal": rasterio.__gdal_version__,
        "numpy": np.__version__,
        "proj": rasterio.__proj_version__,
        "rasterio": rasterio.__version__,
        "shapely": version("shapely"),
    }


def _without_secrets(value: str) -> str:
    """Users and queries of URLs may hold some, and so may `name=value` in a text."""
    value = _USER.sub(rf"\1{_HIDDEN}@", value)
    if "://" in value:
        value = _QUERY.sub(f"?{_HIDDEN}", value)
    return _PAIR.sub(rf"\1{_HIDDEN}", value)


def _step(command: Command) -> str:
    if command.engine not in _FILES:
        return f"{command.engine} {command.command}"
    file = Path(command.command)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return f"{command.engine} {file.name} sha256:{digest}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
