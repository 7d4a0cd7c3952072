# SPDX-License-Identifier: Apache-2.0
"""The named queries of `queries.sql`: `QUERIES["save_task"]`."""

import re
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(package: str) -> dict[str, LiteralString]:
    """The statements of a package's `queries.sql`, by name."""
    text = (files(package) / "queries.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    queries = {name: body.strip() for name, body in zip(names, bodies, strict=True)}
    # They are literals of the package, in a file that SQL tools can open.
    return cast(dict[str, LiteralString], queries)


QUERIES = load_queries("infra.postgres")
