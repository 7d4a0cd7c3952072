# SPDX-License-Identifier: Apache-2.0
"""The read model as readers see it: named queries, rows as dicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from infra.postgres.connection import pool, read_model_error
from infra.postgres.queries import QUERIES
from streams.errors import ReadModelError


class ReadModelReader:
    """A pool of connections that only read."""

    def __init__(self, dsn: str) -> None:
        self._pool = pool(dsn)

    async def open(self) -> None:
        """Connect."""
        await self._pool.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    async def fetch(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """Rows of a named query.

        Raises:
            ReadModelError: the database does not answer, or refuses.
        """
        try:
            async with self._pool.connection(timeout=10) as connection:
                cursor = await connection.execute(QUERIES[query], parameters)
                return await cursor.fetchall()
        except PoolTimeout as error:
            raise ReadModelError(
                "read model: no connection; is PostgreSQL running?"
            ) from error
        except psycopg.Error as error:
            raise read_model_error(error) from error
