# SPDX-License-Identifier: Apache-2.0
"""The tiles of one place in order of date: who is previous, who is reference.

A chain holds the living tiles of a cell (a failed one leaves it). Until its first tile
was ordered a chain has no settled root, and whichever tile is earliest would be it.
Once ordered, the root stays the root until it fails: every later result builds on it.
So a tile that comes late and is older than the settled root hangs on the root as a side
branch (previous = reference = root), and one that comes late in the middle takes its
place before all followers that are not ordered yet.
"""

from bisect import bisect_left, bisect_right
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

Member = tuple[datetime, str]
"""Acquisition date and task id; their order is the chain's."""


class Chain(Struct, frozen=True, gc=False):
    """The living tiles of one cell."""

    members: tuple[Member, ...] = ()
    root: Member | None = None
    """The settled root; None: nothing was ordered yet."""


class Links(Struct, frozen=True, gc=False):
    """Whose results a tile needs; empty: nobody's."""

    previous: str = ""
    reference: str = ""


def links(chain: Chain, member: Member) -> Links:
    """Previous and reference of a member that is not ordered yet."""
    root = chain.root or chain.members[0]
    if root == member:
        return Links()
    if member < root:
        return Links(root[1], root[1])
    before = chain.members[bisect_left(chain.members, member) - 1]
    return Links(before[1], root[1])


def inserted(chain: Chain, member: Member) -> Chain:
    """The chain with this member in its place; the same when it is there already."""
    if holds(chain, member):
        return chain
    place = bisect_left(chain.members, member)
    members = (*chain.members[:place], member, *chain.members[place:])
    return replace(chain, members=members)


def removed(chain: Chain, member: Member) -> Chain:
    """The chain without this member; without a settled root if it was the root."""
    if not holds(chain, member):
        return chain
    place = bisect_left(chain.members, member)
    members = chain.members[:place] + chain.members[place + 1 :]
    return Chain(members, None if chain.root == member else chain.root)


def rooted(chain: Chain, member: Member) -> Chain:
    """The chain with its root settled."""
    return replace(chain, root=member)


def following(chain: Chain, member: Member) -> str:
    """Task of the member whose previous is this one, or would be; empty: nobody's.

    A side branch, older than the settled root, is nobody's previous.
    """
    if chain.root is not None and member < chain.root:
        return ""
    after = chain.members[bisect_right(chain.members, member) :][:1]
    return after[0][1] if after else ""


def preceding(chain: Chain, member: Member) -> str:
    """Task of the member just before this one, in the chain or not; empty: nobody's."""
    place = bisect_left(chain.members, member)
    return chain.members[place - 1][1] if place else ""


def holds(chain: Chain, member: Member) -> bool:
    """Is this a member of the chain?"""
    place = bisect_left(chain.members, member)
    return chain.members[place : place + 1] == (member,)


def followers(chain: Chain, member: Member) -> tuple[str, ...]:
    """Tasks that may become ready when this member is done or leaves the chain.

    The next one by date; all older ones when the member is the root; and the earliest
    when there is no settled root.
    """
    after = chain.members[bisect_right(chain.members, member) :][:1]
    older: tuple[Member, ...] = ()
    if chain.root == member:
        older = chain.members[: bisect_left(chain.members, member)]
    elif chain.root is None:
        older = chain.members[:1]
    return tuple(dict.fromkeys(task for _, task in (*older, *after)))
