# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import numpy as np
import pytest

from agents.catalogue.bursts.ids import (
    CYCLES,
    ORBIT_S,
    ORBITS,
    SWATHS,
    Orbits,
    burst_name,
    number,
    since_node,
)

# Public annotations of 2014 to 2022 (s1-reader's test data); those marked are annotated
# with `burstId`, the others stand in ESA's burst map.
VECTORS = [
    # orbits, ascending node, sub-swath, sensing, id, azimuthAnxTime, tenths
    (
        (71, 71),
        "2020-05-11T13:12:30.117289",
        "IW1",
        "2020-05-11T13:51:20.557632",
        "071_151200_IW1",
        2329.3014855529,
        23293,
    ),
    (
        (71, 71),
        "2020-05-11T13:12:30.117289",
        "IW2",
        "2020-05-11T13:51:18.631558",
        "071_151199_IW2",
        2327.4864291109,
        23275,
    ),
    (
        (71, 71),
        "2020-05-11T13:12:30.117289",
        "IW3",
        "2020-05-11T13:51:19.709595",
        "071_151199_IW3",
        2328.4402065546,
        23284,
    ),
    (
        (64, 64),
        "2022-10-16T01:41:37.608240",
        "IW2",
        "2022-10-16T01:50:45.600328",
        "064_135518_IW2",  # annotated
        546.9690419983,
        5470,
    ),
    (
        (51, 51),
        "2022-08-28T04:17:57.017538",
        "IW1",
        "2022-08-28T04:23:07.140434",
        "051_107509_IW1",  # annotated
        309.002207,
        3090,
    ),
    (
        (2, 2),
        "2022-09-29T19:39:34.063221",
        "IW3",
        "2022-09-29T20:11:10.636764",
        "002_002835_IW3",  # annotated
        1895.423437,
        18954,
    ),
    (
        (175, 175),
        "2022-10-11T14:43:20.425143",  # one orbit old
        "IW1",
        "2022-10-11T16:22:14.295924",
        "175_373743_IW1",  # annotated
        5932.7559355546,
        82,  # 5932.756 - 5924.571 = 8.185
    ),
    (
        (175, 175),
        "2022-10-11T14:43:20.425143",
        "IW3",
        "2022-10-11T16:22:13.447887",
        "175_373742_IW3",  # annotated
        5931.900824,
        73,  # 5931.901 - 5924.571 = 7.329
    ),
    (
        (15, 16),  # passes the node
        "2022-10-24T17:03:13.688023",
        "IW1",
        "2022-10-24T18:41:49.753578",
        "015_032216_IW1",  # annotated
        5914.946922,
        59149,
    ),
    (
        (15, 16),
        "2022-10-24T17:03:13.688023",
        "IW1",
        "2022-10-24T18:42:14.578071",
        "016_032225_IW1",  # annotated
        5939.7677643225,
        152,  # 5939.768 - 5924.571 = 15.196
    ),
    (
        (154, 154),
        "2014-10-04T02:30:10.234683",
        "IW1",
        "2014-10-04T03:13:13.921978",
        "154_329570_IW1",  # processor 2.36
        2582.376744,
        25824,
    ),
]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def name_of(swath, sensing_s, orbits):
    numbers = number(swath, np.array([sensing_s]), orbits)
    return burst_name(int(numbers.tracks[0]), int(numbers.cycles[0]), swath)


@pytest.mark.parametrize(
    ("orbits", "node", "swath", "sensing", "expected", "anx_s", "tenths"), VECTORS
)
def test_id_is_the_official_one(orbits, node, swath, sensing, expected, anx_s, tenths):
    sensing_s = (at(sensing) - at(node)).total_seconds()
    assert name_of(swath, sensing_s, Orbits(*orbits)) == expected
    assert since_node(np.array([anx_s])).tolist() == [tenths]


def test_id_is_that_of_the_example_of_copernicus():
    # Documentation of the bursts catalogue: azimuthAnxTime, sensing 1.137605 s later.
    assert name_of("IW1", 2120.883319884 + 1.137605, Orbits(8, 8)) == "008_015805_IW1"


def test_all_bursts_are_numbered_at_once():
    # ESA: track 15 ends with cycle 32219, track 16 begins with 32220.
    passed_s = np.arange(5916.0, 5941.0, 2.758273)
    numbers = number("IW1", passed_s, Orbits(15, 16))
    assert np.diff(numbers.cycles).tolist() == [1] * (len(passed_s) - 1)
    assert np.all((numbers.tracks == 16) == (numbers.cycles >= 32220))
    assert set(numbers.tracks.tolist()) == {15, 16}


def test_count_begins_again_after_orbit_175_and_says_so():
    sensing_s = np.array([ORBIT_S - 60, ORBIT_S + 60])
    numbers = number("IW1", sensing_s, Orbits(ORBITS, 1))
    assert numbers.wrapped.tolist() == [False, True]
    assert numbers.tracks.tolist() == [ORBITS, 1]
    # A minute has 60 / 2.758273 = 21.75 cycles.
    assert CYCLES - 22 <= numbers.cycles[0] <= CYCLES
    assert 21 <= numbers.cycles[1] <= 23


def test_wide_swaths_are_numbered_by_their_own_cycle():
    # From the definition: the middle of the first cycle of orbit 1 passes 2.29997 s
    # after the node; cycle 101 is 100 of them later, in the middle of EW3 (whose burst
    # begins 0.68268 + 0.55873 s after the first one's and lasts 0.61234 s).
    middle_s = 2.299970 + 100.5 * 3.038376
    starts = {
        "EW1": middle_s - 0.61234 / 2 - 0.55873 - 0.68268,
        "EW3": middle_s - 0.61234 / 2,
        "EW5": middle_s + 0.61234 / 2 + 0.56538,
    }
    names = {name_of(swath, s, Orbits(1, 1)) for swath, s in starts.items()}
    assert names == {"001_000101_EW1", "001_000101_EW3", "001_000101_EW5"}


def test_only_swaths_of_iw_and_ew_have_bursts():
    assert SWATHS == {"IW1", "IW2", "IW3", "EW1", "EW2", "EW3", "EW4", "EW5"}
