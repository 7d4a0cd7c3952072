# SPDX-License-Identifier: Apache-2.0
"""What ids and names look like.

It is not shared with the client, whose own checks the stand-in is to judge.
"""

import re
import uuid

from infra.geocube.standin.answers import invalid

_SEGMENT = "[A-Za-z0-9:_-]+"
_PATH = re.compile(f"{_SEGMENT}(/{_SEGMENT})*")
_WORD = re.compile(_SEGMENT)


def new_id() -> str:
    """An id that nothing has yet."""
    return str(uuid.uuid4())


def parsed_id(text: str, what: str = "uuid") -> str:
    """The id in the spelling that it was given out in.

    The reference takes others too (upper case, braces, `urn:uuid:`), and then mistakes
    them for other ids; here they mean the same.

    Raises:
        Refusal: it is no UUID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid(f"Invalid {what}: {text}") from None


def is_path(name: str) -> bool:
    """Is it a name of a record or a variable: words separated by `/`?"""
    return _PATH.fullmatch(name) is not None


def is_word(name: str) -> bool:
    """Is it a name of an instance?"""
    return _WORD.fullmatch(name) is not None
