# SPDX-License-Identifier: Apache-2.0
"""Results remembered by the identity of what they were made of."""

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")
R = TypeVar("R")


class ByIdentity(Generic[V, R]):
    """A function of values that never change, called again and again with the same.

    Two generations of results are kept: when the younger is full, it is the older one.

    Args:
        function: pure.
        at_most: results to remember in each generation.
    """

    def __init__(self, function: Callable[[V], R], at_most: int) -> None:
        self._function = function
        self._at_most = at_most
        # The value is kept with its result: no other can have its identity meanwhile.
        self._younger: dict[int, tuple[V, R]] = {}
        self._older: dict[int, tuple[V, R]] = {}

    def __call__(self, value: V) -> R:
        """The function's result."""
        known = self._younger.get(id(value))
        return known[1] if known is not None else self._remember(value)

    def _remember(self, value: V) -> R:
        known = self._older.get(id(value)) or (value, self._function(value))
        if len(self._younger) >= self._at_most:
            self._older, self._younger = self._younger, {}
        self._younger[id(value)] = known
        return known[1]
