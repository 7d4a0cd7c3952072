# SPDX-License-Identifier: Apache-2.0
"""The read model as the projector writes it: one transaction at a time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg

from infra.postgres.connection import SCHEMA, connect, read_model_error
from infra.postgres.queries import QUERIES
from streams.table import Row, decode_row
from streams.texts import without_nul

Parameters = dict[str, Any]

_ATTEMPT = ("task", "attempt")

_IDENTITY = {
    "save_attempt": _ATTEMPT,
    "save_void_report": _ATTEMPT,
    "save_refusal": ("area", "ingestion"),
    "save_layer": ("uri",),
    "delete_layer": ("uri",),
}
"""What names a row that a batch may change more than once; others come once, or the
first of them counts."""


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

    def find(self, keys: Collection[str]) -> dict[str, Row]:
        """Rows of the dependency table, those that are there, by key."""
        found = self._connection.execute(QUERIES["find_rows"], (list(keys),))
        return {key: decode_row(key, value.encode()) for key, value in found}

    def save(self, statements: Iterable[tuple[str, Parameters]]) -> None:
        """Run named statements: those about the same row in order, others together."""
        for name, rows in rounds(statements):
            document = without_nul(msgspec.json.encode(rows).decode())
            self._connection.execute(QUERIES[name], (document,))

    def move(self, positions: dict[int, int]) -> None:
        """The next offset of partitions."""
        with self._connection.cursor() as cursor:
            moves = [(offset, partition) for partition, offset in positions.items()]
            cursor.executemany(QUERIES["move_position"], moves)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def rounds(
    statements: Iterable[tuple[str, Parameters]],
) -> Iterator[tuple[str, list[Parameters]]]:
    """Statements of one name together, in rounds: no row twice in one.

    PostgreSQL refuses a statement that would change a row a second time.
    """
    come: dict[tuple[Any, ...], int] = defaultdict(int)
    found: list[dict[str, list[Parameters]]] = []
    for name, parameters in statements:
        turn = 0
        if name in _IDENTITY:
            row = tuple(parameters[column] for column in _IDENTITY[name])
            turn = come[row]
            come[row] += 1
        if turn == len(found):
            found.append(defaultdict(list))
        found[turn][name].append(parameters)
    for batch in found:
        yield from batch.items()
