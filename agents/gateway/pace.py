# SPDX-License-Identifier: Apache-2.0
"""How fast an area goes on, and when it will end. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from streams.model import Tally

_LATELY = timedelta(minutes=10)


def pace(downloads: Tally, processes: Tally, row: Mapping[str, Any]) -> dict[str, Any]:
    """Progress in numbers.

    Args:
        downloads: tally of the scenes.
        processes: tally of the tiles.
        row: of the query `area_pace`.
    """
    total = downloads.total + processes.total
    ended = downloads.ended + processes.ended
    rate = _rate(row, all_ended=ended == total)
    left = total - ended
    return {
        "total": total,
        "ended": ended,
        "running": row["running"],
        "percentage": round(100 * ended / total, 1) if total else 0.0,
        "first_started_at": row["first_started_at"],
        "last_ended_at": row["last_ended_at"],
        "tasks_per_s": round(rate, 3),
        "estimated_end_at": _end(row["now"], left / rate) if left and rate else None,
    }


def _rate(row: Mapping[str, Any], *, all_ended: bool) -> float:
    """Tasks a second: of the last ten minutes, or of the whole run when it is over."""
    first, last, now = row["first_started_at"], row["last_ended_at"], row["now"]
    if first is None or last is None:
        return 0.0
    if all_ended:
        return _per_second(row["ended"], last - first)
    return _per_second(row["ended_lately"], min(now - first, _LATELY))


def _per_second(count: int, span: timedelta) -> float:
    seconds = span.total_seconds()
    return count / seconds if seconds > 0 else 0.0


def _end(now: datetime, left_s: float) -> datetime | None:
    try:
        return now + timedelta(seconds=left_s)
    except OverflowError:
        return None
