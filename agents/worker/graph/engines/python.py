# SPDX-License-Identifier: Apache-2.0
"""Engine `python`: a script run by our own interpreter, `--name=value` arguments."""

import sys
from collections.abc import Mapping

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.command import tokens
from agents.worker.graph.engines.process import run_process

_TRANSIENT = ("temporary failure", "timed out")


class PythonEngine:
    """Runs scripts. Their lines speak as graphs of the reference expect."""

    def run(self, call: Call) -> None:
        """Run the script; see `StepEngine.run`."""
        argv = [sys.executable, "-u", call.command, *tokens(call.arguments)]
        run_process(
            argv,
            call,
            level_of,
            is_fatal=lambda line: "FATAL ERROR:" in line,
            is_transient=lambda line: any(t in line.lower() for t in _TRANSIENT),
        )


def level_of(line: str) -> str | None:
    """`FATAL ERROR:` anywhere, or `ERROR:` at the beginning, is an error."""
    if "FATAL ERROR:" in line or line.strip().startswith("ERROR:"):
        return "error"
    return None


def make(options: Mapping[str, str]) -> PythonEngine:
    """The engine; it has no options."""
    return PythonEngine()
