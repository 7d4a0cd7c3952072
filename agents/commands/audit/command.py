# SPDX-License-Identifier: Apache-2.0
"""The audit of an area: what is fetched when, and compared by `streams.audit`.

The log is read last: so it has every fact that its readers can have seen.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import Progress

from agents.commands.audit.datasets import compare_datasets
from agents.commands.audit.objects import compare_store
from agents.commands.audit.report import Report, show
from agents.commands.audit.topics import Topics
from agents.commands.terminal import ERR, AsJson, say_json
from agents.projector.expected import expected_rows, rows_by_name
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.postgres.dump import AreaSnapshot, read_area
from streams.audit import Place, compare, compare_orders, expect
from streams.errors import InvalidRequest
from streams.replay import Positioned
from streams.table import Table, decode_row, encode_row
from streams.topics import DOWNLOADS

# Kafka may drop a record when its time is up; its clock may not be ours.
_CLOCKS = timedelta(hours=1)


def audit(
    area: Annotated[str, typer.Argument(help="Area name.")],
    deep: Annotated[
        bool, typer.Option(help="Read every object whole, to see its bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fold the log of an area again and compare everything that came of it.

    The workflow's table, the orders sent, the read model, the objects in the store,
    the datasets in the Geocube. Every difference is named with what was expected and
    what is there; ends with 1 if there is any. It only reads.
    """
    settings = load_settings()
    with Progress(console=ERR, transient=True) as progress:
        report = audit_area(settings, area, progress, deep=deep)
    say_json(report) if as_json else show(report)
    if report.differences:
        raise typer.Exit(1)


def audit_area(
    settings: Settings, area: str, progress: Progress, *, deep: bool
) -> Report:
    """What the audit of an area finds.

    Raises:
        InvalidRequest: the log has no fact of it.
    """
    report = Report(area)
    with Topics(connection(settings, "audit"), area) as topics:
        there, folded = topics.table(progress)
        snapshot = read_area(settings.postgres_dsn.get_secret_value(), area)
        orders = topics.orders(progress)
        log = topics.log(progress)
        shown = snapshot.positions.get(topics.partition, 0)
        report.notes += topics.unreadable
    if not log:
        raise InvalidRequest(f"area '{area}'", ["the log has no fact of it"])
    whole = expect(progress.track(log, description="fold"), (folded, shown))
    report.facts = whole.facts
    _tell_lag(report, log, folded, shown)
    table = _encoded(whole.snapshots[folded])
    report.add(Place.TABLE, len(table), compare(Place.TABLE, table, there))
    kept_since = datetime.now(UTC) - (DOWNLOADS.retention or timedelta.max) + _CLOCKS
    unlike = compare_orders(whole.orders, orders, folded, kept_since)
    report.add(Place.ORDERS, len(orders), unlike)
    seen = [entry for entry in log if entry.offset < shown]
    _compare_read_model(report, snapshot, whole.snapshots[shown], seen)
    compare_store(report, settings, whole, progress, deep=deep)
    compare_datasets(report, settings, whole.table, progress)
    return report


def _tell_lag(report: Report, log: list[Positioned], folded: int, shown: int) -> None:
    for who, following in (("workflow", folded), ("projector", shown)):
        behind = sum(entry.offset >= following for entry in log)
        if behind:
            report.notes.append(
                f"the {who} is {behind} facts behind the log: compared as far as it is"
            )


def _compare_read_model(
    report: Report, snapshot: AreaSnapshot, rows: Table, seen: list[Positioned]
) -> None:
    """The dependency table and what readers ask, row by row."""
    table = _encoded(rows)
    wanted: dict[str, Any] = {f"dependency {key}": row for key, row in table.items()}
    wanted |= expected_rows(seen)
    there: dict[str, Any] = {
        f"dependency {key}": _as_now(key, row)
        for key, row in snapshot.dependency.items()
    }
    there |= rows_by_name(snapshot.tables)
    unlike = compare(Place.READ_MODEL, wanted, there)
    report.add(Place.READ_MODEL, len(wanted), unlike)


def _as_now(key: str, text: str) -> str:
    """A row as this version writes it: an earlier one may have said more of it."""
    try:
        return encode_row(decode_row(key, text.encode())).decode()
    except msgspec.DecodeError:
        return text  # no row at all: a difference


def _encoded(rows: Table) -> dict[str, str]:
    return {key: encode_row(row).decode() for key, row in rows.items()}
