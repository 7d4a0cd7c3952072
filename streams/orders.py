# SPDX-License-Identifier: Apache-2.0
"""What is asked: of the catalogue by users, of workers by the fold; and its notices."""

from datetime import datetime

from msgspec import Struct, field

from streams.failures import Failure
from streams.model import (
    AreaState,
    InventoryState,
    Layer,
    LayerTarget,
    Scene,
    Settings,
    Stage,
    Tally,
    Tile,
)


class IngestionRequest(Struct, frozen=True, gc=False):
    """Someone wants an area ingested. `streams.payload` reads one from JSON."""

    name: str
    """Name of the area."""
    request: str
    """Id of this request; the same id sent twice is the same request."""
    geometry: str
    """GeoJSON geometry (Polygon or MultiPolygon), EPSG:4326, longitude first."""
    start_time: datetime
    end_time: datetime
    constellation: str
    scene_graph: str
    tile_graph: str
    parameters: dict[str, str] = field(default_factory=dict)
    """Filters of the catalogue search."""
    graph_config: dict[str, str] = field(default_factory=dict)
    layers: dict[str, LayerTarget] = field(default_factory=dict)
    record_tags: dict[str, str] = field(default_factory=dict)
    annotations_urls: tuple[str, ...] = ()
    retriable: bool = False
    retry_count: int = 0
    page: int = 0
    limit: int = 0
    """0: everything the catalogue has."""
    storage_uri: str = ""
    searches: tuple[str, ...] = ()
    """Catalogue searches to ask, in this order; empty: the catalogue's own list."""
    chain: bool = True
    """False: no chains; every tile is a root, as `cells` "none" says too."""
    by: str = ""
    """Who asks."""
    priority: int = 0
    """The window of the area is doubled so many times, halved when negative."""
    limit_downloads: int = 0
    """Most downloads of the area ordered at once; 0: the catalogue's own limit."""
    limit_processes: int = 0
    cells: str = ""
    """How tiles are chained: `none`, or a grid of the sensor; empty: the default."""
    versions: str = "newest"
    """Which products of one acquisition are kept: `newest`, `oldest` or `all`."""
    document: str = ""
    """URI of the scenes document posted with it, used instead of a search."""


class InventoryRequest(Struct, frozen=True, gc=False):
    """Someone wants to see what a request would lead to; nothing is ingested."""

    inventory: str
    """Id of this inventory."""
    stage: Stage
    payload: str
    """The request as users write it: JSON, see `streams.payload`."""
    document: str = ""
    """URI of the scenes document posted with it, used instead of a search."""
    by: str = ""
    """Who asks."""


class InventoryProgress(Struct, frozen=True, gc=False):
    """How far an inventory is."""

    inventory: str
    state: InventoryState
    step: str = ""
    """What is being done now: `search`, `tiles`, …."""
    done: int = 0
    total: int = 0
    """Of the step, in the things that it counts; 0 when unknown."""
    scenes: int = 0
    tiles: int = 0
    document: str = ""
    """URI of the result, once done: a scenes document, or a plan."""
    problems: tuple[str, ...] = ()
    """Everything that is wrong, when refused or failed."""


class DownloadOrder(Struct, frozen=True, gc=False):
    """Download this scene and cut it in the tiles of `scene.parts`."""

    area: str
    task: str
    attempt: int
    ingestion: str
    settings: Settings
    scene: Scene
    not_before: datetime | None = None
    """A back-off: start no earlier."""


class Source(Struct, frozen=True, gc=False):
    """A tile with the layers that stand for it in the object store."""

    tile: Tile
    scene: Scene
    layers: tuple[Layer, ...]


class ProcessOrder(Struct, frozen=True, gc=False):
    """Process this tile, next to its previous and its reference."""

    area: str
    task: str
    attempt: int
    ingestion: str
    settings: Settings
    current: Source
    previous: Source | None = None
    reference: Source | None = None
    not_before: datetime | None = None
    superseded: tuple[str, ...] = ()
    """URIs of indexed layers of an earlier result of this task, to be taken out of the
    index once the new ones are in."""


class LayerReleased(Struct, frozen=True, gc=False):
    """Nobody will read this layer any more: an order to the janitor."""

    area: str
    task: str
    uri: str


class AreaDone(Struct, frozen=True, gc=False):
    """Every task of the area has ended, well or not."""

    area: str
    downloads: Tally
    processes: Tally


class AreaNeedsAttention(Struct, frozen=True, gc=False):
    """A task used up its retries and waits for an operator."""

    area: str
    task: str
    attempt: int
    failure: Failure
    message: str


class CommandRefused(Struct, frozen=True, gc=False):
    """An operator's wish that the fold did not allow, and why."""

    area: str
    task: str
    """Empty when the wish was about the area."""
    wish: str
    """Its message type, for example `task-retry-asked`."""
    by: str
    reason: str


class AreaStanding(Struct, frozen=True, gc=False):
    """What an operator's wish made of an area: workers look at it first."""

    area: str
    state: AreaState
    by: str
    why: str


class Heartbeat(Struct, frozen=True, gc=False):
    """A worker is still busy with an attempt."""

    area: str
    task: str
    attempt: int
    worker: str
    step: str
    """What it does now: `fetch`, `graph`, `upload`, …."""
    done_bytes: int = 0
    total_bytes: int = 0
    """0 when unknown."""


class DeadLetter(Struct, frozen=True, gc=False):
    """A record that could not be decoded or handled, whole, with its cause."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    cause: str
    """Class of the error."""
    message: str
    agent: str
    version: str
    """Of the ingester that gave up."""


Order = DownloadOrder | ProcessOrder | LayerReleased
Notice = AreaDone | AreaNeedsAttention | CommandRefused
Outgoing = Order | Notice | AreaStanding
"""What the fold sends out: it never comes back as its own input."""
