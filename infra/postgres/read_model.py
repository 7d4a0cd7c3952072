# SPDX-License-Identifier: Apache-2.0
"""The read model as the projector writes it: one transaction at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from infra.postgres.connection import SCHEMA, connect, read_model_error
from infra.postgres.queries import QUERIES
from streams.table import Row, decode_row


class ReadModelWriter:
    """A connection that projects."""

    def __init__(self, dsn: str, schema: str = SCHEMA) -> None:
        self._connection = connect(dsn, schema)

    @contextmanager
    def transaction(self) -> Iterator["ReadModelWriter"]:
        """Everything done inside is done, or nothing is.

        Raises:
            ReadModelError: the database refused, or went away.
        """
        try:
            with self._connection.transaction():
                yield self
        except psycopg.Error as error:
            raise read_model_error(error) from error

    def lock(self, partitions: Sequence[int]) -> dict[int, int]:
        """Next offset of each partition; nobody else projects them meanwhile."""
        with self._connection.cursor() as cursor:
            cursor.executemany(QUERIES["begin_partition"], [(p,) for p in partitions])
            cursor.execute(QUERIES["lock_positions"], (list(partitions),))
            return dict(cursor.fetchall())

    def generation(self) -> int:
        """Another number once the tables were replaced by a rebuild."""
        found = self._connection.execute(QUERIES["generation"]).fetchone()
        return 0 if found is None else int(found[0])

    def positions(self) -> dict[int, int]:
        """Next offset of each partition that was ever projected.

        Raises:
            ReadModelError: the database refused, or went away.
        """
        with self.transaction():
            return dict(self._connection.execute(QUERIES["positions"]).fetchall())

    def find(self, key: str) -> Row | None:
        """A row of the dependency table."""
        found = self._connection.execute(QUERIES["find_rows"], ([key],)).fetchone()
        return None if found is None else decode_row(key, found[1].encode())

    def save(self, statements: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Run named statements, those of one name together."""
        batches: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for name, parameters in statements:
            batches[name].append(parameters)
        with self._connection.cursor() as cursor:
            for name, batch in batches.items():
                cursor.executemany(QUERIES[name], batch)

    def move(self, positions: dict[int, int]) -> None:
        """The next offset of partitions."""
        with self._connection.cursor() as cursor:
            moves = [(offset, partition) for partition, offset in positions.items()]
            cursor.executemany(QUERIES["move_position"], moves)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
