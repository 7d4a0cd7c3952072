# SPDX-License-Identifier: Apache-2.0
"""What the catalogue asks of the index before work starts: instances and records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import structs

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

    def records(
        self, scenes: Sequence[Scene], made: Callable[[Sequence[str]], None]
    ) -> Sequence[str | IngesterError]:
        """For each scene the id of its record, found or made; or why it has none.

        Args:
            scenes: with the tags of their records.
            made: called with the ids of records as soon as they are made.

        Raises:
            IndexerError: the index does not answer.
        """
        ...

    def remove(self, records: Sequence[str]) -> int:
        """Remove the records that nothing hangs on; the number removed.

        Raises:
            IndexerError: the index does not answer.
        """
        ...


def with_records(
    inventory: Inventory,
    keeper: RecordKeeper,
    known: Mapping[str, str],
    made: list[str],
) -> Inventory:
    """The inventory with the records of its scenes; a scene without one is left out.

    Args:
        inventory: the scenes.
        keeper: finds or makes what is not known.
        known: records by scene, kept as they are.
        made: gets the ids of the records that are made.
    """
    unknown = [scene for scene in inventory.scenes if scene.name not in known]
    outcomes: dict[str, str | IngesterError] = dict(known)
    answers = keeper.records(unknown, made.extend)
    outcomes |= zip((scene.name for scene in unknown), answers, strict=True)
    kept: list[Scene] = []
    left_out = list(inventory.left_out)
    for scene in inventory.scenes:
        outcome = outcomes[scene.name]
        if isinstance(outcome, str):
            kept.append(structs.replace(scene, record=outcome))
        else:
            left_out.append(LeftOut(scene.name, f"no record: {outcome}"))
    return replace(inventory, scenes=tuple(kept), left_out=tuple(left_out))
