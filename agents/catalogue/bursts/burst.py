# SPDX-License-Identifier: Apache-2.0
"""The bursts of a product: official id, place in the image, footprint. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.catalogue.bursts.annotation import Annotation
from agents.catalogue.bursts.footprints import footprints
from agents.catalogue.bursts.ids import (
    CYCLES,
    Orbits,
    burst_name,
    number,
    since_node,
)
from streams.errors import DamagedProduct


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of a product, in whatever polarisations."""

    name: str
    """Official id, for example `071_151199_IW3`."""
    swath: str
    number: int
    """Position in the image of its sub-swath, from 1."""
    anx_time: int
    """Tenths of a second since the ascending node."""
    footprint: str
    """WKT, EPSG:4326, longitude first, with what its neighbours cover too."""
    doubt: str = ""
    """Why the id may be wrong; empty as a rule."""


def bursts_of(annotations: Iterable[Annotation], orbits: Orbits) -> tuple[Burst, ...]:
    """The bursts of a product, each once, in order of sub-swath and time.

    Args:
        annotations: of its sub-swaths, in one or several polarisations.
        orbits: of its manifest.

    Raises:
        DamagedProduct: orbits and annotations do not fit together.
    """
    found: dict[str, Burst] = {}
    for annotation in sorted(annotations, key=lambda a: (a.swath, a.name)):
        for burst in _of_one(annotation, orbits):
            found.setdefault(burst.name, burst)
    return tuple(found.values())


def _of_one(annotation: Annotation, orbits: Orbits) -> Sequence[Burst]:
    computed = number(annotation.swath, annotation.sensing_s, orbits)
    cycles = computed.cycles.tolist()
    if not all(1 <= cycle <= CYCLES for cycle in cycles):
        raise DamagedProduct(
            f"{annotation.name}: its sensing times are not of the orbits of its product"
        )
    stated = annotation.burst_ids or cycles
    if len(set(stated)) < len(stated):
        raise DamagedProduct(f"{annotation.name}: two bursts of one number")
    return [
        Burst(
            name=burst_name(track, said, annotation.swath),
            swath=annotation.swath,
            number=position,
            anx_time=anx_time,
            footprint=footprint,
            doubt=_doubt(said, cycle, wrapped and annotation.burst_ids is None),
        )
        for position, (track, said, cycle, wrapped, anx_time, footprint) in enumerate(
            zip(
                computed.tracks.tolist(),
                stated,
                cycles,
                computed.wrapped.tolist(),
                since_node(annotation.anx_s).tolist(),
                footprints(annotation),
                strict=True,
            ),
            start=1,
        )
    ]


def _doubt(stated: int, computed: int, wrapped: bool) -> str:
    if stated != computed:
        return f"annotated as burst {stated}, computed as {computed}"
    return "counted past orbit 175, which nothing published confirms" if wrapped else ""
