# SPDX-License-Identifier: Apache-2.0
"""Records made for scenes that were not accepted in the end: removed again.

Known only once the facts of a request are projected: a scene may have been there
already with another record, or its area cancelled meanwhile. What is forgotten when the
process ends stays in the index, where it harms nobody.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.catalogue.known import Known
from agents.catalogue.records import RecordKeeper
from agents.logs import logger
from streams.errors import IndexerError
from streams.model import AreaState
from streams.table import AreaRow, DownloadRow, IngestionRow, ingestion_key

_LOG = logger("catalogue")

_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Made:
    """The records that were made for one request."""

    area: str
    ingestion: str
    records: dict[str, str]
    """By task that downloads the scene."""
    since: datetime


class Sweep:
    """Looks after the records that were made. Safe to share between threads."""

    def __init__(self, known: Known, keeper: RecordKeeper) -> None:
        self._known = known
        self._keeper = keeper
        self._made: deque[Made] = deque()
        self._turn = threading.Lock()

    def watch(self, made: Made) -> None:
        """Look at these later."""
        if made.records:
            self._made.append(made)

    def look(self, now: datetime) -> int:
        """Remove what was not accepted of the requests that are projected by now.

        Returns:
            How many requests are still waited for.
        """
        with self._turn:
            for _ in range(len(self._made)):
                made = self._made.popleft()
                if not self._settled(made) and now - made.since < _PATIENCE:
                    self._made.append(made)
            return len(self._made)

    def _settled(self, made: Made) -> bool:
        key = ingestion_key(made.area, made.ingestion)
        rows = self._known.rows([key, made.area])
        ingestion, area = rows.get(key), rows.get(made.area)
        listed = isinstance(ingestion, IngestionRow) and ingestion.listed
        ended = isinstance(area, AreaRow) and area.state is AreaState.CANCELLED
        if not (listed or ended):
            return False
        accepted = self._known.rows(list(made.records))
        unused = [
            record
            for task, record in made.records.items()
            if record != _record(accepted.get(task))
        ]
        return remove(self._keeper, unused, made.area)


def remove(keeper: RecordKeeper, records: Sequence[str], area: str) -> bool:
    """Remove records; False when the index does not answer."""
    if not records:
        return True
    try:
        removed = keeper.remove(records)
    except IndexerError as error:
        _LOG.warning(str(error), action="records_left", area=area)
        return False
    _LOG.info(
        f"removed {removed} records of scenes that were not accepted",
        action="records_removed",
        area=area,
    )
    return True


def _record(row: object) -> str:
    return row.scene.record if isinstance(row, DownloadRow) else ""
