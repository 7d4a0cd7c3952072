# SPDX-License-Identifier: Apache-2.0
"""`ingester replay`: fold the log again, to any instant, and compare."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from agents.commands.terminal import ERR, OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.reader import TopicReader
from infra.postgres.dump import Snapshot, read_snapshot
from streams.codec import unpack
from streams.errors import ContractError, InvalidRequest
from streams.model import Kind, Status
from streams.replay import (
    Change,
    Positioned,
    Replayed,
    Until,
    changes,
    differences,
    digest,
    lines,
    replay,
    replay_twice,
)
from streams.table import AreaRow, DownloadRow, ProcessRow, Row, encode_row
from streams.topics import TASKS

# Lines of a difference that a person reads; `--json` has them all.
_SHOWN = 200


def replay_log(
    until: Annotated[
        str, typer.Option(help="Stop at this instant (RFC 3339) or offset.")
    ] = "",
    since: Annotated[
        str,
        typer.Option(help="Show what changed since this instant (RFC 3339) or offset."),
    ] = "",
    area: Annotated[str, typer.Option(help="Only this area.")] = "",
    task: Annotated[str, typer.Option(help="Show the row of this task.")] = "",
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

    An offset counts in the partition of each area: give `--area` or `--task` with it.
    Ends with 1 when `--compare` finds a difference.
    """
    settings = load_settings()
    area = area or task.partition("/")[0]
    end = instant("--until", until)
    there = read_snapshot(settings.postgres_dsn.get_secret_value()) if compare else None
    log = read_log(settings, area)
    log = there.seen(log) if there else log
    early, replayed = (
        replay_twice(log, instant("--since", since), end)
        if since
        else (None, replay(log, end))
    )
    unequal = _differences(replayed, there, area) if there else None
    if dump is not None:
        dump.write_bytes(b"".join(lines(replayed.table)))
    summary = _summary(replayed, unequal)
    if early is not None:
        moved = changes(early.table, replayed.table)
        summary["changes"] = [c for c in moved if not task or c.key == task]
    if task:
        summary["task"] = _task(replayed.table, task)
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


def instant(option: str, text: str) -> Until:
    """The instant or offset that an option names; nothing names the end of the log.

    Raises:
        InvalidRequest: it names neither.
    """
    if not text:
        return Until()
    if text.isdecimal():
        return Until(offset=int(text))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        expected = "an offset, or an instant with its zone as in 2024-05-01T00:00Z"
        raise InvalidRequest(option, [f"'{text}', expected {expected}"])
    return Until(time=time)


def _differences(replayed: Replayed, there: Snapshot, area: str) -> list[str]:
    rows = there.rows
    if area:
        rows = {key: row for key, row in rows.items() if row.area == area}
    return differences(replayed.table, rows)


def _task(rows: Mapping[str, Row], task: str) -> dict[str, Any]:
    row = rows.get(task)
    if not isinstance(row, DownloadRow | ProcessRow):
        raise InvalidRequest(f"task '{task}'", ["the log has none of that id by then"])
    found: dict[str, Any] = msgspec.json.decode(encode_row(row))
    return found


def _summary(replayed: Replayed, unequal: list[str] | None) -> dict[str, Any]:
    rows = replayed.table.values()
    return {
        "facts": replayed.facts,
        "rows": len(replayed.table),
        "areas": sum(isinstance(row, AreaRow) for row in rows),
        "downloads": sum(isinstance(row, DownloadRow) for row in rows),
        "processes": sum(isinstance(row, ProcessRow) for row in rows),
        "orders": len(replayed.outgoing),
        "statuses": _statuses(replayed.table),
        "unknown": [reason for _, reason in replayed.unknown],
        "sha256": digest(replayed.table),
        "differences": unequal,
    }


def _statuses(rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Tasks by area, kind and status."""
    counts: dict[tuple[str, Kind], Counter[Status]] = {}
    for row in rows.values():
        if isinstance(row, DownloadRow | ProcessRow):
            kind = Kind.DOWNLOAD if isinstance(row, DownloadRow) else Kind.PROCESS
            counts.setdefault((row.area, kind), Counter())[row.course.status] += 1
    return [
        {"area": area, "kind": kind, **{s.value: count[s] for s in Status}}
        for (area, kind), count in sorted(counts.items())
    ]


def _show(summary: dict[str, Any]) -> None:
    found = table("Replayed", "what", "how many")
    for name in ("facts", "rows", "areas", "downloads", "processes", "orders"):
        found.add_row(name, str(summary[name]))
    OUT.print(found)
    _show_statuses(summary["statuses"])
    if "task" in summary:
        OUT.print_json(data=summary["task"])
    if "changes" in summary:
        _show_changes(summary["changes"])
    OUT.print(f"table sha256 {summary['sha256']}")
    for reason in summary["unknown"]:
        OUT.print(f"[yellow]unknown[/]: {reason}")
    unequal = summary["differences"]
    if unequal is not None:
        verdict = "[red]differs[/] in" if unequal else "[green]equals[/] in"
        OUT.print(f"the read model {verdict} {len(unequal) or 'every'} row(s)")
        for key in unequal[:20]:
            OUT.print(f"  {key}")


def _show_statuses(statuses: list[dict[str, Any]]) -> None:
    found = table("Tasks", "area", "kind", *Status)
    for row in statuses:
        found.add_row(
            row["area"], row["kind"].lower(), *(str(row[s.value]) for s in Status)
        )
    OUT.print(found)


def _show_changes(moved: list[Change]) -> None:
    found = table(f"{len(moved)} changes", "row", "what", "before", "after")
    for change in moved[:_SHOWN]:
        found.add_row(change.key, change.what, change.before, change.after)
    OUT.print(found)
    if len(moved) > _SHOWN:
        OUT.print(f"… and {len(moved) - _SHOWN} more: --json shows all")
