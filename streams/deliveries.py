# SPDX-License-Identifier: Apache-2.0
"""What the downloads of a scene gave for its tiles: of each tile, one delivery."""

from collections.abc import Iterable

from streams.memo import ByIdentity
from streams.model import Delivery

Deliveries = tuple[Delivery, ...]


def of_tile(deliveries: Deliveries, tile: str) -> Delivery | None:
    """What was delivered for a tile; None: nothing yet."""
    return _by_tile(deliveries).get(tile)


def merged(there: Deliveries, new: Iterable[Delivery]) -> Deliveries:
    """Those that are there and the new ones; of a tile that has one, the first."""
    first: dict[str, Delivery] = {}
    for delivery in (*there, *new):
        first.setdefault(delivery.tile, delivery)
    return tuple(first.values())


def _index(deliveries: Deliveries) -> dict[str, Delivery]:
    return {delivery.tile: delivery for delivery in deliveries}


# Each tile of a scene asks several times, of the same deliveries.
_by_tile: ByIdentity[Deliveries, dict[str, Delivery]] = ByIdentity(_index, 4096)
