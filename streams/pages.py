# SPDX-License-Identifier: Apache-2.0
"""Long chains in pages, so that no fact costs more in a longer chain.

The latest tiles of a chain stand in the row of its cell. Those before them stand in
pages, each a row of its own, that the cell's row lists in order. A short chain has no
page. No page is ever empty, and the members of one are all before those of the next.
The rules of `chains` need only the neighbours of a tile, the first of all and the root:
`around` gives these as a chain.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from operator import attrgetter

from msgspec.structs import replace

from streams import chains
from streams.chains import Chain, Member
from streams.draft import Draft
from streams.table import CellRow, Page, PageRow, Row, page_key

AT_MOST = 32
"""Members of a page. Tiles mostly come in order of date, and each writes the row of its
cell again: 2 kB at most. The row of 400 members was 27 kB, and 1,000 such rows in a
batch were more than a record may hold."""


def around(draft: Draft, area: str, cell: str, member: Member) -> Chain:
    """As much of the chain of a cell as the rules need for this member."""
    row = draft.cell(area, cell)
    chain = row.chain
    if not row.pages:
        return chain
    place = _page_of(row, member)
    here = _members(draft, row, place)
    begin, end = bisect_left(here, member), bisect_right(here, member)
    older, rest = here[max(begin - 1, 0) : begin], here[begin : end + 1]
    if chain.root == member:  # all that are older may follow it
        older = _before(draft, row, place) + here[:begin]
    elif place and not older:
        older = _members(draft, row, place - 1)[-1:]
    if end == len(here) and place < len(row.pages):
        rest += _members(draft, row, place + 1)[:1]
    if chain.root is None and older:
        older = tuple(sorted({_members(draft, row, 0)[0], *older}))
    return Chain(older + rest, chain.root)


def insert(draft: Draft, area: str, cell: str, member: Member) -> None:
    """The member takes its place in the chain of its cell."""
    row = draft.cell(area, cell)
    place = _page_of(row, member)
    if place == len(row.pages):
        row = replace(row, chain=chains.inserted(row.chain, member))
        draft.put(row.key, _turned(draft, row))
    else:
        page = draft.page(row, row.pages[place])
        members = chains.inserted(Chain(page.members), member).members
        _put_page(draft, row, place, members)


def remove(draft: Draft, area: str, cell: str, member: Member) -> None:
    """The member leaves the chain of its cell; with the root, its settling goes."""
    row = draft.cell(area, cell)
    place = _page_of(row, member)
    if place == len(row.pages):
        row = replace(row, chain=chains.removed(row.chain, member))
        draft.put(row.key, _filled(draft, row))
        return
    if row.chain.root == member:
        row = replace(row, chain=replace(row.chain, root=None))
        draft.put(row.key, row)
    page = draft.page(row, row.pages[place])
    _put_page(draft, row, place, chains.removed(Chain(page.members), member).members)


def settle_root(draft: Draft, area: str, cell: str, member: Member) -> None:
    """The root of the chain is settled."""
    row = draft.cell(area, cell)
    draft.put(row.key, replace(row, chain=chains.rooted(row.chain, member)))


def page_keys(rows: Iterable[Row]) -> list[str]:
    """Keys of the pages of cells."""
    cells = (row for row in rows if isinstance(row, CellRow))
    return [page_key(row, page) for row in cells for page in row.pages]


def whole(row: CellRow, table: Mapping[str, Row]) -> Chain:
    """The whole chain of a cell, its pages taken from the table."""
    members: tuple[Member, ...] = ()
    for page in row.pages:
        found = table[page_key(row, page)]
        assert isinstance(found, PageRow)
        members += found.members
    return replace(row.chain, members=members + row.chain.members)


def _members(draft: Draft, row: CellRow, place: int) -> tuple[Member, ...]:
    """Those of a page; past the last page: of the cell's row."""
    if place == len(row.pages):
        return row.chain.members
    return draft.page(row, row.pages[place]).members


def _before(draft: Draft, row: CellRow, place: int) -> tuple[Member, ...]:
    """Those of all pages before this one."""
    return tuple(one for page in range(place) for one in _members(draft, row, page))


def _page_of(row: CellRow, member: Member) -> int:
    """Place of the page that has or takes the member; past the last: the cell's row."""
    if not row.pages or row.chain.members[:1] <= (member,):
        return len(row.pages)
    return max(bisect_right(row.pages, member, key=attrgetter("begin")) - 1, 0)


def _turned(draft: Draft, row: CellRow) -> CellRow:
    """The row with its earliest members in new pages, if it has too many."""
    while len(row.chain.members) > AT_MOST:
        # Half of them stay: one that comes a little late finds its place among these.
        half = max(AT_MOST // 2, 1)
        leaving, staying = row.chain.members[:half], row.chain.members[half:]
        row, page = _with_page(row, len(row.pages), leaving)
        draft.put(page_key(row, page), PageRow(row.area, row.cell, leaving))
        row = replace(row, chain=replace(row.chain, members=staying))
    return row


def _filled(draft: Draft, row: CellRow) -> CellRow:
    """The row with the members of its last page, if it has none of its own."""
    if row.chain.members or not row.pages:
        return row
    *pages, last = row.pages
    page = draft.page(row, last)
    draft.put(page_key(row, last), replace(page, members=()))
    chain = replace(row.chain, members=page.members)
    return replace(row, chain=chain, pages=tuple(pages))


def _put_page(
    draft: Draft, row: CellRow, place: int, members: tuple[Member, ...]
) -> None:
    """The page has these members: it is listed no more if none, split if too many."""
    page = row.pages[place]
    if not members:
        pages = (*row.pages[:place], *row.pages[place + 1 :])
        draft.put(row.key, replace(row, pages=pages))
    elif len(members) > AT_MOST:
        half = len(members) // 2
        row, new = _with_page(row, place + 1, members[half:])
        draft.put(row.key, row)
        draft.put(page_key(row, new), PageRow(row.area, row.cell, members[half:]))
        members = members[:half]
    known = draft.page(row, page)
    draft.put(page_key(row, page), replace(known, members=members))


def _with_page(
    row: CellRow, place: int, members: tuple[Member, ...]
) -> tuple[CellRow, Page]:
    page = Page(row.paged, members[0])
    pages = (*row.pages[:place], page, *row.pages[place:])
    return replace(row, pages=pages, paged=row.paged + 1), page
