# SPDX-License-Identifier: Apache-2.0
"""Where inventories stand, as their topic tells it. Safe to share between threads."""

import asyncio
import threading
from collections import OrderedDict

from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import ContractError
from streams.model import InventoryState
from streams.orders import InventoryProgress

ENDED = frozenset({InventoryState.DONE, InventoryState.REFUSED, InventoryState.FAILED})

# The oldest are forgotten first; each takes less than a kilobyte.
_REMEMBERED = 20_000

_LOOK_AGAIN_S = 0.03


class Board:
    """The last that was heard of every inventory."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, InventoryProgress] = OrderedDict()
        self._turn = threading.Lock()

    def see(self, record: Record) -> None:
        """Take note of a record; one that cannot be read is passed over."""
        try:
            heard = unpack_as(InventoryProgress, record).message
        except ContractError:
            return
        self.note(heard)

    def note(self, heard: InventoryProgress) -> None:
        """Take note of what is known already, unless the end was heard."""
        with self._turn:
            before = self._last.get(heard.inventory)
            # One that is carried out again was answered already.
            if before is not None and before.state in ENDED:
                return
            self._last[heard.inventory] = heard
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def find(self, inventory: str) -> InventoryProgress | None:
        """The last that was heard; None: nothing."""
        with self._turn:
            return self._last.get(inventory)

    async def ended(self, inventory: str, within_s: float) -> InventoryProgress | None:
        """The end of an inventory; whatever was heard last when it is not in time."""
        end = asyncio.get_running_loop().time() + within_s
        while True:
            found = self.find(inventory)
            if found is not None and found.state in ENDED:
                return found
            if asyncio.get_running_loop().time() >= end:
                return found
            await asyncio.sleep(_LOOK_AGAIN_S)
