# SPDX-License-Identifier: Apache-2.0
"""What carries out a step."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """One step to carry out, with its circumstances."""

    command: str
    arguments: Mapping[str, str]
    """In order."""
    config: Mapping[str, str]
    """The run's whole configuration, for what an engine reads itself."""
    workdir: Path
    """Current folder of the step; exists."""
    environment: Mapping[str, str]
    """All that the step may see of ours."""
    timeout_s: float
    cancelled: threading.Event
    """Set when the step must be stopped."""
    log: Callable[[str, str], None]
    """Takes a level and a line."""
    memory_mb: int = 0
    """Address space of each of its processes; 0: no limit."""
    cpus: int = 0
    """Number of CPUs that it may use; 0: all."""
    envs: Mapping[str, str] = field(default_factory=dict)
    """Variables that the graph wants for its containers."""


class StepEngine(Protocol):
    """A way of running commands."""

    def run(self, call: Call) -> None:
        """Carry out a step; when this returns or raises, no process of it is left.

        Raises:
            StepFatal: it said that no retry can help.
            StepTransient: it asked to be run again, or was cancelled.
            NodeExhausted: it said that the disk is full.
            StepFailed: anything else, also when it took too long.
        """
        ...
