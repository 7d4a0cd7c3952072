# SPDX-License-Identifier: Apache-2.0
"""What the catalogue asks of the index before work starts: instances and records."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from agents.catalogue.inventory import Inventory
from streams.errors import IngesterError
from streams.model import LayerTarget, LeftOut, Scene


class RecordKeeper(Protocol):
    """An index that keeps a record of every scene. All calls can be repeated."""

    def instances(self, layers: Mapping[str, LayerTarget]) -> dict[str, str]:
        """Id of the variable instance of each layer.

        Raises:
            InvalidRequest: with every layer that has none.
            IndexerError: the index does not answer.
        """
        ...

    def records(self, scenes: Sequence[Scene]) -> Sequence[str | IngesterError]:
        """For each scene the id of its record, found or made; or why it has none.

        Raises:
            IndexerError: the index does not answer.
        """
        ...


def with_records(inventory: Inventory, keeper: RecordKeeper) -> Inventory:
    """The inventory with the records of its scenes; a scene without one is left out."""
    kept: list[Scene] = []
    left_out = list(inventory.left_out)
    outcomes = keeper.records(inventory.scenes)
    for scene, outcome in zip(inventory.scenes, outcomes, strict=True):
        if isinstance(outcome, str):
            kept.append(replace(scene, record=outcome))
        else:
            left_out.append(LeftOut(scene.name, f"no record: {outcome}"))
    return Inventory(tuple(kept), tuple(left_out))
