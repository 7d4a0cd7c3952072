# SPDX-License-Identifier: Apache-2.0
"""The nouns of the ingester, as frozen values. Each has its Avro twin in `schemas/`."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Struct, field

from streams.failures import Failure

AreaName = NewType("AreaName", str)
"""Name of an area (AOI): letters, digits, `-`, `:` and `_`."""

TaskId = NewType("TaskId", str)
"""`area/scene` for a download, `area/scene/tile` for a processing task."""

CellKey = NewType("CellKey", str)
"""`area@cell`: the place on the sensor's grid shared by one chain of an area."""


STEP_LOG = ("steps", "log")
"""Name and extension of the layer in which a task keeps what its steps said."""

PICTURES = frozenset({"png", "jpg"})
"""Extensions of layers for people to look at."""

MAX_PRIORITY = 5

MOST_ORDERED = 1_000_000
"""The largest limit of tasks ordered at once that can be said; 0 is none."""
"""An area's window is doubled or halved so many times at most."""


def download_task(area: str, scene: str) -> TaskId:
    """Id of the task that downloads a scene."""
    return TaskId(f"{area}/{scene}")


def process_task(area: str, scene: str, tile: str) -> TaskId:
    """Id of the task that processes a tile."""
    return TaskId(f"{area}/{scene}/{tile}")


def order_id(task: str, attempt: int) -> str:
    """Id of the order for one attempt at a task: the same however often it is sent."""
    return f"{task}#{attempt}"


class Status(StrEnum):
    """Where a task stands; the five words of the reference."""

    NEW = "new"
    """Waits for its scene, its previous or its reference."""
    PENDING = "pending"
    """Ordered: a worker has it or will have it."""
    DONE = "done"
    """Its result is in the log."""
    RETRY = "retry"
    """Failed, its retries are used up: waits for an operator."""
    FAILED = "failed"
    """Given up; out of its chain."""


class AreaState(StrEnum):
    """What an operator said of an area."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing new is ordered; what runs may end."""
    CANCELLED = "cancelled"
    """Nothing is ordered, begun or ended any more. Final."""


class Kind(StrEnum):
    """The two kinds of task."""

    DOWNLOAD = "DOWNLOAD"
    PROCESS = "PROCESS"


class Stage(StrEnum):
    """How far an inventory goes; each stage has the ones before it."""

    CHECK = "CHECK"
    """The request is checked, nothing is searched."""
    SCENES = "SCENES"
    """The scenes."""
    TILES = "TILES"
    """The scenes with their tiles and the chains of these."""
    PLAN = "PLAN"
    """Everything, with what is left out and an estimate."""


class InventoryState(StrEnum):
    """Where an inventory stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    """Its document is stored."""
    REFUSED = "REFUSED"
    """The request is wrong."""
    FAILED = "FAILED"
    """Something did not answer; ask again."""


class Action(StrEnum):
    """What became of a layer: kept for later steps, or indexed for readers."""

    CREATE = "CREATE"
    INDEX = "INDEX"
    DESCRIBE = "DESCRIBE"
    """A document about layers (a STAC item), kept beside them."""


class Part(Struct, frozen=True, gc=False):
    """One tile of a scene, as the downloader must cut it out of the product."""

    tile: str
    """Tile name, unique in its scene; the scene's own name when it is not cut."""
    swath: str = ""
    """Sentinel-1 sub-swath, for example `IW1`; empty for other sensors."""
    number: int = 0
    """Position of the burst in its swath image, from 1; 0 when the scene is not cut."""
    footprint: str = ""
    """WKT, EPSG:4326, longitude first; empty when it is that of the scene."""
    anx_time: int = 0
    """Of a Sentinel-1 burst: tenths of a second since the ascending node; else 0."""


class Scene(Struct, frozen=True, gc=False):
    """One satellite product, as a catalogue described it."""

    name: str
    """Product name without `.SAFE`."""
    constellation: str
    """`sentinel1`, `sentinel2`, `landsat`, …: the sensor plug-in that knows it."""
    date: datetime
    """Acquisition, UTC, to the microsecond (what the index keeps)."""
    footprint: str = ""
    """WKT, EPSG:4326, longitude first; empty when the catalogue gave none."""
    parts: tuple[Part, ...] = ()
    """The tiles wanted of it."""
    fields: dict[str, str] = field(default_factory=dict)
    """Facts read in the product name (`DATE`, `PATH`, …); fill URL patterns."""
    metadata: dict[str, str] = field(default_factory=dict)
    """From the catalogue: `uuid`, `download_link`, ….  Never secrets."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tags of its record in the index."""
    record: str = ""
    """Id of its record in the Geocube; empty when nothing is indexed there."""

    def with_parts(self, parts: tuple[Part, ...]) -> "Scene":
        """The same scene, with these tiles wanted of it."""
        # Called several times for every order: `replace` takes 5 times longer.
        return Scene(
            self.name,
            self.constellation,
            self.date,
            self.footprint,
            parts,
            self.fields,
            self.metadata,
            self.tags,
            self.record,
        )


