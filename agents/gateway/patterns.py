# SPDX-License-Identifier: Apache-2.0
"""Patterns of people as patterns of SQL. Pure."""

_QUOTED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def like(pattern: str) -> str:
    """`*` any text, `?` any character, all else itself, as LIKE wants it."""
    return pattern.translate(_QUOTED).replace("*", "%").replace("?", "_")
