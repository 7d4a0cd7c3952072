# SPDX-License-Identifier: Apache-2.0
"""An area's objects as they are in the stores, beside what its log says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.worker.store import ObjectStore
from streams.errors import InvalidRequest
from streams.events import IngestionAccepted
from streams.holdings import Object, Stock, take_stock
from streams.replay import Positioned


@dataclass(frozen=True, slots=True)
class Stocktaking:
    """What was read, and what came of it."""

    log: Sequence[Positioned]
    there: dict[str, Object]
    stock: Stock


def stock_of(
    area: str, log: Sequence[Positioned], store: ObjectStore, storage_uri: str
) -> Stocktaking:
    """What an area keeps, and why.

    Args:
        area: its name.
        log: its facts. What the store gets while we look is younger: to be read first.
        store: of all roots.
        storage_uri: root of requests that name none.

    Raises:
        InvalidRequest: the log has no fact of it.
        StoreError: a store does not answer, or refuses.
    """
    if not log:
        raise InvalidRequest(f"area '{area}'", ["the log has no fact of it"])
    there = {
        uri: Object(size, at)
        for root in sorted(_roots(log, storage_uri))
        for uri, size, at in store.list(f"{root}/{area}/")
    }
    return Stocktaking(log, there, take_stock(area, log, there))


def _roots(log: Sequence[Positioned], storage_uri: str) -> set[str]:
    """Where the area's requests keep layers."""
    return {
        (entry.fact.message.settings.storage_uri or storage_uri).rstrip("/")
        for entry in log
        if isinstance(entry.fact.message, IngestionAccepted)
    }
