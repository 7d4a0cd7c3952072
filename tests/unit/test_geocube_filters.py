# SPDX-License-Identifier: Apache-2.0
"""Patterns, times, pages and ids as the Geocube's stand-in reads them."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.answers import Refusal
from infra.geocube.standin.filters import interval, moment, paging, pattern, tag_filters
from infra.geocube.standin.grammar import is_path, is_word, parsed_id

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z


@pytest.mark.parametrize(
    ("text", "how", "like"),
    [
        ("a_b", "=", "a_b"),
        ("a%b", "=", "a%b"),
        ("a_b*", "LIKE", r"a\_b%"),
        ("a?b", "LIKE", "a_b"),
        ("a_b(?i)", "ILIKE", r"a\_b"),
        ("*a(?i)", "ILIKE", "%a"),
    ],
)
def test_pattern_is_compared_as_sql_does(text, how, like):
    assert pattern(text) == (how, like)


def test_tag_without_value_must_exist():
    assert tag_filters({"a": "", "b": "c*"}) == {
        "tag_keys": ["a", "b"],
        "tag_hows": ["EXISTS", "LIKE"],
        "tag_values": ["", "c%"],
    }


@pytest.mark.parametrize(
    ("seconds", "nanos", "expected"),
    [
        (0, 0, "1970-01-01T00:00:00"),
        (0, 1_499, "1970-01-01T00:00:00.000001"),
        (0, 1_501, "1970-01-01T00:00:00.000002"),
        (0, 999_999_999, "1970-01-01T00:00:01"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00"),
        (-62_135_596_801, 0, None),
        (LAST_S, 0, "9999-12-31T23:59:59"),
        (LAST_S, 999_999_999, None),
        (LAST_S + 1, 0, None),
        (0, -1, None),
        (0, 1_000_000_000, None),
    ],
)
def test_time_is_kept_to_the_nearest_microsecond(seconds, nanos, expected):
    found = moment(Timestamp(seconds=seconds, nanos=nanos))
    assert (found and found.isoformat()) == expected


def test_bound_is_none_when_unset_or_in_year_1_but_not_in_1970():
    request = pb.ListRecordsRequest(
        from_time=Timestamp(seconds=-62_135_596_800), to_time=Timestamp()
    )
    bounds = interval(request)
    assert bounds == {"from_time": None, "to_time": moment(Timestamp())}
    assert bounds["to_time"].year == 1970
    assert interval(pb.RecordFilters()) == {"from_time": None, "to_time": None}


@pytest.mark.parametrize(
    ("limit", "page", "expected"),
    [(0, 0, (None, 0)), (0, 7, (None, 0)), (10, 0, (10, 0)), (10, 3, (10, 30))],
)
def test_page_does_not_count_without_limit(limit, page, expected):
    assert tuple(paging(limit, page).values()) == expected


@pytest.mark.parametrize(
    ("limit", "page", "state"), [(-1, 0, "2201W"), (1, -1, "2201X")]
)
def test_negative_page_is_refused(limit, page, state):
    with pytest.raises(Refusal, match=state):
        paging(limit, page)


@pytest.mark.parametrize("text", [ID, ID.upper(), f"{{{ID}}}", f"urn:uuid:{ID}"])
def test_id_is_the_same_in_every_spelling(text):
    assert parsed_id(text) == ID


@pytest.mark.parametrize("text", ["", "x", ID[:-1], ID + "0"])
def test_what_is_no_uuid_is_refused(text):
    with pytest.raises(Refusal, match="Invalid uuid"):
        parsed_id(text)


@pytest.mark.parametrize(
    ("name", "path", "word"),
    [
        ("S2A-L1C_x:1", True, True),
        ("a/b/c", True, False),
        ("a.b", False, False),
        ("a b", False, False),
        ("a\n", False, False),
        ("é", False, False),
        ("/a", False, False),
        ("a/", False, False),
        ("", False, False),
    ],
)
def test_names_are_words_or_words_with_slashes(name, path, word):
    assert (is_path(name), is_word(name)) == (path, word)
