# SPDX-License-Identifier: Apache-2.0
"""The schema, brought up to date by numbered SQL files, each applied once."""

import re
from importlib.resources import files

import psycopg
from psycopg import sql

from infra.postgres.connection import read_model_error
from streams.errors import ReadModelError

# Two agents that start together must not both create the tables.
_LOCK = 0x1465_7374

_FILE = re.compile(r"(\d{4})-[a-z0-9-]+\.sql")


def migrate(dsn: str, schema: str = "ingester") -> list[str]:
    """Apply the migrations that a database lacks; names of those applied.

    Raises:
        ReadModelError: the database cannot be reached, or refuses.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
            return _apply(connection, schema)
    except psycopg.Error as error:
        raise read_model_error(error) from error


def _apply(connection: psycopg.Connection, schema: str) -> list[str]:
    name = sql.Identifier(schema)
    connection.execute(sql.SQL("create schema if not exists {}").format(name))
    connection.execute(sql.SQL("set search_path to {}").format(name))
    connection.execute(
        "create table if not exists migration (name text primary key, "
        "applied_at timestamptz not null default now())"
    )
    done = {row[0] for row in connection.execute("select name from migration")}
    unknown = done - set(_migrations())
    if unknown:
        raise ReadModelError(
            f"schema '{schema}' is newer than this version: it has {sorted(unknown)}; "
            "upgrade the ingester"
        )
    return [n for n in _migrations() if n not in done and _run(connection, n)]


def _migrations() -> list[str]:
    folder = files("infra.postgres") / "migrations"
    return sorted(f.name for f in folder.iterdir() if _FILE.fullmatch(f.name))


def _run(connection: psycopg.Connection, name: str) -> bool:
    text = (files("infra.postgres") / "migrations" / name).read_text("utf-8")
    with connection.transaction():
        connection.execute(text)
        connection.execute("insert into migration (name) values (%s)", (name,))
    return True
