# SPDX-License-Identifier: Apache-2.0
"""A search that is interrupted anywhere and repeated creates nothing twice."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.catalogue.catalogue import Catalogue
from agents.catalogue.searches.sites import Site
from agents.catalogue.searches.stac import StacSearch
from agents.catalogue.searches.web import Manners, Web
from agents.catalogue.sensors.landsat import LandsatSensor
from streams.envelope import Envelope
from streams.errors import SearchError
from streams.replay import Positioned, replay
from tests import netherlands
from tests.peers import peer, stac_api

ITEMS = netherlands.items()[:60]

# The root of the API, six pages of ten.
REQUESTS = 7

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def a_catalogue(url):
    search = StacSearch(Site(url), Web(Manners(tries=1, per_second=10_000)))
    return Catalogue(
        sensors={"landsat": LandsatSensor()},
        searches=lambda name: search,
        default_searches=("stac",),
        graph_roots=(),
    )


@pytest.fixture(scope="module")
def planned():
    """The facts of a request that nothing interrupted."""
    with peer(stac_api(ITEMS)) as host:
        facts = a_catalogue(host.url).plan(netherlands.request())
        assert len(host.asked) == REQUESTS
    assert len(facts) == 2 + 2 * 60
    return facts


@pytest.mark.parametrize("at", range(REQUESTS))
@pytest.mark.parametrize("fault", ["503", "cut", "html"])
def test_search_interrupted_at_any_request_creates_nothing_and_then_the_same(
    planned, fault, at
):
    with peer(stac_api(ITEMS)) as host:
        catalogue = a_catalogue(host.url)
        host.faults = [""] * at + [fault]
        with pytest.raises(SearchError):
            catalogue.plan(netherlands.request())
        assert catalogue.plan(netherlands.request()) == planned


@pytest.mark.parametrize("page_size", [1, 7, 60])
def test_pages_do_not_change_the_facts(planned, page_size):
    with peer(stac_api(ITEMS, page_size)) as host:
        assert a_catalogue(host.url).plan(netherlands.request()) == planned


def test_order_of_the_answer_does_not_change_the_facts(planned):
    with peer(stac_api(ITEMS[::-1])) as host:
        assert a_catalogue(host.url).plan(netherlands.request()) == planned


@given(written=st.lists(st.integers(0, 2 + 2 * 60), max_size=3))
def test_facts_written_in_part_and_again_fold_to_the_same_table(planned, written):
    """The catalogue died after so many facts of each earlier try."""
    said = [
        Envelope(fact, f"fact-{number}", NOW, "catalogue")
        for number, fact in enumerate(planned)
    ]
    again = [fact for many in written for fact in said[:many]] + said
    same = rows(again) == rows(said)
    assert same, written


def rows(facts):
    """The table, without the offsets at which its rows changed last."""
    log = (Positioned(0, offset, fact) for offset, fact in enumerate(facts))
    return {key: replace(row, at=0) for key, row in replay(log).table.items()}
