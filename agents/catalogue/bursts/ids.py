# SPDX-License-Identifier: Apache-2.0
"""Official Sentinel-1 burst ids, computed from times of sensing. Pure.

ESA numbers the burst cycles of the 175 orbits of a repeat cycle from 1 to 375887; the
sub-swaths of one cycle share the number. A burst is named as ASF does: relative orbit,
number of the cycle, sub-swath, for example `071_151199_IW3`.

Source: Sentinel-1 Level-1 Detailed Algorithm Definition, 9-89, 9-91 and table 9-7.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORBITS = 175
"""Orbits of a repeat cycle, of 12 days."""
ORBIT_S = 12 * 86400 / ORBITS
"""Nominal duration of an orbit, seconds."""
CYCLES = 375_887
"""Burst cycles of a repeat cycle."""


@dataclass(frozen=True, slots=True)
class _Mode:
    """How one acquisition mode sweeps its sub-swaths; seconds."""

    first: float
    """From the ascending node to the first cycle, in its middle."""
    cycle: float
    """Duration of a burst cycle."""
    delays: tuple[float, ...]
    """From the start of each sub-swath's burst to the start of the next one's."""
    middle: int
    """Index of the middle sub-swath, from 0."""


_MODES = {
    "IW": _Mode(2.299849, 2.758273, (0.832, 1.078, 0.848), 1),
    "EW": _Mode(2.299970, 3.038376, (0.68268, 0.55873, 0.61234, 0.56538, 0.61925), 2),
}

SWATHS = frozenset(
    f"{name}{number}"
    for name, mode in _MODES.items()
    for number in range(1, len(mode.delays) + 1)
)
"""The sub-swaths that have bursts."""


@dataclass(frozen=True, slots=True)
class Orbits:
    """Relative orbits of a product, 1 to 175, as its manifest gives them."""

    start: int
    stop: int

    @property
    def crosses(self) -> bool:
        """Is the ascending node passed while the product is acquired?"""
        return self.stop == self.start % ORBITS + 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """What places the bursts of one sub-swath, one value a burst."""

    tracks: NDArray[np.int64]
    """Relative orbit of the burst: the node may be passed between two of them."""
    cycles: NDArray[np.int64]
    """Number of the burst cycle, 1 to `CYCLES`."""
    wrapped: NDArray[np.bool_]
    """The count went past orbit 175: a case that nothing published confirms."""


def number(swath: str, sensing_s: NDArray[np.float64], orbits: Orbits) -> Numbers:
    """Tracks and cycles of the bursts of one sub-swath.

    Args:
        swath: one of `SWATHS`.
        sensing_s: `sensingTime` of each burst (neither its azimuth time nor its time
            since the node), seconds after the `ascendingNodeTime` of the annotation.
        orbits: of the product.
    """
    mode = _MODES[swath[:2]]
    start_s = sensing_s - sum(mode.delays[: int(swath[2:]) - 1])
    middle_s = (
        start_s + sum(mode.delays[: mode.middle]) + mode.delays[mode.middle] / 2.0
    )
    passed = start_s >= ORBIT_S
    if not orbits.crosses:  # the annotated node is one orbit too old
        middle_s = np.where(passed, middle_s - ORBIT_S, middle_s)
    since_first_s = middle_s + (orbits.start - 1) * ORBIT_S
    count = 1 + np.floor((since_first_s - mode.first) / mode.cycle).astype(np.int64)
    wrapped = count > CYCLES
    return Numbers(
        tracks=np.where(passed, orbits.stop, orbits.start),
        cycles=np.where(wrapped, count - CYCLES, count),
        wrapped=wrapped,
    )


def burst_name(track: int, cycle: int, swath: str) -> str:
    """The official id in ASF's form, for example `071_151199_IW3`."""
    return f"{track:03d}_{cycle:06d}_{swath}"


def since_node(azimuth_anx_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times since the last ascending node, in tenths of a second.

    Args:
        azimuth_anx_s: `azimuthAnxTime`, seconds; counts from the node before the last
            one when the annotated node is an orbit old or passed in the product.
    """
    tenths: NDArray[np.float64] = np.rint(10 * np.mod(azimuth_anx_s, ORBIT_S))
    return tenths.astype(np.int64)
