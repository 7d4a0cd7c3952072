# SPDX-License-Identifier: Apache-2.0
"""A second read model beside the one that serves, until it takes its place.

The tables are built in a schema of their own. The switch is one transaction that
renames schemas; whoever writes or reads goes on with the new tables at its next
statement. Whatever is left by a rebuild that did not end is dropped by the next one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from infra.postgres.connection import SCHEMA, read_model_error
from infra.postgres.migrate import migrate
from infra.postgres.queries import QUERIES
from infra.postgres.read_model import ReadModelWriter
from streams.errors import ReadModelError

NEXT = f"{SCHEMA}_next"
OLD = f"{SCHEMA}_old"

# Two rebuilds must not build in one schema.
_LOCK = 0x1465_7375


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The read model that is being built."""

    model: ReadModelWriter
    connection: psycopg.Connection

    def switch(self, catch_up: Callable[[], None]) -> None:
        """Put the new read model in the place of the old one.

        Args:
            catch_up: called while nobody can project into the old one: brings the new
                one to the end of the log. Readers are served meanwhile.
        """
        with self.connection.transaction():
            # Lets readers be, and keeps out the projector, which locks rows of it.
            self._execute("lock table {}.position in exclusive mode", SCHEMA)
            catch_up()
            self._copy_grants()
            self._execute("alter schema {} rename to {}", SCHEMA, OLD)
            self._execute("alter schema {} rename to {}", NEXT, SCHEMA)
        self.clear()

    def clear(self) -> None:
        """Drop whatever is not serving."""
        for schema in (NEXT, OLD):
            self._execute("drop schema if exists {} cascade", schema)

    def _copy_grants(self) -> None:
        """Roles that may read the old tables may read the new ones."""
        grants = self.connection.execute(QUERIES["grants"], {"schema": SCHEMA})
        for table, privilege, role in grants.fetchall():
            what = (
                sql.Identifier(NEXT) if table is None else sql.Identifier(NEXT, table)
            )
            self.connection.execute(
                sql.SQL("grant {} on {} {} to {}").format(
                    sql.SQL(privilege),
                    sql.SQL("schema" if table is None else "table"),
                    what,
                    sql.Identifier(role),
                )
            )

    def _execute(self, statement: str, *schemas: str) -> None:
        names = map(sql.Identifier, schemas)
        self.connection.execute(sql.SQL(statement).format(*names))


@contextmanager
def rebuilding(dsn: str) -> Iterator[Rebuild]:
    """An empty read model beside the one that serves; nobody else rebuilds meanwhile.

    Raises:
        ReadModelError: somebody else does, or the database refuses.
    """
    migrate(dsn)
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            taken = connection.execute("select pg_try_advisory_lock(%s)", (_LOCK,))
            if taken.fetchone() != (True,):
                raise ReadModelError("read model: another rebuild is running")
            rebuild = Rebuild(ReadModelWriter(dsn, NEXT), connection)
            rebuild.clear()
            migrate(dsn, NEXT)
            try:
                yield rebuild
            finally:
                rebuild.model.close()
    except psycopg.Error as error:
        raise read_model_error(error) from error
