# SPDX-License-Identifier: Apache-2.0
"""The read model at one instant: its dependency table, or all of an area."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra.postgres.connection import connect, read_model_error
from infra.postgres.queries import QUERIES
from streams.replay import Positioned
from streams.table import Row, Rows, decode_row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table at one instant, and how far the log was projected then."""

    rows: dict[str, Row]
    positions: dict[int, int]
    """Offset of the next fact to project, by partition of the log."""

    def seen(self, log: Iterable[Positioned]) -> Iterator[Positioned]:
        """The facts of a log that are projected in this table."""
        return (
            entry
            for entry in log
            if entry.offset < self.positions.get(entry.partition, 0)
        )


def read_snapshot(dsn: str) -> Snapshot:
    """The table as it is now, also while it is being written.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    with _at_one_instant(dsn) as connection:
        positions = connection.execute(QUERIES["positions"]).fetchall()
        found = connection.execute(QUERIES["all_rows"])
        rows = {key: decode_row(key, value.encode()) for key, value in found}
        return Snapshot(rows, dict(positions))


@dataclass(frozen=True, slots=True)
class AreaSnapshot:
    """Every row about an area at one instant, and how far the log was projected."""

    dependency: dict[str, str]
    """Rows of the dependency table as they are stored."""
    tables: dict[str, list[dict[str, Any]]]
    """Rows of the tables that readers ask, by name of table."""
    positions: dict[int, int]


_KEYS_AT_ONCE = 5000

AREA_TABLES = ("area", "ingestion", "task", "layer", "attempt", "wish")


def read_area(dsn: str, area: str) -> AreaSnapshot:
    """An area's rows as they are now.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    with _at_one_instant(dsn) as connection:
        positions = connection.execute(QUERIES["positions"]).fetchall()
        found = connection.execute(QUERIES["audit_dependency"], {"area": area})
        dependency = dict(found.fetchall())
        tables = {}
        with connection.cursor(row_factory=dict_row) as cursor:
            for table in AREA_TABLES:
                cursor.execute(QUERIES[f"audit_{table}"], {"area": area})
                tables[table] = cursor.fetchall()
        return AreaSnapshot(dependency, tables, dict(positions))


def read_rows(dsn: str, keys: Sequence[str]) -> dict[str, Row]:
    """Rows of the table by key, as they are now; those that are not there are left out.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    rows: dict[str, Row] = {}
    with _at_one_instant(dsn) as connection:
        for begin in range(0, len(keys), _KEYS_AT_ONCE):
            part = list(keys[begin : begin + _KEYS_AT_ONCE])
            found = connection.execute(QUERIES["find_rows"], (part,))
            rows |= {key: decode_row(key, value.encode()) for key, value in found}
    return rows


def borne_records(dsn: str, records: Sequence[str]) -> set[str]:
    """Which of these records of the index scenes of any area bear.

    Every row is looked through: for a question that is asked rarely.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    with _at_one_instant(dsn) as connection:
        found = connection.execute(QUERIES["borne_records"], (list(records),))
        return {record for (record,) in found}


def last_logs(dsn: str, tasks: Sequence[str]) -> dict[str, str]:
    """Task → URI of what the steps of its newest attempt with a log said.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    with _at_one_instant(dsn) as connection:
        found = connection.execute(QUERIES["last_logs"], (list(tasks),))
        return dict(found.fetchall())


@contextmanager
def open_table(dsn: str) -> Iterator[Rows]:
    """The dependency table, its rows read when they are asked for.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    with _at_one_instant(dsn) as connection:
        yield _Rows(connection)


class _Rows:
    """Rows read when they are asked for, each once."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._read: dict[str, Row | None] = {}

    def get(self, key: str) -> Row | None:
        """The row under this key."""
        if key not in self._read:
            query = QUERIES["find_rows"]
            found = self._connection.execute(query, ([key],)).fetchone()
            row = None if found is None else decode_row(key, found[1].encode())
            self._read[key] = row
        return self._read[key]


@contextmanager
def _at_one_instant(dsn: str) -> Iterator[psycopg.Connection]:
    try:
        with connect(dsn) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield connection
    except psycopg.Error as error:
        raise read_model_error(error) from error
