# SPDX-License-Identifier: Apache-2.0
"""`ingester retry, fail, force, reopen, pause, resume, cancel, limit`: what operators
want. Each wish is a fact of the log with who and why; the fold grants or refuses it.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from agents.commands.gateway import Gateway
from agents.commands.terminal import ERR, OUT, AsJson, say_json
from agents.settings import load_settings
from streams.errors import InvalidRequest
from streams.failures import Failure
from streams.model import Kind, Status

Tasks = Annotated[
    list[str] | None, typer.Argument(help="Task ids; or --area with filters.")
]
Why = Annotated[str, typer.Option(help="Kept in the log for ever.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing back.")]
Name = Annotated[str, typer.Argument(metavar="AREA", help="Area name.")]

InArea = Annotated[str, typer.Option("--area", help="Many tasks: those of this area.")]
InStatus = Annotated[Status | None, typer.Option("--status", help="… that stand so.")]
OfKind = Annotated[
    Kind | None,
    typer.Option("--kind", help="… of this kind.", case_sensitive=False),
]
OfCause = Annotated[
    Failure | None,
    typer.Option(
        "--cause", metavar="CLASS", help="… that failed so.", case_sensitive=False
    ),
]
Like = Annotated[
    str, typer.Option("--pattern", help="… whose scene or id is like this: * and ?.")
]
All = Annotated[bool, typer.Option("--all", help="… all that it can be done to.")]


@dataclass(frozen=True, slots=True)
class Which:
    """The tasks that are meant: by id, or all of an area that meet the filters."""

    tasks: list[str]
    area: str
    filters: dict[str, Any]
    everything: bool

    def check(self) -> None:
        """Nothing, if it is clear what is meant.

        Raises:
            InvalidRequest: it is not.
        """
        problems = []
        if bool(self.tasks) == bool(self.area):
            problems.append("expected task ids, or --area with filters or --all")
        if self.tasks and (self.filters or self.everything):
            problems.append("filters and --all go with --area, not with task ids")
        if self.area and bool(self.filters) == self.everything:
            problems.append("--area: expected filters, or --all")
        if problems:
            raise InvalidRequest("tasks", problems)


@dataclass(slots=True)
class Answers:
    """What became of wishes."""

    granted: int = 0
    unknown: int = 0
    """Written, and not seen in the read model in time."""
    refused: list[dict[str, str]] = field(default_factory=list)

    def end(self, *, as_json: bool) -> None:
        """Tell, and end with 1 if any was refused."""
        if as_json:
            say_json(self)
        else:
            for one in self.refused:
                ERR.print("[red]refused[/]:", end=" ")
                ERR.print(f"{one['task']}: {one['reason']}", highlight=False)
            OUT.print(f"{self.granted} granted, {len(self.refused)} refused")
            if self.unknown:
                OUT.print(
                    f"{self.unknown} written, not seen yet: is a projector at work?"
                )
        if self.refused:
            raise typer.Exit(1)


def retry(
    tasks: Tasks = None,
    *,
    why: Why,
    area: InArea = "",
    status: InStatus = None,
    kind: OfKind = None,
    cause: OfCause = None,
    pattern: Like = "",
    everything: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try tasks again that used up their retries."""
    which = _which(tasks, area, status, kind, cause, pattern, everything=everything)
    _ask(which, {"wish": "retry", "why": why}, yes=yes, as_json=as_json)


