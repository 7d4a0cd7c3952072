# SPDX-License-Identifier: Apache-2.0
"""A fact in answer to an order, in its envelope."""

from datetime import datetime
from typing import Any, TypeVar

from streams.codec import message_type
from streams.envelope import Envelope

M = TypeVar("M")


def reply(
    order: Envelope[Any], fact: M, agent: str, at: datetime, about: str = ""
) -> Envelope[M]:
    """The envelope of a fact that an order led to.

    Args:
        order: what was asked.
        fact: what happened.
        agent: who says it.
        at: when it happened.
        about: the subject, when it is not the order's. The same order, fact type and
            subject give the same id, however often the order is carried out.
    """
    kind = message_type(fact)  # type: ignore[arg-type]  # any message of ours
    ending = f"{kind}/{about}" if about else kind
    return Envelope(
        fact,
        id=f"{order.id}/{ending}",
        time=at,
        source=f"/agents/{agent}",
        subject=about or order.subject,
        cause=order.id,
        correlation=order.correlation,
    )
