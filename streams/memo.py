# SPDX-License-Identifier: Apache-2.0
"""Results remembered by the identity of what they were made of."""

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")
R = TypeVar("R")


class ByIdentity(Generic[V, R]):
    """A function of values that never change, called again and again with the same.

    Args:
        function: pure.
        at_most: results to remember; all are forgotten when there are more.
    """

    def __init__(self, function: Callable[[V], R], at_most: int) -> None:
        self._function = function
        self._at_most = at_most
        # The value is kept with its result: no other can have its identity meanwhile.
        self._known: dict[int, tuple[V, R]] = {}

    def __call__(self, value: V) -> R:
        """The function's result."""
        known = self._known.get(id(value))
        if known is None:
            if len(self._known) >= self._at_most:
                self._known.clear()
            known = self._known[id(value)] = (value, self._function(value))
        return known[1]
