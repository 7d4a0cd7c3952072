# SPDX-License-Identifier: Apache-2.0
"""Who may do what: bearer tokens, known by their digests, each with a role. Pure."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from streams.errors import InvalidRequest

_LINE = re.compile(r"(?P<role>\w+)\s+(?P<name>[\w.@-]+)\s+(?P<digest>[0-9a-fA-F]{64})")

_EXPECTED = "expected 'ROLE NAME SHA256-OF-THE-TOKEN'"


class Role(IntEnum):
    """What a client may do; each may also do what those before it may."""

    READ = 1
    OPERATE = 2
    """Steer tasks and areas."""
    ADMINISTER = 3
    """Also cancel areas, which is final."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is known; the token itself is nowhere."""

    identity: Identity
    digest: bytes
    """SHA-256 of the token."""


def read_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a list: one a line, `#` begins a comment.

    Raises:
        InvalidRequest: with every line that cannot be understood.
    """
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        match = _LINE.fullmatch(words)
        role = match and Role.__members__.get(match["role"].upper())
        if match and role:
            identity = Identity(match["name"], role)
            found.append(Token(identity, bytes.fromhex(match["digest"])))
        else:
            # Never the line: somebody may have written the token itself.
            roles = ", ".join(role.name.lower() for role in Role)
            problems.append(f"line {number}: {_EXPECTED}, roles: {roles}")
    if problems:
        raise InvalidRequest("tokens", problems)
    return tuple(found)


def identify(tokens: Sequence[Token], authorization: str) -> Identity | None:
    """Whose token an `Authorization` header carries; None: nobody's.

    Takes as long for one that is nearly right as for one that is not.
    """
    scheme, _, token = authorization.partition(" ")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
    found = None
    for known in tokens:
        if hmac.compare_digest(known.digest, digest):
            found = known.identity
    return found if scheme.lower() == "bearer" else None
