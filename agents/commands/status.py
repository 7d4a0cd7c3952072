# SPDX-License-Identifier: Apache-2.0
"""`ingester status`: how an area stands, once or live."""

import time
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from agents.commands.gateway import Gateway
from agents.commands.terminal import OUT, STATUS_COLOURS, AsJson, say_json, table
from agents.settings import Settings, load_settings
from streams.errors import InvalidRequest
from streams.model import Status
from streams.progress import AreaStatus

ENDED = frozenset(
    {
        AreaStatus.DONE,
        AreaStatus.DONE_WITH_FAILURES,
        AreaStatus.FAILED,
        AreaStatus.CANCELLED,
        "refused",
    }
)

_EVERY_S = 0.5
_BAR = 40


def status(
    area: Annotated[str, typer.Argument(help="Area name; all areas by default.")] = "",
    follow: Annotated[bool, typer.Option(help="Watch until everything ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far an area is: counts, rates, time left, failures by cause."""
    settings = load_settings()
    gateway = Gateway(settings)
    if not area:
        _show_areas(gateway.areas(), as_json=as_json)
    elif follow and not as_json:
        follow_area(settings, area)
    else:
        found = gateway.area(area)
        if found is None:
            raise InvalidRequest(f"area '{area}'", ["nothing was ever accepted for it"])
        say_json(found) if as_json else OUT.print(picture(found))


def follow_area(
    settings: Settings, area: str, timeout_s: float | None = None
) -> dict[str, Any]:
    """Watch an area until everything ended; its last status.

    Raises:
        InvalidRequest: it did not end in time.
    """
    gateway = Gateway(settings)
    begin = time.monotonic()
    with Live(console=OUT, refresh_per_second=4) as live:
        while True:
            found = gateway.area(area)
            live.update(picture(found) if found else Text(f"{area}: waiting…"))
            if found and found["status"] in ENDED:
                return found
            if timeout_s is not None and time.monotonic() - begin > timeout_s:
                raise InvalidRequest(f"area '{area}'", [f"not ended in {timeout_s} s"])
            time.sleep(_EVERY_S)


def picture(area: dict[str, Any]) -> RenderableType:
    """One area in bars, numbers and words."""
    parts: list[RenderableType] = [
        Text.assemble((area["name"], "bold"), f"  {area['status']}")
    ]
    for kind in ("downloads", "processes"):
        if kind in area:
            parts.append(_bar(kind, area[kind]))
    if "progress" in area:
        parts.append(Text(_pace(area), style="dim"))
    parts += [_failures(area["failures"])] if area.get("failures") else []
    for refusal in area.get("refusals", []):
        problems = "\n  ".join(refusal["problems"])
        parts.append(Text(f"request {refusal['ingestion']} refused:\n  {problems}"))
    return Group(*parts)


def _bar(kind: str, tally: dict[str, int]) -> Text:
    total = sum(tally.values())
    bar = Text(f"{kind:10} ")
    for one in (Status.DONE, Status.FAILED, Status.RETRY, Status.PENDING, Status.NEW):
        share = round(_BAR * tally[one.value] / total) if total else 0
        bar.append("█" * share, style=STATUS_COLOURS[one])
    counts = ", ".join(f"{tally[s.value]} {s.value}" for s in Status if tally[s.value])
    return bar.append(f"  {counts or 'none'} of {total}")


def _pace(area: dict[str, Any]) -> str:
    """Rate so far and time left, from the first start to the last end."""
    progress = area["progress"]
    tallies = (area["downloads"], area["processes"])
    done = sum(t["done"] + t["failed"] for t in tallies)
    left = sum(sum(t.values()) for t in tallies) - done
    text = f"{progress['running']} running"
    first, last = progress["first_started_at"], progress["last_ended_at"]
    if not first or not last:
        return text
    seconds = _seconds(first, last)
    rate = done / seconds if seconds > 0 else 0.0
    text += f", {rate:.1f} tasks/s"
    return f"{text}, about {left / rate:.0f} s left" if left and rate else text


def _seconds(first: str, last: str) -> float:
    return (
        datetime.fromisoformat(last) - datetime.fromisoformat(first)
    ).total_seconds()


def _failures(failures: list[dict[str, Any]]) -> RenderableType:
    found = table("Failures", "tasks", "kind", "status", "cause", "for example")
    for row in failures:
        found.add_row(
            str(row["tasks"]),
            row["kind"].lower(),
            row["status"],
            row["failure"],
            row["example"],
        )
    return found


def _show_areas(areas: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say_json(areas)
        return
    found = table("Areas", "area", "status", "downloads done", "tiles done", "failed")
    for area in areas:
        downloads, processes = area["downloads"], area["processes"]
        found.add_row(
            area["name"],
            area["status"],
            f"{downloads['done']} of {sum(downloads.values())}",
            f"{processes['done']} of {sum(processes.values())}",
            str(downloads["failed"] + processes["failed"]),
        )
    OUT.print(found)
