# SPDX-License-Identifier: Apache-2.0
"""Answers on the terminal: pictures for people, JSON for machines."""

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from streams.model import Status

OUT = Console()
ERR = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for machines.")]

# What people know from the reference's graphs.
STATUS_COLOURS = {
    Status.NEW: "bright_black",
    Status.PENDING: "blue",
    Status.DONE: "green",
    Status.RETRY: "yellow",
    Status.FAILED: "red",
}


def status_text(status: Status) -> str:
    """A status in its colour."""
    return f"[{STATUS_COLOURS[status]}]{status}[/]"


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say_line(value: Any) -> None:
    """One JSON document on one line, for streams of them."""
    typer.echo(msgspec.json.encode(value).decode())


def table(title: str, *columns: str) -> Table:
    """An empty table in the house style."""
    empty = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty
