# SPDX-License-Identifier: Apache-2.0
"""What a log must have led to in the tables that readers ask. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from agents.projector.lives import Parameters
from agents.projector.rows import statements, told
from streams.dependencies import step
from streams.replay import Positioned
from streams.table import Row

_KEYS = {
    "area": ("name",),
    "ingestion": ("area", "id"),
    "task": ("id",),
    "layer": ("uri",),
    "attempt": ("task", "attempt"),
    "wish": ("id",),
}
"""Table → its primary key."""

_TABLES = {f"save_{table}": table for table in _KEYS} | {
    "save_void_report": "attempt",
    "delete_layer": "layer",
}
"""Query → the table that it writes."""

_JSON = frozenset({"downloads", "processes", "limits", "settings", "trials"})

_FIRST_COUNTS = frozenset({"layer", "wish"})


def expected_rows(log: Iterable[Positioned]) -> dict[str, Parameters]:
    """Rows by name (`TABLE KEY`), as `queries.sql` writes them one after the other."""
    rows: dict[str, Parameters] = {}
    for query, parameters in _written(log):
        table = _TABLES[query]
        name = _name(table, parameters)
        known = rows.get(name)
        if query == "delete_layer":
            if known is not None and known["deleted_at"] is None:
                rows[name] = known | parameters
        elif known is None:
            rows[name] = _columns(parameters)
        elif query == "save_void_report" and known["outcome"] != "void":
            pass  # it changes only an attempt that is void itself
        elif table == "attempt":
            rows[name] = _attempt(known, parameters)
        elif table not in _FIRST_COUNTS:
            rows[name] = _columns(parameters)
    return rows


def rows_by_name(tables: Mapping[str, Sequence[Parameters]]) -> dict[str, Parameters]:
    """Rows of the database, by the same names."""
    return {_name(table, row): row for table, rows in tables.items() for row in rows}


def _written(log: Iterable[Positioned]) -> Iterator[tuple[str, Parameters]]:
    rows: dict[str, Row] = {}
    for entry in log:
        done = step(rows, entry.fact, entry.offset)
        before = {key: rows[key] for key in done.rows if key in rows}
        rows |= done.rows
        wanted = chain(statements(done.rows), told(entry.fact, before, done))
        for query, parameters in wanted:
            if query in _TABLES:
                yield query, parameters


def _name(table: str, row: Parameters) -> str:
    return " ".join((table, *(str(row[column]) for column in _KEYS[table])))


def _columns(parameters: Parameters) -> Parameters:
    return {
        column: _plain(value) if column in _JSON else value
        for column, value in parameters.items()
    }


def _plain(value: object) -> object:
    """The value as it comes back from a column of JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _attempt(known: Parameters, parameters: Parameters) -> Parameters:
    """As `save_attempt` merges."""
    new = _columns(parameters)
    kept = {"worker", "provider", "started_at", "ended_at", "duration_s"}
    blank = ("", None)
    merged = {
        column: known[column] if column in kept and value in blank else value
        for column, value in new.items()
    }
    return merged | {"ordered_at": known["ordered_at"] or new["ordered_at"]}
