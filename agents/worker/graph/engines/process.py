# SPDX-License-Identifier: Apache-2.0
"""A command as a child process: followed line by line, ended with all it started."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO
from uuid import uuid4

import psutil

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.limits import guarded, share_of
from streams.errors import NodeExhausted, StepFailed, StepFatal, StepTransient

# Exit statuses with a meaning of their own (sysexits.h), beside the lines' marks.
EX_DATAERR = 65
EX_OSERR = 71
EX_TEMPFAIL = 75

# In the environment of a step and of all that it starts: by it they are found again,
# also those that went away from its process group.
MARK = "STEP_ID"

_LINE_AT_MOST = 4096
_GRACE_S = 5.0
_POLL_S = 0.1

Sieve = Callable[[str], str | None]
"""Level of a line when it is an error or worth more than debugging; else None."""


def run_process(
    argv: Sequence[str],
    call: Call,
    level_of: Sieve,
    is_fatal: Callable[[str], bool],
    is_transient: Callable[[str], bool],
) -> None:
    """Run a command to its end, its output into the log.

    What decides about a failure is the exit status, and then the last line that was an
    error: never our own command line, which may hold any word.

    Args:
        argv: the command.
        call: its circumstances.
        level_of: says which lines are errors.
        is_fatal: does the last error say that no retry can help?
        is_transient: does it ask to be run again?

    Raises:
        StepFatal, StepTransient, StepFailed, NodeExhausted: as `StepEngine.run`.
    """
    mark = uuid4().hex
    process = _start(argv, call, mark)
    assert process.stdout is not None
    reader = LineReader(process.stdout, call.log, level_of)
    ending = _follow(process, call)
    _end_all(process, mark)
    reader.join()
    if ending:
        raise ending
    name = f"'{os.path.basename(argv[0])}'"
    judge(name, process.returncode, reader, is_fatal, is_transient)


def judge(
    name: str,
    status: int,
    reader: "LineReader",
    is_fatal: Callable[[str], bool],
    is_transient: Callable[[str], bool],
) -> None:
    """What an exit status and the last line that was an error mean.

    Raises:
        StepFatal, StepTransient, StepFailed, NodeExhausted: as `StepEngine.run`.
    """
    if status == 0:
        return
    message = _message(name, status, reader.last_error or reader.last_line)
    if status == EX_DATAERR or is_fatal(reader.last_error):
        raise StepFatal(message)
    if status == EX_TEMPFAIL or is_transient(reader.last_error):
        raise StepTransient(message)
    if status == EX_OSERR:
        raise NodeExhausted(message)
    raise StepFailed(message)


class LineReader:
    """Reads a process' output into the log, in a thread."""

    def __init__(
        self, output: IO[bytes], log: Callable[[str, str], None], level_of: Sieve
    ) -> None:
        self.last_error = ""
        self.last_line = ""
        self._output = output
        self._log = log
        self._level_of = level_of
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the output: nobody is left who could write more."""
        self._thread.join(_GRACE_S)

    def _read(self) -> None:
        with self._output as output:
            while raw := output.readline(_LINE_AT_MOST):
                self._take(raw, output)

    def _take(self, raw: bytes, output: IO[bytes]) -> None:
        line = raw.decode("utf-8", "replace").rstrip()
        if len(raw) == _LINE_AT_MOST and not raw.endswith(b"\n"):
            _skip_rest(output)
            line += " … (message clipped)"
        level = self._level_of(line)
        if level == "error":
            self.last_error = line.strip()
        if line:
            self.last_line = line.strip()
            self._log(level or "debug", line)


def _skip_rest(output: IO[bytes]) -> None:
    """Read to the end of the line."""
    while raw := output.readline(_LINE_AT_MOST):
        if raw.endswith(b"\n"):
            return


def _start(argv: Sequence[str], call: Call, mark: str) -> "subprocess.Popen[bytes]":
    # Killed with us, however we end: setpriv sets the parent-death signal.
    guard = shutil.which("setpriv")
    prefix = [guard, "--pdeathsig", "KILL"] if guard else []
    try:
        return subprocess.Popen(
            [*prefix, *guarded(call.memory_mb, share_of(call.cpus)), *argv],
            cwd=call.workdir,
            env={**call.environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(f"'{argv[0]}' cannot be started: {error.strerror}") from error


def _follow(
    process: "subprocess.Popen[bytes]", call: Call
) -> StepFailed | StepTransient | None:
    """Wait for the end; the error when it had to be ended."""
    end = time.monotonic() + call.timeout_s
    ending: StepFailed | StepTransient | None = None
    while ending is None:
        try:
            process.wait(_POLL_S)
            break
        except subprocess.TimeoutExpired:
            if call.cancelled.is_set():
                ending = StepTransient(f"step '{call.command}' was cancelled")
            elif time.monotonic() > end:
                ending = StepFailed(
                    f"step '{call.command}' took longer than {call.timeout_s:g} s"
                )
    return ending


def _end_all(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """End what is left of the process and of all that it started."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    end_marked(mark)


def end_marked(mark: str) -> None:
    """End every process that has the mark in its environment."""
    end = time.monotonic() + _GRACE_S
    while (left := _marked(mark)) and time.monotonic() < end:
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(left, timeout=_POLL_S)


def _marked(mark: str) -> list[psutil.Process]:
    """Processes that have the mark in their environment."""
    found = []
    for pid in psutil.pids():
        with suppress(psutil.Error):  # it ended meanwhile, or is another user's
            process = psutil.Process(pid)
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _message(name: str, status: int, last_error: str) -> str:
    if status < 0:
        ending = f"was killed by {signal.Signals(-status).name}"
    else:
        ending = f"ended with status {status}"
    return f"{name} {ending}" + (f": {last_error}" if last_error else "")
