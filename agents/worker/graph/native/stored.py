# SPDX-License-Identifier: Apache-2.0
"""Physical values as a data format stores them: one rule for every step of ours."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.worker.graph.dformat import DataFormat


def as_stored(values: NDArray[np.float32], to: DataFormat) -> NDArray[np.generic]:
    """Values scaled from the external range to the stored one; NaN becomes no-data.

    Floating point is kept beyond the range: it has room for it.
    """
    scale = (to.max_value - to.min_value) / (to.ext_max_value - to.ext_min_value)
    offset = to.min_value - to.ext_min_value * scale
    scaled = values
    if (scale, offset) != (1, 0):
        scaled = values * np.float32(scale)
        scaled += np.float32(offset)
    is_clipped = np.dtype(to.dtype).kind != "f"
    return settled(scaled, np.isnan(scaled), to, is_clipped=is_clipped)


def settled(
    scaled: NDArray[np.floating[Any]],
    missing: NDArray[np.bool_],
    to: DataFormat,
    *,
    is_clipped: bool,
) -> NDArray[np.generic]:
    """Scaled values in their type, of the same shape.

    Integers are rounded half up. What is missing is the no-data value (where there is
    none, NaN or 0), and nothing else is: a value that would be is moved one step into
    the range.

    Args:
        scaled: values between `min_value` and `max_value`, or beyond.
        missing: pixels that stand for nothing; they may be NaN.
        to: real numbers.
        is_clipped: values beyond the range become its ends.
    """
    dtype = np.dtype(to.dtype)
    is_integer = dtype.kind in "iu"
    # float64: float32 does not hold every int32. A copy in either case.
    result: NDArray[Any] = scaled.astype(np.float64 if is_integer else dtype)
    if is_integer:
        result[missing] = to.min_value
        np.floor(result + 0.5, out=result)
    if is_clipped:
        np.clip(result, to.min_value, to.max_value, out=result)
    result = result.astype(dtype, copy=False)
    if math.isnan(to.no_data):
        # Integers have no NaN.
        result[missing] = 0 if is_integer else math.nan
        return result
    nothing = dtype.type(to.no_data)
    result[result == nothing] = _inward(nothing, to)
    result[missing] = nothing
    return result


def _inward(nothing: Any, to: DataFormat) -> Any:
    """The value beside no-data that is in the range."""
    up = nothing < to.max_value
    if nothing.dtype.kind in "iu":
        return nothing + 1 if up else nothing - 1
    if nothing == 0:
        # The numbers next to 0 are taken for 0 by much software.
        tiny = np.finfo(nothing.dtype).tiny
        return tiny if up else -tiny
    return np.nextafter(nothing, nothing.dtype.type(np.inf if up else -np.inf))