class Tile(Struct, frozen=True, gc=False):
    """The unit of processing: one part of a scene at one place of the grid."""

    name: str
    """Unique in its scene."""
    scene: str
    """Name of its scene."""
    date: datetime
    """Acquisition of its scene, UTC."""
    cell: str = ""
    """Place on the sensor's grid shared by a chain; empty: no chain, always a root."""
    swath: str = ""
    number: int = 0
    footprint: str = ""
    anx_time: int = 0
    """These four as in `Part`."""


class Layer(Struct, frozen=True, gc=False):
    """One stored object: a file of a tile. It exists if and only if a fact lists it."""

    name: str
    """Layer name, for example `B04` or `__product__`."""
    extension: str
    """`tif`, `jp2`, …; `SAFE`, `dim`, `data` and `*` are folders stored as zip."""
    uri: str
    """Where it is, for example `s3://bucket/area/scene/tiles/tile/1/file.tif`."""
    size_bytes: int
    sha256: str
    """Digest of the stored bytes, lower-case hexadecimal."""
    action: Action = Action.CREATE


class Statistics(Struct, frozen=True, gc=False):
    """What the valid pixels of a band hold, as stored."""

    minimum: float | None
    """None: no pixel is valid, or they are complex; likewise the next two."""
    maximum: float | None
    mean: float | None
    valid_pct: float
    """Pixels that are not no-data, in % of all."""


class Measure(Struct, frozen=True, gc=False):
    """What was found in a layer that is a raster, before it was stored."""

    uri: str
    """Of the layer."""
    footprint: str
    """WKT, EPSG:4326, longitude first: hull of the valid pixels; empty: there is none,
    or they are nowhere on Earth."""
    bands: tuple[Statistics, ...] = ()


class Delivery(Struct, frozen=True, gc=False):
    """What a download gave for one tile."""

    tile: str
    layers: tuple[Layer, ...] = ()


class Settings(Struct, frozen=True, gc=False):
    """What a request wants done with its scenes: the same for all of its tasks."""

    scene_graph: str
    """Graph run by the downloader once per tile of a scene."""
    tile_graph: str
    """Graph run by the processor."""
    graph_config: dict[str, str] = field(default_factory=dict)
    """Overrides of both graphs' configuration."""
    instances: dict[str, str] = field(default_factory=dict)
    """Layer name → id of the Geocube variable instance it is indexed under."""
    layers: tuple[str, ...] = ()
    """Names of the layers wanted; empty: every layer that the graph indexes."""
    storage_uri: str = ""
    """Root of the layers; empty: the workers' own."""
    retriable: bool = False
    """True: a task out of retries waits in RETRY for an operator; false: it fails."""
    retry_count: int = 0
    """Automatic retries of a failed task, when retriable."""
    alarm_after: int = 3
    """Lost attempts of a task after which an operator is told; 0: never."""


class Trial(Struct, frozen=True, gc=False):
    """One try of one provider to deliver a product."""

    provider: str
    failure: Failure | None
    """None: it delivered."""
    message: str
    size_bytes: int
    """Bytes received, also by a try that failed."""
    duration_s: float


class LeftOut(Struct, frozen=True, gc=False):
    """A scene that a catalogue listed and the inventory did not keep, and why."""

    scene: str
    reason: str


class LayerTarget(Struct, frozen=True, gc=False):
    """Where the request wants a layer indexed: a variable and its instance."""

    variable: str = ""
    instance: str = ""
    instance_id: str = ""
    """Wins over the names when set."""


class Tally(Struct, frozen=True, gc=False):
    """How many tasks of one kind stand where, in one area."""

    new: int = 0
    pending: int = 0
    done: int = 0
    retry: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return self.new + self.pending + self.done + self.retry + self.failed

    @property
    def ended(self) -> int:
        """Tasks that will not change by themselves: done or failed."""
        return self.done + self.failed

    def moved(self, old: Status | None, new: Status) -> "Tally":
        """The tally after one task went from `old` (None: nowhere) to `new`."""
        counts = [self.new, self.pending, self.done, self.retry, self.failed]
        if old is not None:
            counts[_STATUSES.index(old)] -= 1
        counts[_STATUSES.index(new)] += 1
        return Tally(*counts)


_STATUSES = tuple(Status)
