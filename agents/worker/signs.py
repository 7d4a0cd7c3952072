# SPDX-License-Identifier: Apache-2.0
"""What a worker says of an order that it is still busy with."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from streams.envelope import Envelope
from streams.model import InventoryState
from streams.orders import (
    DownloadOrder,
    Heartbeat,
    InventoryProgress,
    InventoryRequest,
    ProcessOrder,
)

if TYPE_CHECKING:  # the loop imports us
    from agents.worker.loop import Desk


def sign_of_life(
    order: Envelope[Any], desk: "Desk", worker: str, agent: str, now: datetime
) -> Envelope[Any] | None:
    """How far an order is; None for orders that nobody watches."""
    message = order.message
    sign: Heartbeat | InventoryProgress
    match message:
        case DownloadOrder() | ProcessOrder():
            subject = message.task
            sign = Heartbeat(
                message.area,
                message.task,
                message.attempt,
                worker,
                desk.step,
                desk.done_bytes,
                desk.total_bytes,
            )
        case InventoryRequest():
            subject = message.inventory
            sign = InventoryProgress(
                message.inventory,
                InventoryState.RUNNING,
                desk.step,
                desk.done,
                desk.total,
            )
        case _:
            return None
    return Envelope(
        sign,
        id=f"{order.id}/heartbeat/{now.isoformat()}",
        time=now,
        source=f"/agents/{agent}",
        subject=subject,
        cause=order.id,
        correlation=order.correlation,
    )
