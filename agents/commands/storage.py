# SPDX-License-Identifier: Apache-2.0
"""`ingester storage`: what is kept of an area and why, and what can go."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from agents.commands.terminal import OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from agents.worker.equipment import open_stores
from agents.worker.stock import Stocktaking, stock_of
from agents.workflow.batch import outgoing_record
from infra.kafka.arealog import read_area_log
from infra.kafka.connection import connection
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.envelope import Envelope
from streams.events import LayerDeleted
from streams.holdings import Holding, Keeping, removable
from streams.orders import LayerReleased
from streams.topics import TASKS, key_of

app = typer.Typer(no_args_is_help=True, help="What is kept of an area, and why.")

Area = Annotated[str, typer.Argument(help="Area name.")]

# Lines that a person reads; `--json` has them all.
_SHOWN = 100


@app.command()
def report(area: Area, as_json: AsJson = False) -> None:
    """What is kept, its size and why; what is released, too much or missing.

    Folds the log of the area and lists its objects; it only reads. Ends with 1 if
    something is missing.
    """
    stock = _take(load_settings(), area).stock
    if as_json:
        say_json({"area": area, "objects": stock.holdings})
    else:
        found = table(f"Storage of {area}", "what", "why", "objects", "bytes")
        for keeping, why, number, size in stock.sums():
            found.add_row(keeping, why, f"{number:,}", f"{size:,}")
        OUT.print(found)
        _show(stock.of(Keeping.MISSING))
    if stock.of(Keeping.MISSING):
        raise typer.Exit(1)


@app.command()
def orphans(
    area: Area,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete them, after asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    older_than_h: Annotated[
        float,
        typer.Option(
            help="Younger ones stay: a worker may be about to list them.", min=0
        ),
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Objects that no fact lists: left by attempts that did not end well, or strangers.

    Those that are removed are recorded in the log. What an attempt that runs, or that
    may still be reported, has stored is never removed.
    """
    settings = load_settings()
    taken = _take(settings, area)
    before = datetime.now(UTC) - timedelta(hours=older_than_h)
    found = removable(taken.stock, taken.log, taken.there, before)
    kept = len(taken.stock.of(Keeping.ORPHAN)) - len(found)
    if as_json:
        say_json(found)
    else:
        _show(found)
        OUT.print(f"{len(found)} orphans; {kept} more are too young, or may be listed")
    if remove and found:
        if not yes:
            typer.confirm(f"Delete {len(found)} objects for good?", abort=True)
        _remove(settings, area, found)
        if not as_json:
            OUT.print(f"deleted {len(found)} objects")


@app.command()
def resend(area: Area) -> None:
    """Send the releases that were not carried out again.

    For layers released while the janitor was told to keep them, or was away for longer
    than Kafka keeps releases.
    """
    settings = load_settings()
    waiting = _take(settings, area).stock.of(Keeping.RELEASED)
    now = datetime.now(UTC)
    Writer(connection(settings, "cli")).write(
        outgoing_record(LayerReleased(area, one.task, one.uri), now) for one in waiting
    )
    OUT.print(f"released {len(waiting)} layers again")


def _take(settings: Settings, area: str) -> Stocktaking:
    log = read_area_log(connection(settings, "cli"), area)
    return stock_of(area, log, open_stores(settings), settings.storage_uri)


def _remove(settings: Settings, area: str, found: list[Holding]) -> None:
    """Record, then delete: what is deleted is never missed without a reason."""
    now = datetime.now(UTC)
    facts = [
        Envelope(
            LayerDeleted(area, "", one.uri),
            id=f"{one.uri}/orphan-removed/{now.isoformat()}",
            time=now,
            source="/cli",
            subject=area,
        )
        for one in found
    ]
    Writer(connection(settings, "cli")).write(
        pack(TASKS.name, key_of(fact.message), fact) for fact in facts
    )
    store = open_stores(settings)
    for one in found:
        store.delete(one.uri)


def _show(found: list[Holding]) -> None:
    if not found:
        return
    shown = table(f"{len(found)} objects", "what", "uri", "bytes", "why")
    for one in found[:_SHOWN]:
        shown.add_row(one.keeping, one.uri, f"{one.size_bytes:,}", one.why)
    OUT.print(shown)
    if len(found) > _SHOWN:
        OUT.print(f"… and {len(found) - _SHOWN} more: --json names all")
