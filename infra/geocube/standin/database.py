# SPDX-License-Identifier: Apache-2.0
"""The stand-in's database: its schema, and transactions of named queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import ConnectionPool

from infra.postgres.queries import load_queries
from streams.errors import StackError

PACKAGE = "infra.geocube.standin"
QUERIES = load_queries(PACKAGE)

# As many as the reference server holds.
_CONNECTIONS = 5
_TIMEOUT_S = 10.0
_STATEMENT_S = 30


class Transaction:
    """What one call does in the database: all of it, or nothing."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection

    def rows(self, query: str, **parameters: Any) -> list[DictRow]:
        """All rows of a query."""
        return self._run(query, parameters).fetchall()

    def row(self, query: str, **parameters: Any) -> DictRow | None:
        """The first row of a query; None: there is none."""
        return self._run(query, parameters).fetchone()

    def do(self, query: str, **parameters: Any) -> int:
        """Run a statement; the number of rows that it touched."""
        return self._run(query, parameters).rowcount

    def _run(self, query: str, parameters: dict[str, Any]) -> Cursor[DictRow]:
        return self._connection.execute(QUERIES[query], parameters)


class Database:
    """Connections to one database. Thread-safe; close it, or use it in a `with`."""

    def __init__(self, dsn: str) -> None:
        self._pool = ConnectionPool(
            dsn,
            connection_class=Connection[DictRow],
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_TIMEOUT_S,
            open=False,
            # A connection that a restart of PostgreSQL has broken is replaced.
            check=ConnectionPool.check_connection,
            configure=_configure,
            kwargs={
                "row_factory": dict_row,
                "application_name": "geocube-standin",
                "connect_timeout": int(_TIMEOUT_S),
                # No call waits for ever for another one's lock.
                "options": f"-c statement_timeout={_STATEMENT_S}s",
            },
        )

    def __enter__(self) -> Self:
        self._pool.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything done inside is stored at its end, or nothing after an error."""
        with self._pool.connection() as connection:
            yield Transaction(connection)

    def prepare(self) -> None:
        """Make the tables that are not there. Several may do it at once.

        Raises:
            StackError: the database belongs to a real Geocube.
        """
        schema = (files(PACKAGE) / "schema.sql").read_text("utf-8")
        with self._pool.connection() as connection:
            connection.execute(QUERIES["lock_schema"])
            if connection.execute(QUERIES["foreign_schema"]).fetchone() is not None:
                raise StackError(
                    "the database has a schema 'geocube' that is not the stand-in's: "
                    "give it another database in INGESTER_GEOCUBE_DSN"
                )
            connection.execute(schema)


def _configure(connection: Connection[DictRow]) -> None:
    """Ids are text everywhere but in PostgreSQL."""
    connection.adapters.register_loader("uuid", TextLoader)
