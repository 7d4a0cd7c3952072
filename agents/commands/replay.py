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
from infra.postgres.dump import dependency_rows
from streams.codec import unpack
from streams.errors import ContractError
from streams.replay import Positioned, Replayed, differences, digest, lines, replay
from streams.table import AreaRow, DownloadRow, ProcessRow, Row
from streams.topics import TASKS


def replay_log(
    until: Annotated[
        str, typer.Option(help="Stop at this instant (RFC 3339) or offset.")
    ] = "",
    area: Annotated[str, typer.Option(help="Only this area.")] = "",
    compare: Annotated[
        bool, typer.Option(help="Compare with the read model's table, byte for byte.")
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
    replayed = _replay(settings, until, area)
    unequal = _differences(settings, replayed, area) if compare else None
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


def _replay(settings: Settings, until: str, area: str) -> Replayed:
    offset = int(until) if until.isdigit() else None
    instant = datetime.fromisoformat(until) if until and offset is None else None
    return replay(read_log(settings, area), until_time=instant, until_offset=offset)


def _differences(settings: Settings, replayed: Replayed, area: str) -> list[str]:
    there = dependency_rows(settings.postgres_dsn.get_secret_value())
    if area:
        there = {key: row for key, row in there.items() if _is_of(row, area)}
    return differences(replayed.table, there)


def _is_of(row: Row, area: str) -> bool:
    return row.area == area


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
