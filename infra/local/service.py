# SPDX-License-Identifier: Apache-2.0
"""A process of the stack, as a value that can travel to the supervisor."""

import signal
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Service:
    """How to run a process, and how to know that it is ready."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """Added to the supervisor's own."""
    port: int = 0
    """It is ready when it listens there itself; 0: when it runs."""
    check: str = ""
    """`module:function` called with the environment; raises while it is not ready."""
    after: tuple[str, ...] = ()
    """Services that must be ready before it starts."""
    stop_signal: int = signal.SIGTERM
    stop_timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a service stands."""

    name: str
    state: str
    """starting, ready, stopping, restarting, stopped or failed."""
    pid: int
    """0 when it does not run."""
    port: int
    since: float
    """Seconds since the epoch of the last change of state."""
    restarts: int
    problem: str
    """The last lines of its log, when it keeps failing."""
