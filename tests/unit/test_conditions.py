# SPDX-License-Identifier: Apache-2.0
"""Conditions of tiles over a series: first image, second, later ones."""

import pytest

from agents.worker.graph.conditions import (
    OF_ERRORS,
    OF_FILES,
    OF_TILES,
    Condition,
    compares_tiles,
    holds_for_tiles,
)

# T0, T1 and T2 of the first tile of a series, the second, and every later one.
SERIES = ("AAA", "BAA", "CBA")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("pass", (True, True, True)),
        ("different_T0_T1", (False, True, True)),
        ("different_T0_T2", (False, True, True)),
        ("different_T1_T2", (False, False, True)),
        ("equal_T0_T1", (True, False, False)),
        ("equal_T0_T2", (True, False, False)),
        ("equal_T1_T2", (True, True, False)),
    ],
)
def test_n6_condition_of_tiles_follows_the_series(condition, expected):
    found = tuple(holds_for_tiles(Condition(condition), tiles) for tiles in SERIES)
    assert found == expected


def test_every_condition_is_of_one_kind():
    assert OF_TILES | OF_FILES | OF_ERRORS == set(Condition)
    assert len(OF_TILES) + len(OF_FILES) + len(OF_ERRORS) == len(Condition)


def test_conditions_that_need_a_neighbour_are_known():
    assert {c for c in Condition if compares_tiles(c)} == OF_TILES - {Condition.PASS}
