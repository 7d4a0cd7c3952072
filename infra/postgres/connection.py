# SPDX-License-Identifier: Apache-2.0
"""Connections to the read model, and its errors."""

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from streams.errors import ReadModelError

SCHEMA = "ingester"

Pool = AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]


def connect(dsn: str, schema: str = SCHEMA) -> psycopg.Connection:
    """A connection whose transactions are the caller's.

    Raises:
        ReadModelError: the database cannot be reached.
    """
    try:
        return psycopg.connect(
            dsn, options=_options(schema), application_name="ingester"
        )
    except psycopg.Error as error:
        raise read_model_error(error) from error


def pool(dsn: str, schema: str = SCHEMA) -> Pool:
    """Connections for readers, rows as dicts; to be opened by the caller."""
    return AsyncConnectionPool(
        dsn,
        connection_class=psycopg.AsyncConnection[DictRow],
        min_size=1,
        max_size=8,
        open=False,
        kwargs={
            "options": f"{_options(schema)} {_QUICK}",
            "row_factory": dict_row,
            "autocommit": True,
            "application_name": "ingester-gateway",
        },
    )


def read_model_error(error: psycopg.Error) -> ReadModelError:
    """The error of ours; never the connection string, which holds a password."""
    state = f" [{error.sqlstate}]" if error.sqlstate else ""
    away = isinstance(error, psycopg.OperationalError) and not error.sqlstate
    advice = "; is PostgreSQL running at INGESTER_POSTGRES_DSN?" if away else ""
    return ReadModelError(f"read model: {str(error).strip()}{state}{advice}")


def _options(schema: str) -> str:
    return f"-c search_path={schema} -c timezone=UTC"


# Many small questions at once: to compile one, or to share it among processes, takes
# longer than to answer it.
_QUICK = "-c jit=off -c max_parallel_workers_per_gather=0"
