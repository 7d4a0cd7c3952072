# SPDX-License-Identifier: Apache-2.0
"""Engine `native`: a registered Python function in a process of its own.

A step's `command` is the name of an entry point of the group `ingester.steps`, ours in
`pyproject.toml` like a stranger's:

    [project.entry-points."ingester.steps"]
    extract_landsat_bands = "agents.worker.graph.steps.landsat:extract_landsat_bands"

and the entry point names a function `f(workdir, arguments) -> None`:

- `workdir`, a Path: the work folder, also the current folder. Inputs lie there, and
  outputs are written there; nothing else is kept.
- `arguments`, text by name: the step's `args` with their values. `in` and `out` are
  file names below `workdir`; the name of a layer `*` holds a `*` to be replaced.
- it raises `StepFatal` when no retry can help, `StepTransient` when one may,
  `NodeExhausted` when the disk is full, and `StepFailed` otherwise; any other exception
  is a `StepFailed` with its type.

What it prints goes into the log. Of threads it should have about as many as CPUs:
`len(os.sched_getaffinity(0))`.

The processes are forked from a server that has loaded the raster libraries once, so
that a step costs milliseconds, not the loading.
"""

import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import uuid4

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.limits import limit_this_process, share_of
from agents.worker.graph.engines.process import MARK, LineReader, end_marked
from streams.errors import (
    IngesterError,
    NodeExhausted,
    PluginError,
    StepError,
    StepFailed,
    StepFatal,
    StepTransient,
)

GROUP = "ingester.steps"
"""Group of the entry points that name functions (work folder, arguments) → None."""

_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["agents.worker.graph.steps.preload"])

_ERRORS: dict[str, type[IngesterError]] = {
    "NodeExhausted": NodeExhausted,
    "StepFatal": StepFatal,
    "StepTransient": StepTransient,
    "StepFailed": StepFailed,
}


class NativeEngine:
    """Runs registered functions."""

    def run(self, call: Call) -> None:
        """Run the function named by the command; see `StepEngine.run`.

        The function may raise StepFatal, StepTransient and StepFailed; any other error
        is a StepFailed.
        """
        target = _target(call.command)
        mark = uuid4().hex
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        said, saying = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(
            target=_child,
            args=(
                theirs,
                saying,
                target,
                str(call.workdir),
                dict(call.arguments),
                {**call.environment, MARK: mark},
                call.memory_mb,
                share_of(call.cpus),
            ),
            daemon=True,
        )
        process.start()
        theirs.close()
        saying.close()
        with said:
            output = os.fdopen(os.dup(said.fileno()), "rb")
        reader = LineReader(output, call.log, lambda line: None)
        try:
            answer = _answer(process, ours, call)
        finally:
            _end(process)
            end_marked(mark)
            reader.join()
            ours.close()
        if answer is not None:
            name, message = answer
            raise _ERRORS[name](f"step '{call.command}': {message}")


def _target(name: str) -> str:
    """`module:function` of a registered step."""
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PluginError(f"step '{name}' is not registered; registered: {known}")
    return found[name]


def _child(
    answer: Connection,
    saying: Connection,
    target: str,
    workdir: str,
    arguments: Mapping[str, str],
    environment: Mapping[str, str],
    memory_mb: int,
    cpus: list[int],
) -> None:
    """In the step's process: run the function, send how it went."""
    os.setsid()
    with saying:
        for descriptor in (1, 2):
            os.dup2(saying.fileno(), descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # The fork server was started with all of the worker's environment.
    os.environ.clear()
    os.environ.update(environment)
    # The fork server ends with the worker, and takes us with it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(workdir)
    limit_this_process(memory_mb, cpus)
    module, _, function = target.partition(":")
    try:
        getattr(importlib.import_module(module), function)(Path(workdir), arguments)
    except (StepError, NodeExhausted) as error:
        answer.send((_name_of(error), str(error)))
    except MemoryError:
        limit = f" than {memory_mb} MB" if memory_mb else " than there is"
        answer.send(("StepFailed", f"it needed more memory{limit}"))
    # Whatever a step raises must reach the worker as its failure.
    except Exception as error:  # noqa: BLE001
        answer.send(("StepFailed", f"{type(error).__name__}: {error}"))
    else:
        answer.send(None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _name_of(error: IngesterError) -> str:
    return next(n for n, cls in _ERRORS.items() if isinstance(error, cls))


def _answer(
    process: ForkServerProcess, ours: Connection, call: Call
) -> tuple[str, str] | None:
    """What the function sent, or what kept it from sending."""
    end = time.monotonic() + call.timeout_s
    while not ours.poll(_POLL_S):
        if call.cancelled.is_set():
            return "StepTransient", "it was cancelled"
        if time.monotonic() > end:
            return "StepFailed", f"it took longer than {call.timeout_s:g} s"
    try:
        answer: tuple[str, str] | None = ours.recv()
    except EOFError:
        process.join()
        return "StepFailed", f"its process ended with {process.exitcode}"
    return answer


def _end(process: ForkServerProcess) -> None:
    """End the process and all that it started."""
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    process.close()


def make(options: Mapping[str, str]) -> NativeEngine:
    """The engine; it has no options."""
    return NativeEngine()