def fail(
    tasks: Tasks = None,
    *,
    why: Why,
    area: InArea = "",
    status: InStatus = None,
    kind: OfKind = None,
    cause: OfCause = None,
    pattern: Like = "",
    everything: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give tasks up: their chains go on without them."""
    which = _which(tasks, area, status, kind, cause, pattern, everything=everything)
    _ask(which, {"wish": "fail", "why": why}, yes=yes, as_json=as_json)


def reopen(
    tasks: Tasks = None,
    *,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Do later tiles of the chain again, in order."),
    ] = False,
    why: Why,
    area: InArea = "",
    status: InStatus = None,
    kind: OfKind = None,
    cause: OfCause = None,
    pattern: Like = "",
    everything: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring failed tasks back, each in its place in its chain."""
    which = _which(tasks, area, status, kind, cause, pattern, everything=everything)
    wish = {"wish": "reopen", "follow": follow, "why": why}
    _ask(which, wish, yes=yes, as_json=as_json)


def force(
    tasks: Tasks = None,
    *,
    to: Annotated[
        Status, typer.Option("--to", help="The status: pending, done or failed.")
    ],
    why: Why,
    area: InArea = "",
    status: InStatus = None,
    kind: OfKind = None,
    cause: OfCause = None,
    pattern: Like = "",
    everything: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put tasks in a status that their own course would not give them."""
    which = _which(tasks, area, status, kind, cause, pattern, everything=everything)
    wish = {"wish": "force", "status": to.value, "why": why}
    _ask(which, wish, yes=yes, as_json=as_json)


def pause(area: Name, *, why: Why, as_json: AsJson = False) -> None:
    """Order nothing new for an area; what runs may end."""
    _ask_area(area, {"wish": "pause", "why": why}, as_json=as_json)


def resume(area: Name, *, why: Why, as_json: AsJson = False) -> None:
    """Let a paused area go on."""
    _ask_area(area, {"wish": "resume", "why": why}, as_json=as_json)


def cancel(area: Name, *, why: Why, yes: Yes = False, as_json: AsJson = False) -> None:
    """Stop an area for good: nothing of it is ordered or begun any more."""
    _confirm(f"cancel area '{area}' for good?", yes=yes)
    _ask_area(area, {"wish": "cancel", "why": why}, as_json=as_json)


def limit(
    area: Name,
    *,
    why: Why,
    downloads: Annotated[
        int | None,
        typer.Option(min=0, help="Most downloads ordered at once; 0: no limit."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=0, help="Most tiles ordered at once; 0: no limit."),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(help="Doubles both limits so many times; negative: halves them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how much of an area may be under way at once; the rest stays as it is."""
    said = {"downloads": downloads, "processes": processes, "priority": priority}
    found = Gateway(load_settings()).area(area) or {}
    limits = {name: 0 for name in said} | found.get("limits", {})
    limits |= {name: value for name, value in said.items() if value is not None}
    wish = {
        "wish": "limit",
        "limits": {kind: limits[kind] for kind in ("downloads", "processes")},
        "priority": limits["priority"],
        "why": why,
    }
    _ask_area(area, wish, as_json=as_json)


def _which(
    tasks: list[str] | None,
    area: str,
    status: Status | None,
    kind: Kind | None,
    cause: Failure | None,
    pattern: str,
    *,
    everything: bool,
) -> Which:
    named = {"standing": status, "kind": kind, "cause": cause, "pattern": pattern}
    filters = {name: str(value) for name, value in named.items() if value}
    which = Which(tasks or [], area, filters, everything)
    which.check()
    return which


def _ask(which: Which, wish: dict[str, Any], *, yes: bool, as_json: bool) -> None:
    gateway = Gateway(load_settings())
    answers = Answers()
    if which.area:
        _ask_many(gateway, which, wish, answers, yes=yes)
    for task in which.tasks:
        _ask_one(gateway, f"tasks/{task}", task, wish, answers)
    answers.end(as_json=as_json)


def _ask_area(area: str, wish: dict[str, Any], *, as_json: bool) -> None:
    answers = Answers()
    _ask_one(Gateway(load_settings()), f"areas/{area}", area, wish, answers)
    answers.end(as_json=as_json)


def _ask_one(
    gateway: Gateway, subject: str, name: str, wish: dict[str, Any], answers: Answers
) -> None:
    answer = gateway.ask(subject, wish)
    if answer["granted"]:
        answers.granted += 1
    elif answer["granted"] is None:
        answers.unknown += 1
    else:
        answers.refused.append({"task": name, "reason": answer["reason"]})


def _ask_many(
    gateway: Gateway,
    which: Which,
    wish: dict[str, Any],
    answers: Answers,
    *,
    yes: bool,
) -> None:
    """Count first; then ask, in as many turns as the gateway takes at once."""
    subject = f"areas/{which.area}/tasks"
    wish = {**which.filters, **wish}
    matched = gateway.ask(subject, {**wish, "preview": True})["matched"]
    word = wish["wish"]
    _confirm(f"{word} {matched} tasks of area '{which.area}'?", yes=yes or not matched)
    # What is granted does not match again, unless it is forced to be what it is; and
    # where nothing is granted another turn would find the same.
    standing = wish.get("standing", Status.PENDING)
    stays = word == "force" and wish["status"] == standing == Status.PENDING
    left = matched
    while left > 0:
        answer = gateway.ask(subject, wish)
        answers.granted += answer["granted"]
        answers.unknown += answer["unknown"]
        answers.refused += answer["refused"]
        dealt = answer["granted"] + answer["unknown"] + len(answer["refused"])
        left = left - dealt if answer["granted"] and not stays else 0


def _confirm(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)
