# SPDX-License-Identifier: Apache-2.0
"""A world around the fold, for tests: a log, a table, and workers that do as told.

Everything is deterministic: times are minutes since an origin, ids come from a counter.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from streams.dependencies import Step, step
from streams.envelope import Envelope
from streams.events import (
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    Event,
    IngestionAccepted,
    IngestionListed,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
    TaskCreated,
)
from streams.failures import Failure
from streams.model import (
    Action,
    Delivery,
    Kind,
    Layer,
    Part,
    Scene,
    Settings,
    Status,
    Tile,
    download_task,
    process_task,
)
from streams.orders import DownloadOrder, Outgoing, ProcessOrder
from streams.pages import whole
from streams.progress import AreaStatus, area_status
from streams.replay import Positioned, replay
from streams.table import AreaRow, CellRow, DownloadRow, ProcessRow, Row

ORIGIN = datetime(2022, 1, 1, tzinfo=UTC)
AREA = "demo"


def day(number: int) -> datetime:
    """Acquisition date of the n-th day."""
    return ORIGIN + timedelta(days=number)


def a_scene(name: str, date: datetime, tiles: tuple[str, ...]) -> Scene:
    parts = tuple(Part(tile) for tile in tiles)
    return Scene(name, "landsat", date, parts=parts)


def a_layer(
    tile: str, attempt: str, name: str = "B01", action: Action = Action.CREATE
) -> Layer:
    uri = f"s3://layers/{tile}/{attempt}/{name}.tif"
    return Layer(name, "tif", uri, 10, "0" * 64, action)


@dataclass
class World:
    """One area, its log, and the table that the log folds to."""

    table: dict[str, Row] = field(default_factory=dict)
    log: list[Positioned] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    """Everything set free so far."""

    def tell(self, event: Event, *, id: str = "", at: datetime | None = None) -> Step:
        """Append a fact to the log and fold it."""
        offset = len(self.log)
        time = at or ORIGIN + timedelta(days=1000, minutes=offset)
        fact = Envelope(event, id or f"fact-{offset}", time, "/tests")
        return self._append(Positioned(0, offset, fact))

    def repeat(self, entry: Positioned) -> Step:
        """Append a fact of the log again, as it was told."""
        return self._append(Positioned(0, len(self.log), entry.fact))

    def _append(self, entry: Positioned) -> Step:
        self.log.append(entry)
        done = step(self.table, entry.fact, entry.offset)
        self.table.update(done.rows)
        self.outgoing.extend(done.outgoing)
        return done

    # -- what the catalogue says

    def accept(
        self,
        ingestion: str = "i1",
        *,
        limits: tuple[int, int] = (0, 0),
        priority: int = 0,
        **settings: object,
    ) -> Step:
        wanted = Settings("CopyProductToStorage", "Pass", **settings)
        about = (AREA, ingestion, wanted, "{}", ORIGIN, day(999), "me")
        return self.tell(IngestionAccepted(*about, *limits, priority))

    def listed(self, ingestion: str = "i1") -> Step:
        return self.tell(IngestionListed(AREA, ingestion, 0, 0))

    def scene(
        self, name: str, date: int, cells: dict[str, str], ingestion: str = "i1"
    ) -> None:
        """A scene of that day, with a tile in each cell: tile name → cell."""
        for event in tasks_of(name, date, cells, ingestion):
            self.tell(event)

    # -- what workers say

    def started(self, task: str, attempt: int | None = None) -> Step:
        cls = DownloadStarted if task.count("/") == 1 else ProcessStarted
        return self.tell(cls(AREA, task, self._attempt(task, attempt), "w1"))

    def done(self, task: str, attempt: int | None = None) -> Step:
        attempt = self._attempt(task, attempt)
        row = self.table[task]
        if isinstance(row, DownloadRow):
            parts = row.scene.parts
            folder = f"d{attempt}"
            given = tuple(
                Delivery(p.tile, (a_layer(f"{task}/{p.tile}", folder),)) for p in parts
            )
            return self.tell(DownloadDone(AREA, task, attempt, "w1", "local", given))
        layers = (
            a_layer(task, f"p{attempt}", "out"),
            a_layer(task, f"p{attempt}", "index", Action.INDEX),
        )
        return self.tell(ProcessDone(AREA, task, attempt, "w1", layers))

    def failed(
        self,
        task: str,
        failure: Failure = Failure.STEP_FAILED,
        message: str = "error",
        attempt: int | None = None,
    ) -> Step:
        cls = DownloadFailed if task.count("/") == 1 else ProcessFailed
        attempt = self._attempt(task, attempt)
        return self.tell(cls(AREA, task, attempt, "w1", failure, message))

    def _attempt(self, task: str, attempt: int | None) -> int:
        if attempt is not None:
            return attempt
        row = self.table[task]
        assert isinstance(row, DownloadRow | ProcessRow)
        return row.course.attempt

    # -- what can be seen

    def status(self, task: str) -> Status:
        return self.task(task).course.status

    def task(self, task: str) -> DownloadRow | ProcessRow:
        row = self.table[task]
        assert isinstance(row, DownloadRow | ProcessRow)
        return row

    def tasks(self) -> list[DownloadRow | ProcessRow]:
        rows = self.table.values()
        return [row for row in rows if isinstance(row, DownloadRow | ProcessRow)]

    def processes(self) -> list[ProcessRow]:
        return [row for row in self.table.values() if isinstance(row, ProcessRow)]

    def area(self) -> AreaRow:
        row = self.table[AREA]
        assert isinstance(row, AreaRow)
        return row

    def cells(self) -> list[CellRow]:
        """With whole chains, whatever stands in pages."""
        rows = [row for row in self.table.values() if isinstance(row, CellRow)]
        return [replace(row, chain=whole(row, self.table)) for row in rows]

    def orders(self) -> list[DownloadOrder | ProcessOrder]:
        """Orders set free, each once, in the order in which they were."""
        seen: dict[tuple[str, int], DownloadOrder | ProcessOrder] = {}
        for order in self.outgoing:
            if isinstance(order, DownloadOrder | ProcessOrder):
                seen.setdefault((order.task, order.attempt), order)
        return list(seen.values())

    def replayed(self) -> dict[str, Row]:
        return replay(self.log).table


def tasks_of(
    name: str, date: int, cells: dict[str, str], ingestion: str = "i1"
) -> list[TaskCreated]:
    """The facts that create a scene and its tiles: tile name → cell."""
    scene = a_scene(name, day(date), tuple(cells))
    task = download_task(AREA, name)
    return [
        TaskCreated(AREA, task, Kind.DOWNLOAD, ingestion, scene=scene),
        *(
            TaskCreated(
                AREA,
                process_task(AREA, name, tile),
                Kind.PROCESS,
                ingestion,
                tile=Tile(tile, name, day(date), cell),
            )
            for tile, cell in cells.items()
        ),
    ]


def ordered(done: Step) -> list[str]:
    """Tasks that a fact set free."""
    return [
        o.task for o in done.outgoing if isinstance(o, DownloadOrder | ProcessOrder)
    ]


# -- scenes of one place, one tile each, by number


def scene(number: int) -> str:
    return f"{AREA}/s{number}"


def tile(number: int) -> str:
    return f"{AREA}/s{number}/t"


def a_chain(*numbers: int, **settings: object) -> World:
    """Scenes of one place, one tile each; nothing is downloaded."""
    world = World()
    world.accept(**settings)
    for number in numbers:
        world.scene(f"s{number}", number, {"t": "c"})
    world.listed()
    return world


def built(*numbers: int, failed: int = 0) -> World:
    """The same chain, every tile done but one that failed."""
    world = a_chain(*numbers)
    for number in numbers:
        world.done(scene(number))
    for number in numbers:
        if number == failed:
            world.failed(tile(number), Failure.STEP_FATAL)
        else:
            world.done(tile(number))
    return world


def status(world: World) -> AreaStatus:
    return area_status_of(world.area())


def area_status_of(area: AreaRow) -> AreaStatus:
    return area_status(
        area.state,
        area.ingestions,
        area.open_ingestions,
        area.downloads,
        area.processes,
    )
