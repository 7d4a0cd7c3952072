# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pytest
import shapely

from agents.catalogue.found import Listing, scene_of
from agents.catalogue.inventory import take_inventory
from agents.catalogue.search import Query
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.trial import Fallback, Nothing, Rules, search_in_turn
from streams.errors import InvalidRequest, SearchError

AREA = shapely.box(9, 54, 11, 56)
START = datetime(2022, 1, 1, tzinfo=UTC)
END = datetime(2022, 2, 1, tzinfo=UTC)
QUERY = Query(LandsatSensor(), AREA, START, END)


class Search:
    """A search that has scenes of some days, or fails."""

    def __init__(self, *days, fails=False, here=True):
        self.days = days
        self.fails = fails
        self.here = here
        self.asked = 0

    def supports(self, constellation):
        return self.here

    def search(self, query):
        self.asked += 1
        for day in self.days:
            date = START + timedelta(days=day)
            name = f"LC08_L1TP_196022_{date:%Y%m%d}_{date:%Y%m%d}_02_T1"
            yield scene_of(Listing(name, date, AREA.wkt), query.sensor)
        if self.fails:
            raise SearchError("it is raining")


def tried(fallback=Fallback.EMPTY, nothing=Nothing.ACCEPT, most=1000, **searches):
    take = partial(take_inventory, area=AREA, start=START, end=END)
    return search_in_turn(searches, QUERY, take, Rules(fallback, nothing, most))


def days(inventory):
    return [scene.date.day - 1 for scene in inventory.scenes]


# The first answers with nothing that is kept (day 99 is not asked for), fails in the
# middle, or has scenes; the second has a scene.
@pytest.mark.parametrize(
    ("fallback", "first", "found"),
    [
        ("empty", {"days": ()}, [5]),
        ("empty", {"days": (99,)}, [5]),
        ("empty", {"days": (3,)}, [3]),
        ("empty", {"days": (3,), "fails": True}, [5]),
        ("error", {"days": ()}, []),
        ("error", {"days": (3,)}, [3]),
        ("error", {"days": (3,), "fails": True}, [5]),
        ("never", {"days": ()}, []),
        ("never", {"days": (3,)}, [3]),
        ("never", {"days": (3,), "fails": True}, None),
        ("all", {"days": ()}, [5]),
        ("all", {"days": (3, 5)}, [3, 5]),
        ("all", {"days": (3,), "fails": True}, None),
    ],
)
def test_next_search_is_asked_when_the_rule_says_so(fallback, first, found):
    one = Search(*first["days"], fails=first.get("fails", False))
    searches = {"one": one, "two": Search(5)}
    if found is None:
        with pytest.raises(SearchError, match="raining"):
            tried(Fallback(fallback), **searches)
    else:
        assert days(tried(Fallback(fallback), **searches)) == found


def test_empty_answer_does_not_stand_beside_a_failure():
    with pytest.raises(SearchError, match="raining"):
        tried(one=Search(fails=True), two=Search())


def test_failure_of_every_search_is_an_error_with_all_causes():
    with pytest.raises(SearchError, match="raining; it is raining"):
        tried(one=Search(fails=True), two=Search(fails=True))


def test_how_every_search_answered_is_told():
    found = tried(one=Search(fails=True), two=Search(99), three=Search(5))
    assert found.searched == (
        "one: failed: it is raining",
        "two: listed 1",
        "three: listed 1",
    )


def test_search_without_the_constellation_is_not_asked():
    other = Search(3, here=False)
    assert days(tried(other=other, one=Search(5))) == [5]
    assert other.asked == 0


def test_constellation_that_no_search_has_is_refused():
    with pytest.raises(InvalidRequest, match="none of one, two has scenes of landsat"):
        tried(one=Search(here=False), two=Search(here=False))


def test_more_scenes_than_allowed_are_refused_and_not_cut_off():
    with pytest.raises(InvalidRequest, match="'one' lists more than 4 scenes"):
        tried(most=4, one=Search(1, 2, 3, 4, 5))
    assert len(tried(most=5, one=Search(1, 2, 3, 4, 5)).scenes) == 5


def test_search_without_end_is_stopped():
    search = Search()
    search.days = (day % 28 for day in count())
    with pytest.raises(InvalidRequest, match="lists more than 100 scenes"):
        tried(most=100, one=search)


def test_nothing_found_is_accepted_or_refused_as_configured():
    assert tried(one=Search(99)).scenes == ()
    with pytest.raises(InvalidRequest, match="no scene is kept; one: listed 1"):
        tried(nothing=Nothing.REFUSE, one=Search(99))
