# SPDX-License-Identifier: Apache-2.0
"""Layers as the processor hands them over: what of its values is read here.

They are the processor's, and are described because nothing here may import an agent.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.model import Layer, Scene


class StoredFormat(Protocol):
    """How stored pixels stand for physical values."""

    @property
    def dtype(self) -> str:
        """Name as in numpy; empty: not told."""

    @property
    def no_data(self) -> float:
        """Stored value that stands for nothing; NaN: there is none."""

    @property
    def min_value(self) -> float:
        """Smallest stored value."""

    @property
    def max_value(self) -> float:
        """Largest stored value."""

    @property
    def ext_min_value(self) -> float:
        """Physical value of the smallest."""

    @property
    def ext_max_value(self) -> float:
        """Physical value of the largest."""

    @property
    def exponent(self) -> float:
        """Bend between the two."""


class Entry(Protocol):
    """One stored layer."""

    @property
    def layer(self) -> Layer:
        """The layer, with its URI."""

    @property
    def bands(self) -> int:
        """Number of bands, all of them indexed."""

    @property
    def data_format(self) -> StoredFormat:
        """Of its pixels."""


class TileLayers(Protocol):
    """The layers of one tile."""

    @property
    def scene(self) -> Scene:
        """The scene, with its record."""

    @property
    def instances(self) -> Mapping[str, str]:
        """Layer name → id of the variable instance."""

    @property
    def entries(self) -> Sequence[Entry]:
        """The layers."""
