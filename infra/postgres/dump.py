# SPDX-License-Identifier: Apache-2.0
"""The whole dependency table of the read model, to compare it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg

from infra.postgres.connection import connect, read_model_error
from infra.postgres.queries import QUERIES
from streams.replay import Positioned
from streams.table import Row, decode_row


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
    try:
        with connect(dsn) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            positions = connection.execute(QUERIES["positions"]).fetchall()
            found = connection.execute(QUERIES["all_rows"])
            rows = {key: decode_row(key, value.encode()) for key, value in found}
            return Snapshot(rows, dict(positions))
    except psycopg.Error as error:
        raise read_model_error(error) from error
