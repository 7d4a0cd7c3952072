# SPDX-License-Identifier: Apache-2.0
"""What a log must have led to in the tables that readers ask. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

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

_JSON = frozenset({"downloads", "processes", "limits", "settings", "trials"})

_FIRST_COUNTS = frozenset({"layer", "wish"})


def expected_rows(log: Iterable[Positioned]) -> dict[str, Parameters]:
    """Rows by name (`TABLE KEY`), as `queries.sql` writes them one after the other."""
    rows: dict[str, Parameters] = {}
    for table, parameters in _written(log):
        name = _name(table, parameters)
        known = rows.get(name)
        if known is None:
            rows[name] = _columns(parameters)
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
            table = query.removeprefix("save_")
            if table in _KEYS:
                yield table, parameters


def _name(table: str, row: Parameters) -> str:
    return " ".join((table, *(str(row[column]) for column in _KEYS[table])))


def _columns(parameters: Parameters) -> Parameters:
    return {
        column: json.loads(value) if column in _JSON else value
        for column, value in parameters.items()
        if column != "counts"
    }


def _attempt(known: Parameters, parameters: Parameters) -> Parameters:
    """As `save_attempt` merges."""
    if not parameters["counts"] and known["outcome"] != "void":
        return known
    new = _columns(parameters)
    kept = {"worker", "provider", "started_at", "ended_at", "duration_s"}
    blank = ("", None)
    merged = {
        column: known[column] if column in kept and value in blank else value
        for column, value in new.items()
    }
    return merged | {"ordered_at": known["ordered_at"] or new["ordered_at"]}
