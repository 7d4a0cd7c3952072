# SPDX-License-Identifier: Apache-2.0
"""`ingester explain`: why a task is where it is, and what would change that."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from agents.commands.terminal import OUT, STATUS_COLOURS, AsJson, say_json
from agents.settings import load_settings
from infra.postgres.dump import last_logs, open_table
from streams.explain import Explanation, Hold
from streams.explain import explain as explained


def explain(
    task: Annotated[
        str, typer.Argument(help="Task id: AREA/SCENE or AREA/SCENE/TILE.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say why a task is in its state, what it waits for, and what would change it.

    Follows what it waits for to the task that everything waits for.
    """
    dsn = load_settings().postgres_dsn.get_secret_value()
    with open_table(dsn) as table:
        steps = explained(table, task, datetime.now(UTC))
    logs = last_logs(dsn, [step.task for step in steps])
    if as_json:
        say_json([_plain(step, logs) for step in steps])
    else:
        OUT.print(picture(steps, logs))


def picture(
    steps: tuple[Explanation, ...], logs: Mapping[str, str] = MappingProxyType({})
) -> RenderableType:
    """The explanation of a task and of those behind it, as text."""
    parts: list[RenderableType] = []
    for number, step in enumerate(steps):
        if number:
            last = number == len(steps) - 1
            parts.append(Text("  ↓ at last" if last else "  ↓", style="dim"))
        style = f"bold {STATUS_COLOURS[step.status]}"
        parts.append(Text.assemble((step.task, "bold"), "  ", (step.status, style)))
        parts += [Text(f"  {why}") for why in step.why]
        if step.task in logs:
            parts.append(Text(f"  its steps said: {logs[step.task]}"))
        parts += [Text(f"  → {change}", style="cyan") for change in step.change]
    return Group(*parts)


def _plain(step: Explanation, logs: Mapping[str, str]) -> dict[str, object]:
    return {
        "task": step.task,
        "status": step.status,
        "hold": Hold(step.hold).name.lower(),
        "why": step.why,
        "change": step.change,
        "waits_for": step.waits_for,
        "log": logs.get(step.task, ""),
    }
