# SPDX-License-Identifier: Apache-2.0
"""Flags of Landsat pixels: `QA_PIXEL` of Collection 2, `BQA` of Collection 1.

Sources: for Collection 2 LSDS-1822 (Landsat 8 and 9), LSDS-1414 (7), LSDS-1415 (4 and
5), LSDS-1416 (MSS), and "Landsat Collection 2 Quality Assessment Bands" on usgs.gov;
for Collection 1 LSDS-1656, and "Landsat Collection 1 Level-1 Quality Assessment Band".
Only Landsat 8 and 9 have a band for cirrus: the bits of others are unused.
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


# By the first four letters of products.
_WITHOUT_CIRRUS = frozenset({"LT04", "LT05", "LE07"})
_CLOUDS_ALONE = frozenset({"LM04", "LM05"})


def known_flags(flags: str, mission: str) -> Mapping[str, tuple[int, int]]:
    """Names that the flags of a mission know, with the bits of each.

    Args:
        flags: `QA_PIXEL` or `BQA`.
        mission: `LC08`, …; any other: all names.
    """
    bits = _BITS[flags]
    if mission in _CLOUDS_ALONE:
        return {"cloud": bits["cloud"]}
    if mission in _WITHOUT_CIRRUS:
        return {name: place for name, place in bits.items() if name != "cirrus"}
    return bits


def hidden_by(flags: str, names: Sequence[str], mission: str = "") -> NDArray[np.bool_]:
    """Whether a pixel with certain flags is one of those named.

    Args:
        flags: `QA_PIXEL` or `BQA`.
        names: `cloud`, `snow`, …
        mission: as for `known_flags`.

    Returns:
        Answers by the flags' number, shape (65536).

    Raises:
        StepFatal: these flags know nothing of a name.
    """
    bits = known_flags(flags, mission)
    unknown = [name for name in names if name not in bits]
    if unknown:
        of = f"{flags} of {mission}" if mission else flags
        raise StepFatal(
            f"mask {', '.join(unknown)}: not in {of}, which knows {', '.join(bits)}"
        )
    numbers = np.arange(65536)
    hidden = np.zeros(numbers.shape, bool)
    for name in names:
        first, width = bits[name]
        wanted = (1 << width) - 1
        hidden |= (numbers >> first) & wanted == wanted
    return hidden
