# SPDX-License-Identifier: Apache-2.0
"""Records made for scenes that were not accepted in the end: removed again.

Known only once the facts of a request are projected: a scene may have been there
already with another record, or its area cancelled meanwhile. Another request may have
found a record and not told the log yet, so nothing is removed before some time has
passed. What is forgotten when the process ends stays in the index, and harms nobody.
"""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.catalogue.known import Known
from agents.catalogue.records import RecordKeeper
from agents.logs import logger
from streams.errors import IndexerError, ReadModelError
from streams.model import AreaState
from streams.table import AreaRow, IngestionRow, ingestion_key

_LOG = logger("catalogue")

# A request whose facts are not projected by then is not waited for.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """The records that were made for one request."""

    area: str
    ingestion: str
    records: tuple[str, ...]
    since: datetime
    refused: bool = False
    """The log will have nothing of it but that."""


class Sweep:
    """Looks after the records that were made. Safe to share between threads.

    Args:
        known: the projected log.
        keeper: of the records.
        after_s: nothing is removed earlier.
    """

    def __init__(self, known: Known, keeper: RecordKeeper, after_s: float) -> None:
        self._known = known
        self._keeper = keeper
        self._after = timedelta(seconds=after_s)
        self._made: deque[Made] = deque()
        self._turn = threading.Lock()

    def watch(self, made: Made) -> None:
        """Look at these later."""
        if made.records:
            self._made.append(made)

    def look(self, now: datetime) -> int:
        """Remove what no scene bears, of the requests that are projected by now.

        Returns:
            How many requests are still waited for.
        """
        with self._turn:
            for _ in range(len(self._made)):
                made = self._made.popleft()
                if not self._is_dealt_with(made, now - made.since):
                    self._made.append(made)
            return len(self._made)

    def _is_dealt_with(self, made: Made, age: timedelta) -> bool:
        if age < self._after:
            return False
        if age > _PATIENCE:
            return True
        try:
            if not self._has_ended(made):
                return False
            borne = self._known.borne(made.records)
            unused = [record for record in made.records if record not in borne]
            removed = self._keeper.remove(unused)
        except (IndexerError, ReadModelError) as error:
            _LOG.warning(str(error), action="records_left", area=made.area)
            return False
        if removed:
            _LOG.info(
                f"removed {removed} records of scenes that were not accepted",
                action="records_removed",
                area=made.area,
            )
        return True

    def _has_ended(self, made: Made) -> bool:
        """Is all projected that the log will have of the request?"""
        if made.refused:
            return True
        key = ingestion_key(made.area, made.ingestion)
        rows = self._known.rows([key, made.area])
        ingestion, area = rows.get(key), rows.get(made.area)
        listed = isinstance(ingestion, IngestionRow) and ingestion.listed
        closed = isinstance(area, AreaRow) and area.state is AreaState.CANCELLED
        return listed or closed
