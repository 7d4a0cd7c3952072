# SPDX-License-Identifier: Apache-2.0
"""Engine `snap`: a graph of ESA's SNAP, run by its command `gpt`."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.process import run_process
from streams.errors import PluginError

_TRANSIENT = ("Try again", "Temporary failure")

_LEVELS = (
    (re.compile(r"Error:"), "error"),
    (re.compile(r"SEVERE:"), "info"),
    (re.compile(r"WARNING:"), "warning"),
    (re.compile(r"java\..*Exception"), "warning"),
)

HEAP_MB = 9000
"""Java's memory, unless somebody says."""

_CPUS_KEY = "snap_cpu_parallelism"


@dataclass(frozen=True, slots=True)
class SnapEngine:
    """Runs SNAP graphs. A memory limit is that of Java's heap."""

    gpt: str
    heap_mb: int

    def run(self, call: Call) -> None:
        """Run the graph; see `StepEngine.run`."""
        heap_mb = call.memory_mb or self.heap_mb
        run_process(
            argv(self.gpt, heap_mb, call.command, call.arguments, call.config),
            # Java reserves much more address space than it uses.
            replace(call, memory_mb=0),
            level_of,
            is_fatal=lambda line: False,
            is_transient=lambda line: any(text in line for text in _TRANSIENT),
        )


def argv(
    gpt: str,
    heap_mb: int,
    graph: str,
    arguments: Mapping[str, str],
    config: Mapping[str, str],
) -> list[str]:
    """The command line of a SNAP graph."""
    parallel = config.get(_CPUS_KEY) or "1"
    words = [gpt, graph, "-x", "-q", parallel, f"-J-Xmx{heap_mb}m"]
    return words + [f"-P{name}={value}" for name, value in arguments.items()]


def level_of(line: str) -> str | None:
    """`Error:` at the beginning is an error; what Java logs is none."""
    return next((level for mark, level in _LEVELS if mark.match(line)), None)


def make(options: Mapping[str, str]) -> SnapEngine:
    """Options `gpt`, SNAP's command, and `heap_mb`, Java's memory (9000).

    Without `gpt` it is that of the variable `SNAPPATH`, or where SNAP is installed by
    default.
    """
    installed = os.environ.get("SNAPPATH", "/usr/local/snap/bin/gpt")
    gpt = options.get("gpt", installed)
    if not os.access(gpt, os.X_OK):
        raise PluginError(f"SNAP not found: no program '{gpt}'")
    return SnapEngine(gpt, int(options.get("heap_mb", HEAP_MB)))
