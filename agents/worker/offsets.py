# SPDX-License-Identifier: Apache-2.0
"""Which offsets may be committed when records are finished out of order."""

from streams.envelope import Record

Place = tuple[str, int]


class Offsets:
    """Records begun and ended, by partition."""

    def __init__(self) -> None:
        self._open: dict[Place, set[int]] = {}
        self._next: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}

    def begin(self, record: Record) -> None:
        """A record was taken."""
        place = (record.topic, record.partition)
        self._open.setdefault(place, set()).add(record.offset)
        self._committed.setdefault(place, record.offset)
        self._next[place] = max(self._next.get(place, 0), record.offset + 1)

    def end(self, record: Record) -> None:
        """A record is dealt with."""
        self._open.get((record.topic, record.partition), set()).discard(record.offset)

    def committable(self) -> dict[Place, int]:
        """Offsets before which everything is dealt with; each is given once."""
        news = {}
        for place, following in self._next.items():
            position = min(self._open[place], default=following)
            if position > self._committed[place]:
                news[place] = self._committed[place] = position
        return news

    def forget(self, places: set[Place]) -> None:
        """Partitions that are no longer ours."""
        for place in places:
            self._open.pop(place, None)
            self._next.pop(place, None)
            self._committed.pop(place, None)
