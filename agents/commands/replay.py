# SPDX-License-Identifier: Apache-2.0
"""`ingester replay`: fold the log again, to any instant, and compare."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.commands.terminal import ERR, OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.reader import TopicReader
from infra.postgres.dump import Snapshot, read_snapshot
from streams.codec import unpack
from streams.errors import ContractError, InvalidRequest
from streams.replay import Positioned, Replayed, differences, digest, lines, replay
from streams.table import AreaRow, DownloadRow, ProcessRow
from streams.topics import TASKS


def replay_log(
    until: Annotated[
        str, typer.Option(help="Stop at this instant (RFC 3339) or offset.")
    ] = "",
    area: Annotated[str, typer.Option(help="Only this area.")] = "",
    compare: Annotated[
        bool,
        typer.Option(
            help="Compare with the read model's table, byte for byte, as far as it is."
        ),
    ] = False,
    dump: Annotated[
        Path | None, typer.Option(help="Write the table to this file, a row a line.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fold the task log from its beginning; nothing is written to Kafka.

    Ends with 1 when `--compare` finds a difference.
    """
    settings = load_settings()
    limits = _limits(until)
    there = read_snapshot(settings.postgres_dsn.get_secret_value()) if compare else None
    log = read_log(settings, area)
    replayed = replay(there.seen(log) if there else log, **limits)
    unequal = _differences(replayed, there, area) if there else None
    if dump is not None:
        dump.write_bytes(b"".join(lines(replayed.table)))
    summary = _summary(replayed, unequal)
    say_json(summary) if as_json else _show(summary)
    if unequal:
        raise typer.Exit(1)


def read_log(settings: Settings, area: str = "") -> Iterator[Positioned]:
    """The facts of the log; what cannot be decoded is told and passed over."""
    with TopicReader(connection(settings, "replay")) as reader:
        for record in reader.read(TASKS.name):
            if area and record.key != area.encode():
                continue
            try:
                fact: Any = unpack(record)
            except ContractError as error:
                ERR.print(f"[yellow]{record}[/]: {error}")
                continue
            yield Positioned(record.partition, record.offset, fact)


def _limits(until: str) -> dict[str, Any]:
    """Where to stop, as `replay` wants to be told."""
    if not until:
        return {}
    if until.isdecimal():
        return {"until_offset": int(until)}
    try:
        instant = datetime.fromisoformat(until)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        expected = "an offset, or an instant with its zone as in 2024-05-01T00:00Z"
        raise InvalidRequest("--until", [f"'{until}', expected {expected}"])
    return {"until_time": instant}


def _differences(replayed: Replayed, there: Snapshot, area: str) -> list[str]:
    rows = there.rows
    if area:
        rows = {key: row for key, row in rows.items() if row.area == area}
    return differences(replayed.table, rows)


def _summary(replayed: Replayed, unequal: list[str] | None) -> dict[str, Any]:
    rows = replayed.table.values()
    return {
        "facts": replayed.facts,
        "rows": len(replayed.table),
        "areas": sum(isinstance(row, AreaRow) for row in rows),
        "downloads": sum(isinstance(row, DownloadRow) for row in rows),
        "processes": sum(isinstance(row, ProcessRow) for row in rows),
        "orders": len(replayed.outgoing),
        "unknown": [reason for _, reason in replayed.unknown],
        "sha256": digest(replayed.table),
        "differences": unequal,
    }


def _show(summary: dict[str, Any]) -> None:
    found = table("Replayed", "what", "how many")
    for name in ("facts", "rows", "areas", "downloads", "processes", "orders"):
        found.add_row(name, str(summary[name]))
    OUT.print(found)
    OUT.print(f"table sha256 {summary['sha256']}")
    for reason in summary["unknown"]:
        OUT.print(f"[yellow]unknown[/]: {reason}")
    unequal = summary["differences"]
    if unequal is not None:
        verdict = "[red]differs[/] in" if unequal else "[green]equals[/] in"
        OUT.print(f"the read model {verdict} {len(unequal) or 'every'} row(s)")
        for key in unequal[:20]:
            OUT.print(f"  {key}")
