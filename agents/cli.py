# SPDX-License-Identifier: Apache-2.0
"""`ingester`: every verb of the command line."""

import os
import sys
from importlib import import_module
from pathlib import Path

import typer

from agents.commands.terminal import ERR
from streams.errors import IngesterError, InvalidGraph, InvalidRequest

VERBS = {
    "publish": "publish:publish",
    "catalogue": "catalogue:app",
    "status": "status:status",
    "task": "task:task",
    "explain": "explain:explain",
    "replay": "replay:replay_log",
    "storage": "storage:app",
    "audit": "audit.command:audit",
    "retry": "wishes:retry",
    "fail": "wishes:fail",
    "reopen": "wishes:reopen",
    "force": "wishes:force",
    "pause": "wishes:pause",
    "resume": "wishes:resume",
    "cancel": "wishes:cancel",
    "limit": "wishes:limit",
    "run": "run:run",
    "provision": "provision:provision",
    "up": "stack:up",
    "down": "stack:down",
    "ps": "stack:ps",
    "demo": "demo.command:demo",
    "graph": "graph:app",
    "topics": "topics:app",
    "schemas": "schemas:app",
    "log": "log:app",
    "rebuild": "rebuild:app",
    "dead-letters": "deadletters:app",
    "settings": "settings:settings",
    "version": "settings:version",
}
"""Verb → where it is below `agents.commands`."""


def build(verbs: list[str]) -> typer.Typer:
    """The command line with these verbs."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Satellite images to a Geocube, as Kafka event-sourced stream processors.",
    )
    app.callback()(_use_embedded_stack)
    for verb in verbs:
        module, _, name = VERBS[verb].partition(":")
        found = getattr(import_module(f"agents.commands.{module}"), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=verb)
        else:
            app.command(verb)(found)
    return app


def main() -> None:
    """Run the command line; errors of ours are said in words, not as tracebacks."""
    # Only the verb that is wanted is imported: an agent starts in half of the time.
    wanted = [verb for verb in sys.argv[1:2] if verb in VERBS]
    try:
        build(wanted or list(VERBS))()
    except InvalidRequest as error:
        _say_problems(error.subject, error.problems)
        sys.exit(2)
    except InvalidGraph as error:
        _say_problems(f"graph '{error.graph}'", error.problems)
        sys.exit(2)
    except IngesterError as error:
        ERR.print("[red]error[/]:", end=" ")
        ERR.print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)


def _use_embedded_stack() -> None:
    """Satellite images to a Geocube, as Kafka event-sourced stream processors."""
    home = Path(os.environ.get("INGESTER_HOME", ".ingester"))
    told = "INGESTER_KAFKA_BOOTSTRAP" in os.environ
    if not told and (home / "supervisor.sock").exists():
        import_module("agents.commands.stack").use_running_stack()


def _say_problems(subject: str, problems: tuple[str, ...]) -> None:
    ERR.print(f"[red]error[/]: {subject}:")
    for problem in problems:
        ERR.print(f"  - {problem}", highlight=False, markup=False, soft_wrap=True)
