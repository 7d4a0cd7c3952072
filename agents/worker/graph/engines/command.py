# SPDX-License-Identifier: Apache-2.0
"""Engine `cmd`: a program, `--name=value` arguments."""

from collections.abc import Mapping

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.process import run_process


class CommandEngine:
    """Runs programs. Their lines speak as graphs of the reference expect."""

    def run(self, call: Call) -> None:
        """Run the program; see `StepEngine.run`."""
        argv = [call.command, *tokens(call.arguments)]
        run_process(
            argv,
            call,
            level_of,
            is_fatal=lambda line: "FATAL ERROR:" in line,
            is_transient=lambda line: "TEMPORARY ERROR:" in line,
        )


def tokens(arguments: Mapping[str, str]) -> list[str]:
    """One token an argument, so that values need no quotes."""
    return [f"--{name}={value}" for name, value in arguments.items()]


def level_of(line: str) -> str | None:
    """`ERROR:` anywhere is an error, `WARN` at the beginning a warning."""
    if "ERROR:" in line:
        return "error"
    return "warning" if line.startswith("WARN") else None


def make(options: Mapping[str, str]) -> CommandEngine:
    """The engine; it has no options."""
    return CommandEngine()
