# SPDX-License-Identifier: Apache-2.0
"""Flags of Landsat pixels: `QA_PIXEL` of Collection 2, `BQA` of Collection 1.

Sources: LSDS-1822 and LSDS-1619 (Collection 2), LSDS-1656 (Collection 1).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.errors import StepFatal

# Name → lowest bit, number of bits: all of them set.
_COLLECTION_2 = {
    "dilated_cloud": (1, 1),
    "cirrus": (2, 1),
    "cloud": (3, 1),
    "cloud_shadow": (4, 1),
    "snow": (5, 1),
    "water": (7, 1),
}
# Of most, Collection 1 has the confidence alone: 3 is high.
_COLLECTION_1 = {
    "cloud": (4, 1),
    "cloud_shadow": (7, 2),
    "snow": (9, 2),
    "cirrus": (11, 2),
}
_BITS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "QA_PIXEL": _COLLECTION_2,
    "BQA": _COLLECTION_1,
}


def hidden_by(flags: str, names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a pixel with certain flags is one of those named.

    Args:
        flags: `QA_PIXEL` or `BQA`.
        names: `cloud`, `snow`, …

    Returns:
        Answers by the flags' number, shape (65536).

    Raises:
        StepFatal: these flags know nothing of a name.
    """
    bits = _BITS[flags]
    unknown = [name for name in names if name not in bits]
    if unknown:
        raise StepFatal(
            f"mask {', '.join(unknown)}: not in {flags}, which knows {', '.join(bits)}"
        )
    numbers = np.arange(65536)
    hidden = np.zeros(numbers.shape, bool)
    for name in names:
        first, width = bits[name]
        wanted = (1 << width) - 1
        hidden |= (numbers >> first) & wanted == wanted
    return hidden
