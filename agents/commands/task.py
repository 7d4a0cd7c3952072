# SPDX-License-Identifier: Apache-2.0
"""`ingester task`: the whole life of one task."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.commands.gateway import Gateway
from agents.commands.terminal import OUT, STATUS_COLOURS, AsJson, say_json, table
from agents.settings import load_settings
from streams.errors import InvalidRequest
from streams.model import Status

_OUTCOME_COLOURS = {
    "running": "blue",
    "done": "green",
    "failed": "red",
    "expired": "yellow",
    "void": "bright_black",
}


def task(
    name: Annotated[
        str,
        typer.Argument(metavar="TASK", help="AREA/SCENE or AREA/SCENE/TILE."),
    ],
    as_json: AsJson = False,
) -> None:
    """Show all that happened to a task: attempts, providers tried, wishes, layers."""
    found = Gateway(load_settings()).task(name)
    if found is None:
        raise InvalidRequest(f"task '{name}'", ["there is none of that id"])
    say_json(found) if as_json else OUT.print(picture(found))


def picture(life: dict[str, Any]) -> RenderableType:
    """A task's life as text and tables."""
    status = Status(life["status"])
    parts: list[RenderableType] = [
        Text.assemble(
            (life["id"], "bold"), "  ", (status.value, f"bold {STATUS_COLOURS[status]}")
        ),
        Text(", ".join(_facts(life)), style="dim"),
    ]
    if life["message"]:
        parts.append(Text(f"{life['failure']} {life['message']}".strip()))
    parts.append(_timeline(life))
    if life["layers"]:
        parts.append(_layers(life["layers"]))
    return Group(*parts)


def _facts(life: dict[str, Any]) -> Iterator[str]:
    yield f"{life['kind'].lower()} {life['number']}"
    yield f"acquired {_time(life['acquired_at'])}"
    if life["cell"]:
        yield f"chain {life['cell']}"
    for link in ("previous", "reference"):
        if life[link]:
            yield f"{link} {life[link]}"
    if life["countdown"]:
        yield f"{life['countdown']} retries left"


def _timeline(life: dict[str, Any]) -> Table:
    """Attempts with their trials, and wishes, in order of time."""
    found = table("Life", "when", "what", "who", "took", "how it went")
    rows = [(_begin(one), _attempt(one)) for one in life["attempts"]]
    rows += [(one["at"], _wish(one)) for one in life["wishes"]]
    for when, lines in sorted(rows, key=lambda row: row[0] or ""):
        for number, (what, who, took, how) in enumerate(lines):
            found.add_row("" if number else _time(when), what, who, took, how)
    return found


Line = tuple[str, str, str, Text]


def _begin(attempt: dict[str, Any]) -> str | None:
    begin = attempt.get("ordered_at") or attempt["started_at"] or attempt["ended_at"]
    return None if begin is None else str(begin)


def _attempt(one: dict[str, Any]) -> list[Line]:
    outcome = one["outcome"]
    word = "ordered" if outcome == "running" and not one["started_at"] else outcome
    how = Text(word, style=_OUTCOME_COLOURS.get(outcome, ""))
    if one["message"] or one["failure"]:
        how.append(f"  {one['failure']}: {one['message']}", style="default")
    took = _seconds(one["duration_s"] or _between(one["started_at"], one["ended_at"]))
    who = " ".join(filter(None, (one["worker"], one["provider"])))
    lines = [(f"attempt {one['attempt']}", who, took, how)]
    if one["log"]:
        lines.append(("  log", "", "", Text(one["log"])))
    for trial in one["trials"]:
        text = trial["failure"] or "delivered"
        text = f"{text}: {trial['message']}" if trial["message"] else text
        text += f" ({trial['size_bytes']:,} bytes)"
        took = _seconds(trial["duration_s"])
        lines.append(("  provider", trial["provider"], took, Text(text)))
    return lines


def _wish(one: dict[str, Any]) -> list[Line]:
    subject = "" if one["task"] else " area"
    how = Text(one["why"])
    if one["refusal"]:
        how.append(f"  refused: {one['refusal']}", style="red")
    return [(f"{one['wish']}{subject}", one["by"], "", how)]


def _layers(layers: list[dict[str, Any]]) -> Table:
    found = table("Layers", "layer", "action", "bytes", "values", "object")
    for layer in layers:
        name = f"{layer['name']}.{layer['extension']}"
        size = f"{layer['size_bytes']:,}"
        values = "\n".join(map(_values, layer["bands"]))
        found.add_row(name, layer["action"].lower(), size, values, layer["uri"])
    return found


def _values(band: dict[str, Any]) -> str:
    """What a band holds, in short."""
    valid = f"{band['valid_pct']:g} % valid"
    if band["mean"] is None:
        return valid
    return f"{band['minimum']:g} … {band['mean']:g} … {band['maximum']:g}, {valid}"


def _between(begin: str | None, end: str | None) -> float | None:
    if not begin or not end:
        return None
    lasted = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return lasted.total_seconds()


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _time(text: str | None) -> str:
    if not text:
        return ""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
