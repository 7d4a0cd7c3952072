# SPDX-License-Identifier: Apache-2.0
"""What the catalogue asks of a search."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shapely.geometry.base import BaseGeometry

from agents.catalogue.filters import Filter
from agents.catalogue.sensor import Sensor
from streams.model import LeftOut, Scene


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    sensor: Sensor
    area: BaseGeometry
    """Polygon or MultiPolygon, EPSG:4326, longitude first."""
    start: datetime
    end: datetime
    """Both inclusive, UTC."""
    filters: tuple[Filter, ...] = ()
    """Of the request; a search may ignore them, the inventory does not."""


class SceneSearch(Protocol):
    """One catalogue of satellite products."""

    def supports(self, constellation: str) -> bool:
        """Can this catalogue have scenes of that constellation?"""
        ...

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Scenes that meet the query, all of them, in any order, without parts.

        A search may give more than was asked (the inventory filters again), never less:
        an answer that is known to be incomplete is an error. What the catalogue lists
        and the search cannot use is given as left out. Asking again is harmless.

        What a catalogue tells of a product stands in the scene's metadata and tags
        under the names of `agents/catalogue/found.py`.

        Raises:
            SearchError: the catalogue does not answer, or not sensibly.
            InvalidRequest: the query is not possible here, and never will be.
        """
        ...
