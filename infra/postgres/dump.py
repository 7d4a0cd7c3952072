# SPDX-License-Identifier: Apache-2.0
"""The whole dependency table of the read model, to compare it."""

import psycopg

from infra.postgres.connection import connect, read_model_error
from infra.postgres.queries import QUERIES
from streams.table import Row, decode_row


def dependency_rows(dsn: str) -> dict[str, Row]:
    """Every row by key.

    Raises:
        ReadModelError: the database refused, or cannot be reached.
    """
    try:
        with connect(dsn) as connection:
            found = connection.execute(QUERIES["all_rows"])
            return {key: decode_row(key, value.encode()) for key, value in found}
    except psycopg.Error as error:
        raise read_model_error(error) from error
