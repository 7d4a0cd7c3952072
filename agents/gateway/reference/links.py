# SPDX-License-Identifier: Apache-2.0
"""Who is previous and reference of a tile now, also before it is ordered. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from streams.chains import Chain, Links, links
from streams.model import Status


@dataclass(frozen=True, slots=True)
class Linked:
    """What is needed of a tile to link it."""

    task: str
    date: datetime
    cell: str
    """Key of its cell's row; empty: it has no chain."""
    status: Status
    previous: str
    """Task it was last ordered with; empty before."""
    reference: str


def links_of(tile: Linked, chains: Mapping[str, Chain]) -> Links:
    """As it was ordered; before that, as its chain would have it ordered.

    A failed tile is out of its chain: it has no previous, and keeps the reference it
    was ordered with.
    """
    match tile.status:
        case Status.FAILED:
            return Links("", tile.reference)
        case Status.NEW if tile.cell:
            chain, member = chains.get(tile.cell, Chain()), (tile.date, tile.task)
            place = bisect_left(chain.members, member)
            inside = chain.members[place : place + 1] == (member,)
            return links(chain, member) if inside else Links()
        case Status.NEW:
            return Links()
        case _:
            return Links(tile.previous, tile.reference)


def roots(tiles: Iterable[Linked], linked: Mapping[str, Links]) -> list[Linked]:
    """Tiles not failed that have neither previous nor reference."""
    return [
        tile
        for tile in tiles
        if tile.status is not Status.FAILED and linked[tile.task] == Links()
    ]


def leaves(tiles: Iterable[Linked], linked: Mapping[str, Links]) -> list[Linked]:
    """Tiles not failed that are nobody's previous."""
    followed = {links.previous for links in linked.values()}
    return [
        tile
        for tile in tiles
        if tile.status is not Status.FAILED and tile.task not in followed
    ]
