# SPDX-License-Identifier: Apache-2.0
"""A plan carried out: its commands one after the other."""

import os
import threading
from collections.abc import Callable, Mapping

from agents.worker.graph.engine import Call, StepEngine
from agents.worker.graph.model import Context
from agents.worker.graph.plan import Command, Plan
from agents.worker.workdir import disk_is_full
from streams.errors import EngineMissing, NodeExhausted, PluginError, StepError

# What a step may see of our environment: no INGESTER_*, which holds secrets.
_PASSED_ON = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
    | {"GRAPHPATH", "SNAPPATH", "JAVA_HOME"}
)
_PASSED_ON_WITH = ("GDAL_", "PROJ_", "OMP_")

Log = Callable[[str, str], None]


def run_plan(
    plan: Plan,
    context: Context,
    engines: Callable[[str], StepEngine],
    *,
    timeout_s: float,
    cancelled: threading.Event,
    log: Log,
    memory_mb: int = 0,
    cpus: int = 0,
) -> None:
    """Run the commands in order; the first that fails ends it.

    Args:
        plan: the commands.
        context: of the plan; its work folder holds the inputs.
        engines: an engine by name.
        timeout_s: limit of a step that has none of its own.
        cancelled: set when the run must stop.
        log: takes level and line.
        memory_mb: limit of a step that has none of its own; 0: none.
        cpus: share of a step that has none of its own; 0: all.

    Raises:
        StepError: a step failed; the class says how.
        NodeExhausted: a step failed, and the disk is full, or was as the step says.
        EngineMissing: an engine, or what it needs, is not installed here.
    """
    environment = passed_on(os.environ)
    for command in plan.commands:
        engine = _engine(command, engines)
        call = Call(
            command=command.command,
            arguments=command.arguments,
            config=context.config,
            workdir=context.workdir,
            environment=environment,
            timeout_s=command.timeout_s or timeout_s,
            cancelled=cancelled,
            log=log,
            memory_mb=command.memory_mb or memory_mb,
            cpus=command.cpus or cpus,
            envs=command.envs,
        )
        try:
            engine.run(call)
        except StepError as error:
            if disk_is_full(context.workdir):
                raise NodeExhausted(f"{error}; the disk is full") from error
            raise
        except PluginError as error:
            raise _missing(command, error) from error


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a step may see."""
    return {
        name: value
        for name, value in environment.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_WITH)
    }


def _engine(command: Command, engines: Callable[[str], StepEngine]) -> StepEngine:
    try:
        return engines(command.engine.value)
    except PluginError as error:
        raise _missing(command, error) from error


def _missing(command: Command, error: PluginError) -> EngineMissing:
    return EngineMissing(
        f"step '{command.command}' needs the engine '{command.engine}': {error}"
    )
