# SPDX-License-Identifier: Apache-2.0
"""Asking again, a few times, what does not answer now."""

from collections.abc import Callable
from typing import TypeVar

from agents.logs import logger
from agents.worker.desk import Desk
from streams.errors import IndexUnavailable, SearchError, StoreUnavailable

_LOG = logger("catalogue")

T = TypeVar("T")

# A catalogue that is down for longer is said to be so; the request can be sent again.
_PAUSES_S = (0.0, 2.0, 10.0, 30.0)


def patiently(desk: Desk, ask: Callable[[], T]) -> T:
    """What `ask` gives, asked again after pauses while something does not answer.

    Raises:
        SearchError, IndexUnavailable, StoreUnavailable: it still does not.
    """
    *pauses, last = _PAUSES_S
    for pause_s in pauses:
        desk.cancelled.wait(pause_s)
        try:
            return ask()
        except (SearchError, IndexUnavailable, StoreUnavailable) as error:
            _LOG.warning(str(error), action="search_failed")
    desk.cancelled.wait(last)
    return ask()
