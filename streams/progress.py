# SPDX-License-Identifier: Apache-2.0
"""How an area stands, in one word: a pure function of its tallies."""

from enum import StrEnum

from streams.model import AreaState, Tally


class AreaStatus(StrEnum):
    """What an operator wants to see at a glance."""

    NEW = "new"
    """Nothing was accepted yet."""
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs-attention"
    """Some task waits for an operator, whatever else still runs."""
    DONE = "done"
    DONE_WITH_FAILURES = "done-with-failures"
    FAILED = "failed"
    """Every task failed."""


def area_status(
    state: AreaState,
    ingestions: int,
    open_ingestions: int,
    downloads: Tally,
    processes: Tally,
) -> AreaStatus:
    """The area's status. It cannot flap: it depends on nothing but what is now."""
    if state is AreaState.CANCELLED:
        return AreaStatus.CANCELLED
    if ingestions == 0:
        return AreaStatus.NEW
    if downloads.retry or processes.retry:
        return AreaStatus.NEEDS_ATTENTION
    ended = downloads.ended == downloads.total and processes.ended == processes.total
    if not ended or open_ingestions:
        paused = state is AreaState.PAUSED
        return AreaStatus.PAUSED if paused else AreaStatus.RUNNING
    failed = downloads.failed + processes.failed
    if not failed:
        return AreaStatus.DONE
    done = downloads.done + processes.done
    return AreaStatus.DONE_WITH_FAILURES if done else AreaStatus.FAILED
