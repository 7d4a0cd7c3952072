# SPDX-License-Identifier: Apache-2.0
"""Pixels at places between pixels, and pixels put together; NaN is no-data."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.float64]

# Share of the weights that must fall on data.
_ENOUGH = 0.5


def _nearest(part: Floats) -> tuple[Floats, ...]:
    return (np.ones_like(part),)


def _bilinear(part: Floats) -> tuple[Floats, ...]:
    return (1 - part, part)


def _cubic(part: Floats) -> tuple[Floats, ...]:
    """Keys' convolution with a = -0.5, as GDAL's `cubic`."""
    second, third = part * part, part * part * part
    return (
        -0.5 * part + second - 0.5 * third,
        1 - 2.5 * second + 1.5 * third,
        0.5 * part + 2 * second - 1.5 * third,
        0.5 * third - 0.5 * second,
    )


_KERNELS: dict[str, tuple[Callable[[Floats], tuple[Floats, ...]], float]] = {
    "nearest": (_nearest, 0.5),
    "bilinear": (_bilinear, 0.0),
    "cubic": (_cubic, -1.0),
}
"""Weights by the part of a pixel beyond the first one, and where that one is."""

METHODS = tuple(_KERNELS)

REACH = 2
"""Pixels beside a place that a method may look at."""


def sample(pixels: Floats, rows: Places, columns: Places, method: str) -> Floats:
    """Pixels of an image at places: of no-data beside, only what is data counts.

    Args:
        pixels: the image, shape (rows, columns).
        rows: places, the middle of the first pixel is 0; beyond the edge, its pixels
            are repeated.
        columns: as `rows`, of the same shape, one dimension.
        method: one of `METHODS`.
    """
    weights, shift = _KERNELS[method]
    down, first_row = _split(rows, shift)
    right, first_column = _split(columns, shift)
    lines = [
        (weight, np.clip(first_row + tap, 0, pixels.shape[0] - 1) * pixels.shape[1])
        for tap, weight in enumerate(weights(down))
    ]
    across = [
        (weight, np.clip(first_column + tap, 0, pixels.shape[1] - 1))
        for tap, weight in enumerate(weights(right))
    ]
    flat = pixels.ravel()
    found = np.zeros(rows.shape, dtype=np.float32)
    for line_weight, line in lines:
        along = np.zeros(rows.shape, dtype=np.float32)
        for weight, column in across:
            value = flat.take(line + column)
            value *= weight
            along += value
        along *= line_weight
        found += along
    beside = np.flatnonzero(np.isnan(found))
    if beside.size:
        taps = [
            (line_weight[beside] * weight[beside], (line + column)[beside])
            for (line_weight, line), (weight, column) in product(lines, across)
        ]
        found[beside] = _of_data(flat, taps)
    return found


def together(rows: Iterator[Floats], looks: int, out: Floats) -> None:
    """Write the mean of `looks` rows and as many columns; no-data does not count.

    Args:
        rows: `looks` of them; what is read of one may be overwritten by the next.
        looks: pixels and rows that become one.
        out: columns that are left over are dropped.
    """
    width = out.shape[0] * looks
    total = np.zeros(out.shape, dtype=np.float32)
    number = np.zeros(out.shape, dtype=np.float32)
    for row in rows:
        for column in range(looks):
            some = row[column:width:looks]
            missing = np.isnan(some)
            if missing.any():
                total += np.where(missing, np.float32(0), some)
                number += ~missing
            else:
                total += some
                number += 1
    with np.errstate(invalid="ignore"):  # none at all: 0 / 0
        np.divide(total, number, out=out)


def _split(places: Places, shift: float) -> tuple[Floats, NDArray[np.intp]]:
    """Part beyond a pixel, and that pixel."""
    whole = np.floor(places + shift)
    part = (places - whole + shift).astype(np.float32)
    return part, whole.astype(np.intp)


def _of_data(flat: Floats, taps: list[tuple[Floats, NDArray[np.intp]]]) -> Floats:
    """Weighted mean of what is data; NaN where that is too little."""
    total = np.zeros(taps[0][0].shape, dtype=np.float32)
    share = np.zeros_like(total)
    for weight, index in taps:
        value = flat.take(index)
        is_data = ~np.isnan(value)
        total[is_data] += (weight * value)[is_data]
        share[is_data] += weight[is_data]
    enough = share >= _ENOUGH
    mean: Floats = np.where(enough, total / np.where(enough, share, 1), np.nan)
    return mean.astype(np.float32)
