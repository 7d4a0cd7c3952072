# SPDX-License-Identifier: Apache-2.0
"""The dependency table: its rows, their keys, and their bytes.

Keys need no look-up: `AREA`, `AREA!INGESTION`, `AREA/SCENE`, `AREA/SCENE/TILE`,
`AREA@CELL`, `AREA@CELL@PAGE`. The name of an area or a cell holds none of `! / @`.
"""

import re
from collections.abc import Mapping
from typing import Protocol, get_args

import msgspec
from msgspec import Struct, field

from streams.chains import Chain, Member
from streams.model import AreaState, Delivery, Layer, Scene, Settings, Tally, Tile
from streams.transitions import Course


class Limits(Struct, frozen=True, gc=False):
    """How many tasks of an area may be ordered at once."""

    downloads: int = 0
    """0: no limit."""
    processes: int = 0
    """0: no limit."""
    priority: int = 0
    """The window is doubled so many times, halved when negative."""
    steered: bool = False
    """An operator said so: later requests do not change it."""

    @property
    def download_window(self) -> int:
        """Most downloads ordered at once; 0: no limit."""
        return self._window(self.downloads)

    @property
    def process_window(self) -> int:
        """Most processing tasks ordered at once; 0: no limit."""
        return self._window(self.processes)

    def _window(self, limit: int) -> int:
        if self.priority >= 0 or limit == 0:
            return limit << max(self.priority, 0)
        return max(limit >> -self.priority, 1)


class Line(Struct, frozen=True, gc=False):
    """Tasks that wait for their turn, by the ends of their line."""

    first: str = ""
    last: str = ""


class AreaRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One area: its tallies, and what an operator said of it."""

    area: str
    state: AreaState = AreaState.ACTIVE
    ingestions: int = 0
    """Requests accepted."""
    open_ingestions: int = 0
    """Requests whose tasks are still being written."""
    downloads: Tally = field(default_factory=Tally)
    processes: Tally = field(default_factory=Tally)
    limits: Limits = field(default_factory=Limits)
    download_line: Line = field(default_factory=Line)
    """Downloads that are ready and may not be ordered yet."""
    process_line: Line = field(default_factory=Line)
    ended_by: str = ""
    """Id of the fact that ended the area; empty while something is open."""
    at: int = -1
    """Offset, in the task log, of the fact that last changed this row."""


class IngestionRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One accepted request."""

    area: str
    ingestion: str
    settings: Settings
    listed: bool = False
    at: int = -1


class DownloadRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One download task, and its scene."""

    area: str
    task: str
    ingestion: str
    scene: Scene
    course: Course
    processes: tuple[str, ...] = ()
    """Processing tasks of its tiles."""
    deliveries: tuple[Delivery, ...] = ()
    held: str = ""
    """Task before it in the line of its area, "." for the first; empty: in no line."""
    behind: str = ""
    """Task behind it in the line."""
    expected: bool = False
    """A tile of it was created first: it waits to be created itself."""
    at: int = -1


class ProcessRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One processing task, and its tile."""

    area: str
    task: str
    ingestion: str
    tile: Tile
    download: str
    """The task that downloads its scene."""
    course: Course
    previous: str = ""
    """Task it was last ordered with as previous; empty: none, or never ordered."""
    reference: str = ""
    layers: tuple[Layer, ...] = ()
    """Of its last attempt that succeeded; superseded by the next that does."""
    follow: bool = False
    """Once it is done, the next of its chain is done again, and follows likewise."""
    stale: bool = False
    """What it is built on has changed since it was ordered: it is done again."""
    gone: bool = False
    """Its intermediate layers and its cut were released: nobody can build on them."""
    built: bool = False
    """It was done, and is to be done again: others may have been ordered with it."""
    readers: tuple[str, ...] = ()
    """Tasks ordered with it as previous before another tile came between."""
    superseded: tuple[str, ...] = ()
    """URIs of intermediate layers of its earlier results, to be released with these."""
    held: str = ""
    behind: str = ""
    at: int = -1


class Page(Struct, frozen=True, gc=False):
    """Where to find earlier members of a chain."""

    number: int
    begin: Member
    """No member of it was earlier when it was made; of the first, some may be now."""


class CellRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One place of an area, and its chain."""

    area: str
    cell: str
    chain: Chain = field(default_factory=Chain)
    """Without the members that stand in pages."""
    at: int = -1
    pages: tuple[Page, ...] = ()
    """Of the earlier members, in order."""
    paged: int = 0
    """Pages made so far."""

    @property
    def key(self) -> str:
        """Where it stands in the table."""
        return cell_key(self.area, self.cell)


class PageRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """Earlier members of the chain of a cell."""

    area: str
    cell: str
    members: tuple[Member, ...] = ()
    at: int = -1


TaskRow = ProcessRow | DownloadRow
"""Most are of tiles: to ask whether a row is one of these asks for tiles first."""
Row = AreaRow | IngestionRow | DownloadRow | ProcessRow | CellRow | PageRow
Table = Mapping[str, Row]


class Rows(Protocol):
    """What rows are looked up in, by key: a table, or a way to one."""

    def get(self, key: str, /) -> Row | None:
        """The row under this key; None when there is none."""


_NOT_A_NAME = re.compile(r"[!/@]")


def ingestion_key(area: str, ingestion: str) -> str:
    """Key of an ingestion's row."""
    return f"{area}!{ingestion}"


def cell_key(area: str, cell: str) -> str:
    """Key of a cell's row."""
    return f"{area}@{cell}"


def page_key(row: CellRow, page: Page) -> str:
    """Key of a page's row."""
    return f"{row.key}@{page.number}"


def row_class(key: str) -> type[Row]:
    """The class of the row under this key."""
    mark = _NOT_A_NAME.search(key)
    match mark and mark[0]:
        case None:
            return AreaRow
        case "!":
            return IngestionRow
        case "@":
            return CellRow if key.count("@") == 1 else PageRow
        case _:
            return DownloadRow if key.count("/") == 1 else ProcessRow


def encode_row(row: Row) -> bytes:
    """The row as JSON, always the same bytes for the same row."""
    return msgspec.json.encode(row, order="deterministic")


def decode_row(key: str, value: bytes) -> Row:
    """The row under this key, from its JSON."""
    return _DECODERS[row_class(key)].decode(value)


_DECODERS: dict[type[Row], msgspec.json.Decoder[Row]] = {
    cls: msgspec.json.Decoder(cls) for cls in get_args(Row)
}
