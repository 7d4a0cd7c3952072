# SPDX-License-Identifier: Apache-2.0
"""`ingester`: every verb of the command line."""

import sys

import typer

from agents.commands import (
    deadletters,
    log,
    provision,
    publish,
    rebuild,
    replay,
    run,
    schemas,
    settings,
    stack,
    status,
    topics,
    wishes,
)
from agents.commands.audit.command import audit
from agents.commands.demo.command import demo
from agents.commands.explain import explain
from agents.commands.task import task
from agents.commands.terminal import ERR
from streams.errors import IngesterError, InvalidGraph, InvalidRequest

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Satellite images to a Geocube, as Kafka event-sourced stream processors.",
)
app.callback()(stack.use_embedded_stack)
app.command()(publish.publish)
app.command()(status.status)
app.command()(task)
app.command()(explain)
app.command("replay")(replay.replay_log)
app.command()(audit)
for wish in (
    wishes.retry,
    wishes.fail,
    wishes.reopen,
    wishes.force,
    wishes.pause,
    wishes.resume,
    wishes.cancel,
    wishes.limit,
):
    app.command()(wish)
app.command()(run.run)
app.command()(provision.provision)
app.command()(stack.up)
app.command()(stack.down)
app.command()(stack.ps)
app.command()(demo)
app.add_typer(topics.app, name="topics")
app.add_typer(schemas.app, name="schemas")
app.add_typer(log.app, name="log")
app.add_typer(rebuild.app, name="rebuild")
app.add_typer(deadletters.app, name="dead-letters")
app.command()(settings.settings)
app.command()(settings.version)


def main() -> None:
    """Run the command line; errors of ours are said in words, not as tracebacks."""
    try:
        app()
    except InvalidRequest as error:
        _say_problems(error.subject, error.problems)
        sys.exit(2)
    except InvalidGraph as error:
        _say_problems(f"graph '{error.graph}'", error.problems)
        sys.exit(2)
    except IngesterError as error:
        ERR.print("[red]error[/]:", end=" ")
        ERR.print(str(error), highlight=False, markup=False)
        sys.exit(1)


def _say_problems(subject: str, problems: tuple[str, ...]) -> None:
    ERR.print(f"[red]error[/]: {subject}:")
    for problem in problems:
        ERR.print(f"  - {problem}", highlight=False, markup=False)
