# SPDX-License-Identifier: Apache-2.0
"""Physical values as a data format stores them."""

import math

import numpy as np
from numpy.typing import NDArray

from agents.worker.graph.dformat import DataFormat


def as_stored(values: NDArray[np.float32], to: DataFormat) -> NDArray[np.generic]:
    """Values scaled from the external range to the stored one; NaN becomes no-data.

    Integers are rounded half up and kept between min and max. What is data never
    becomes the no-data value, but the one beside it.
    """
    dtype = np.dtype(to.dtype)
    scale = (to.max_value - to.min_value) / (to.ext_max_value - to.ext_min_value)
    offset = to.min_value - to.ext_min_value * scale
    scaled = values
    if (scale, offset) != (1, 0):
        scaled = values * np.float32(scale)
        scaled += np.float32(offset)
    if dtype.kind == "f":
        return _floats(scaled.astype(dtype, copy=False), to)
    missing = np.isnan(scaled)
    # float64: float32 does not hold every int32.
    rounded = np.floor(scaled.astype(np.float64) + 0.5)
    np.clip(rounded, to.min_value, to.max_value, out=rounded)
    if not math.isnan(to.no_data):
        inward = 1 if to.no_data < to.max_value else -1
        rounded[rounded == to.no_data] += inward
    rounded[missing] = 0 if math.isnan(to.no_data) else to.no_data
    return rounded.astype(dtype)


def _floats(scaled: NDArray[np.generic], to: DataFormat) -> NDArray[np.generic]:
    if math.isnan(to.no_data):
        return scaled
    no_data = scaled.dtype.type(to.no_data)
    clash = scaled == no_data
    missing = np.isnan(scaled)
    if clash.any() or missing.any():
        scaled = scaled.copy()
        towards = math.inf if to.no_data < to.max_value else -math.inf
        scaled[clash] = np.nextafter(no_data, scaled.dtype.type(towards))
        scaled[missing] = no_data
    return scaled
