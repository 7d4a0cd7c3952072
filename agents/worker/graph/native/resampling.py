# SPDX-License-Identifier: Apache-2.0
"""Pixels at places between pixels, and pixels put together; NaN is no-data."""

from collections.abc import Callable, Sequence
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
    lines, across = weights(down), weights(right)
    if _reaches_out(first_row, len(lines), pixels.shape[0]) or _reaches_out(
        first_column, len(across), pixels.shape[1]
    ):
        pixels = np.pad(pixels, REACH, mode="edge")
        first_row, first_column = first_row + REACH, first_column + REACH
    flat, width = pixels.ravel(), pixels.shape[1]
    first = first_row * width + first_column
    found = np.zeros(rows.shape, dtype=np.float32)
    for down_by, line in enumerate(lines):
        along = np.zeros(rows.shape, dtype=np.float32)
        for right_by, weight in enumerate(across):
            value = flat[down_by * width + right_by :].take(first)
            value *= weight
            along += value
        along *= line
        found += along
    beside = np.flatnonzero(np.isnan(found))
    if beside.size:
        taps = [
            (lines[n][beside] * across[m][beside], first[beside] + n * width + m)
            for n, m in product(range(len(lines)), range(len(across)))
        ]
        found[beside] = _of_data(flat, taps)
    return found


def together(rows: Sequence[Floats], out: Floats) -> None:
    """Write the mean of rows and of as many columns; no-data does not count.

    Args:
        rows: they are overwritten.
        out: columns that are left over are dropped.
    """
    looks, width = len(rows), out.shape[0] * len(rows)
    total, number = np.zeros_like(rows[0]), np.zeros(rows[0].shape, dtype=np.uint16)
    for row in rows:
        missing = np.isnan(row)
        row[missing] = 0
        number += ~missing
        total += row
    out[:] = total[:width:looks]
    share = number[:width:looks].astype(np.float32)
    for column in range(1, looks):
        out += total[column:width:looks]
        share += number[column:width:looks]
    share[share == 0] = np.nan
    out /= share


def _reaches_out(first: NDArray[np.intp], taps: int, size: int) -> bool:
    return bool(first.min() < 0 or first.max() + taps > size)


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
