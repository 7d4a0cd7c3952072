# SPDX-License-Identifier: Apache-2.0
"""A running order as it is seen from outside: how far it is, and whether to stop."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streams.envelope import Envelope
from streams.model import InventoryState
from streams.orders import (
    DownloadOrder,
    Heartbeat,
    InventoryProgress,
    InventoryRequest,
    ProcessOrder,
)


@dataclass(slots=True)
class Desk:
    """What a running order and its loop know of each other."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set when the order must stop: no time is left, or its area is cancelled."""
    step: str = "begin"
    """What is being done, for the heartbeats."""
    done_bytes: int = 0
    """Of what is fetched, with what an earlier attempt left."""
    total_bytes: int = 0
    received_bytes: int = 0
    """Without that: what came over the network, also of what was thrown away."""
    done: int = 0
    total: int = 0
    """Of a step that counts other things than bytes."""
    log: str = ""
    """URI of what the steps of its graph said; empty: nothing."""
    begun: float = field(default_factory=time.monotonic)

    def duration_s(self) -> float:
        """Seconds since it was begun."""
        return round(time.monotonic() - self.begun, 3)


def sign_of_life(
    order: Envelope[Any], desk: Desk, worker: str, agent: str, now: datetime
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
