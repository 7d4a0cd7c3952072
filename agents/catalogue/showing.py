# SPDX-License-Identifier: Apache-2.0
"""What the catalogue does with the request for an inventory: look, and store it."""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from agents.catalogue.catalogue import Catalogue
from agents.catalogue.patience import patiently
from agents.catalogue.preview import Preview
from agents.logs import logger
from agents.worker.desk import Desk
from agents.worker.documents import Documents
from agents.worker.loop import Facts
from agents.worker.reply import reply
from streams.document import encoded
from streams.envelope import Envelope
from streams.errors import InvalidGraph, InvalidRequest
from streams.failures import Failure
from streams.model import InventoryState, Stage
from streams.orders import InventoryProgress, InventoryRequest
from streams.payload import read_payload

_LOG = logger("catalogue")

_AGENT = "catalogue"


class Showing:
    """Serves inventories. Nothing is ingested, no record is made."""

    def __init__(
        self, catalogue: Catalogue, documents: Documents, clock: Callable[[], datetime]
    ) -> None:
        self._catalogue = catalogue
        self._documents = documents
        self._clock = clock

    def begin(self, order: Envelope[InventoryRequest]) -> Facts:
        """It runs."""
        asked = order.message.inventory
        progress = InventoryProgress(asked, InventoryState.RUNNING, "check")
        return [reply(order, progress, _AGENT, self._clock(), "begun")]

    def carry_out(self, order: Envelope[InventoryRequest], desk: Desk) -> Facts:
        """It is done; the document is stored."""
        asked = order.message
        request = read_payload(asked.payload, request=asked.inventory, by=asked.by)
        request = replace(request, document=asked.document)

        def told(step: str, done: int, total: int) -> None:
            desk.step, desk.done, desk.total = step, done, total

        found = patiently(
            desk, lambda: self._catalogue.preview(request, asked.stage, told)
        )
        uri = self._kept(asked, found)
        _LOG.info(
            f"showed {len(found.listed)} scenes of {found.area}",
            action="inventory_shown",
            area=found.area,
            inventory=asked.inventory,
        )
        done = InventoryProgress(
            asked.inventory,
            InventoryState.DONE,
            scenes=len(found.listed),
            tiles=found.tiles,
            document=uri,
        )
        yield reply(order, done, _AGENT, self._clock(), "done")

    def fail(
        self,
        order: Envelope[InventoryRequest],
        error: Exception,
        failure: Failure,
        desk: Desk,
    ) -> Facts:
        """It is refused, or failed for now; and why."""
        state = InventoryState.FAILED
        problems: tuple[str, ...] = (str(error),)
        if isinstance(error, InvalidRequest | InvalidGraph):
            state, problems = InventoryState.REFUSED, error.problems
        ended = InventoryProgress(order.message.inventory, state, problems=problems)
        return [reply(order, ended, _AGENT, self._clock(), "done")]

    def _kept(self, asked: InventoryRequest, found: Preview) -> str:
        if asked.stage is Stage.CHECK:
            return ""
        return self._documents.keep_result(asked.inventory, encoded(found.document()))
