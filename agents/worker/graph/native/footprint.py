# SPDX-License-Identifier: Apache-2.0
"""Where an image has data: from a first to a last column in each of its rows."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Footprint:
    """First and last column of each row, ends included; holes between are inside."""

    first: NDArray[np.int64]
    """Above `last` where a row has nothing."""
    last: NDArray[np.int64]

    def is_empty(self) -> bool:
        """Is there no pixel in it?"""
        return not bool((self.first <= self.last).any())

    def eroded(self, pixels: int) -> "Footprint":
        """Less the pixels that have one outside at most so far, in both directions."""
        if pixels <= 0:
            return self
        # Above the first row and below the last one is outside.
        never = np.iinfo(np.int64).max // 2
        first = np.where(self.first <= self.last, self.first, never)
        last = np.where(self.first <= self.last, self.last, -never)
        around = (pixels, pixels)
        size = 2 * pixels + 1
        first = sliding_window_view(np.pad(first, around, constant_values=never), size)
        last = sliding_window_view(np.pad(last, around, constant_values=-never), size)
        return Footprint(first.max(axis=1) + pixels, last.min(axis=1) - pixels)

    def holds(
        self, rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which places lie in it, by the pixel that they are in."""
        row = np.rint(rows)
        near = np.clip(row, 0, len(self.first) - 1).astype(np.intp)
        column = np.rint(columns)
        inside: NDArray[np.bool_] = (row >= 0) & (row < len(self.first))
        inside &= (column >= self.first[near]) & (column <= self.last[near])
        return inside

    def meets(self, top: float, bottom: float, left: float, right: float) -> bool:
        """May a place within these bounds lie in it?"""
        first, last = self._between(top, bottom)
        return bool(((first <= right + 1) & (last >= left - 1) & (first <= last)).any())

    def surrounds(self, top: float, bottom: float, left: float, right: float) -> bool:
        """Does every place within these bounds lie in it?"""
        if top < 0 or bottom > len(self.first) - 1:
            return False
        first, last = self._between(top, bottom)
        return bool((first <= left).all() and (last >= right).all())

    def _between(self, top: float, bottom: float) -> tuple[NDArray[np.int64], ...]:
        """The rows that these bounds touch."""
        rows = slice(max(int(top) - 1, 0), max(int(bottom) + 2, 0))
        return self.first[rows], self.last[rows]


def footprint_of(valid: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """First and last true column of each row; the width and -1 where there is none."""
    width = valid.shape[1]
    some = valid.any(axis=1)
    first = np.where(some, valid.argmax(axis=1), width)
    last = np.where(some, width - 1 - valid[:, ::-1].argmax(axis=1), -1)
    return first.astype(np.int64), last.astype(np.int64)
