# SPDX-License-Identifier: Apache-2.0
"""How often a client may ask: one bucket of tokens each. Pure."""

from collections import OrderedDict
from dataclasses import dataclass

# Buckets of clients not seen for longest are forgotten: they are full again by then.
_REMEMBERED_AT_MOST = 10_000


@dataclass(slots=True)
class _Bucket:
    filled: float
    at_s: float


class Rates:
    """The buckets of all clients."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, client: str, now_s: float) -> float:
        """0: the client may ask now, and has asked. Else how long it is to wait."""
        bucket = self._buckets.pop(client, None) or _Bucket(self._burst, now_s)
        self._buckets[client] = bucket
        if len(self._buckets) > _REMEMBERED_AT_MOST:
            self._buckets.popitem(last=False)
        gained = (now_s - bucket.at_s) * self._per_s
        bucket.filled = min(bucket.filled + gained, self._burst)
        bucket.at_s = now_s
        if bucket.filled >= 1:
            bucket.filled -= 1
            return 0.0
        return (1 - bucket.filled) / self._per_s
