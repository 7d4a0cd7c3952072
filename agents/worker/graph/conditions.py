# SPDX-License-Identifier: Apache-2.0
"""The named conditions of graphs. Pure but for looking whether a file is there."""

from collections.abc import Sequence
from enum import StrEnum


class Condition(StrEnum):
    """When a step runs, an input is fetched, an output kept."""

    PASS = "pass"
    DIFFERENT_T0_T1 = "different_T0_T1"
    DIFFERENT_T0_T2 = "different_T0_T2"
    DIFFERENT_T1_T2 = "different_T1_T2"
    EQUAL_T0_T1 = "equal_T0_T1"
    EQUAL_T0_T2 = "equal_T0_T2"
    EQUAL_T1_T2 = "equal_T1_T2"
    FILE_EXISTS = "file_exists"
    FILE_NOT_EXIST = "file_not_exist"
    ON_FAILURE = "on_failure"
    ON_FATAL_FAILURE = "on_fatal_failure"


_COMPARED = {
    Condition.DIFFERENT_T0_T1: (0, 1, False),
    Condition.DIFFERENT_T0_T2: (0, 2, False),
    Condition.DIFFERENT_T1_T2: (1, 2, False),
    Condition.EQUAL_T0_T1: (0, 1, True),
    Condition.EQUAL_T0_T2: (0, 2, True),
    Condition.EQUAL_T1_T2: (1, 2, True),
}

OF_TILES = frozenset({Condition.PASS, *_COMPARED})
"""Known before anything runs."""

OF_FILES = frozenset({Condition.FILE_EXISTS, Condition.FILE_NOT_EXIST})

OF_ERRORS = frozenset({Condition.ON_FAILURE, Condition.ON_FATAL_FAILURE})


def compares_tiles(condition: Condition) -> bool:
    """Does it look at the previous or the reference tile?"""
    return condition in _COMPARED


def holds_for_tiles(condition: Condition, scenes: Sequence[str]) -> bool:
    """A condition of tiles, given the scene names of T0, T1 and T2."""
    if condition is Condition.PASS:
        return True
    one, other, equal = _COMPARED[condition]
    return (scenes[one] == scenes[other]) is equal
