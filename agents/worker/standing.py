# SPDX-License-Identifier: Apache-2.0
"""How areas stand, as a worker knows it: which were cancelled."""

from agents.logs import logger
from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import ContractError
from streams.model import AreaState
from streams.orders import AreaStanding

_LOG = logger("worker")


class Standings:
    """A small table of the topic of areas; written by one thread, read by another."""

    def __init__(self) -> None:
        self._cancelled: set[str] = set()

    def see(self, record: Record) -> None:
        """One more record of the topic."""
        try:
            standing = unpack_as(AreaStanding, record).message
        except ContractError as error:
            # Its writer is the workflow alone: nothing that others could mend.
            _LOG.error(str(error), action="standing_unread", record=str(record))
            return
        if standing.state is AreaState.CANCELLED:
            self._cancelled.add(standing.area)
        else:
            self._cancelled.discard(standing.area)

    def is_cancelled(self, area: str) -> bool:
        """Must nothing more be done for this area?"""
        return area in self._cancelled
