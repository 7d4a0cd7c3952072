# SPDX-License-Identifier: Apache-2.0
"""Texts that everybody can keep: PostgreSQL and C take no NUL character. Pure."""

import re
from typing import Any

NUL = "\0"
STAND_IN = "\ufffd"
"""Stands where a NUL stood."""

# An even number of backslashes before it are themselves, the odd one makes the escape.
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def refuse_nul(value: Any) -> Any:
    """The value of a JSON document, unchanged.

    Raises:
        ValueError: a text of it holds a NUL; says where.
    """
    if place := _nul(value, ""):
        raise ValueError(f"{place}: holds a NUL character, expected none")
    return value


def without_nul(document: str) -> str:
    """A JSON document, with the stand-in in the place of every NUL of its texts."""
    if "\\u0000" not in document:
        return document
    return _ESCAPED.sub(lambda found: found[1] + STAND_IN, document)


def _nul(value: Any, path: str) -> str:
    """Where the first NUL is; empty: nowhere."""
    if isinstance(value, str):
        return (path or "text") if NUL in value else ""
    if isinstance(value, list):
        inside = ((f"{path}[{at}]", item) for at, item in enumerate(value))
    elif isinstance(value, dict):
        for key in value:
            if NUL in str(key):
                return f"{path}.{key!r}"
        inside = ((f"{path}.{key}", item) for key, item in value.items())
    else:
        return ""
    return next(filter(None, (_nul(item, place) for place, item in inside)), "")
