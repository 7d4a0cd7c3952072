# SPDX-License-Identifier: Apache-2.0
"""A chain in pages answers as the whole chain does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import chains, pages
from streams.chains import Chain
from streams.draft import Draft
from streams.table import CellRow, PageRow, decode_row, encode_row, row_class

DAYS = range(24)


def member(day):
    date = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return date, f"a/s{day}/t"


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["insert", "remove", "root"]), st.sampled_from(DAYS)),
    max_size=60,
)


def cell(draft):
    return draft.cell("a", "c")


def followed(actions, check=lambda draft, chain: None):
    """A chain in pages, and the same chain whole."""
    draft, chain = Draft({}), Chain()
    for act, day in actions:
        one = member(day)
        if act == "insert":
            pages.insert(draft, "a", "c", one)
            chain = chains.inserted(chain, one)
        elif act == "remove":
            pages.remove(draft, "a", "c", one)
            chain = chains.removed(chain, one)
        elif one in chain.members:
            pages.settle_root(draft, "a", "c", one)
            chain = chains.rooted(chain, one)
        check(draft, chain)
    return draft, chain


@pytest.fixture(autouse=True, params=[1, 2, 5])
def small_pages(request, monkeypatch):
    monkeypatch.setattr(pages, "AT_MOST", request.param)


@given(actions=ACTIONS)
def test_pages_hold_the_members_of_the_whole_chain_in_order(actions):
    def check(draft, chain):
        assert pages.whole(cell(draft), draft.rows or {"a@c": cell(draft)}) == chain

    followed(actions, check)


@given(actions=ACTIONS)
def test_neighbours_found_in_pages_are_those_of_the_whole_chain(actions):
    draft, chain = followed(actions)
    for one in map(member, DAYS):
        found = pages.around(draft, "a", "c", one)
        assert chains.following(found, one) == chains.following(chain, one)
        assert chains.preceding(found, one) == chains.preceding(chain, one)
        assert chains.holds(found, one) == chains.holds(chain, one)
        assert chains.followers(found, one) == chains.followers(chain, one)
        if one in chain.members:
            assert chains.links(found, one) == chains.links(chain, one)


@given(actions=ACTIONS)
def test_no_page_is_empty_or_too_full(actions):
    draft, _ = followed(actions)
    row = cell(draft)
    assert len(row.chain.members) <= pages.AT_MOST
    assert row.chain.members or not row.pages
    for page in row.pages:
        assert 1 <= len(draft.page(row, page).members) <= pages.AT_MOST


@given(actions=ACTIONS)
def test_insertion_twice_changes_nothing_the_second_time(actions):
    draft, chain = followed(actions)
    before = dict(draft.rows)
    for one in chain.members:
        pages.insert(draft, "a", "c", one)
    assert draft.rows == before


def test_chain_in_order_of_date_writes_two_short_rows_at_most_for_a_tile():
    draft = Draft({})
    for day in range(1000):
        known = dict(draft.rows)
        pages.insert(draft, "a", "c", member(day))
        changed = [k for k, row in draft.rows.items() if row != known.get(k)]
        assert len(changed) <= 2


def test_rows_of_pages_come_back_from_their_bytes():
    draft, _ = followed([("insert", day) for day in DAYS])
    (key,) = pages.page_keys([cell(draft)])[:1]
    assert row_class(key) is PageRow
    assert decode_row(key, encode_row(draft.rows[key])) == draft.rows[key]


def test_a_row_written_before_there_were_pages_is_turned_when_a_tile_comes():
    old = CellRow("a", "c", Chain(tuple(map(member, DAYS[:-1]))))
    draft = Draft({"a@c": old})
    pages.insert(draft, "a", "c", member(DAYS[-1]))
    whole = pages.whole(cell(draft), draft.rows)
    assert whole.members == tuple(map(member, DAYS))
    assert len(cell(draft).chain.members) <= pages.AT_MOST
