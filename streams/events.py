# SPDX-License-Identifier: Apache-2.0
"""The facts of the task log. `Event` is their union: the fold must handle each."""

from datetime import datetime

from msgspec import Struct

from streams.failures import Failure
from streams.model import (
    Delivery,
    Kind,
    Layer,
    LeftOut,
    Measure,
    Scene,
    Settings,
    Status,
    Tile,
    Trial,
)


class IngestionAccepted(Struct, frozen=True, gc=False):
    """The catalogue can serve a request; its tasks follow in the log."""

    area: str
    ingestion: str
    """Id of the request."""
    settings: Settings
    geometry: str
    """GeoJSON geometry of the area, EPSG:4326, longitude first."""
    start_time: datetime
    end_time: datetime
    by: str
    """Who asked."""
    limit_downloads: int = 0
    """Most downloads of the area ordered at once, times its window; 0: no limit."""
    limit_processes: int = 0
    priority: int = 0
    """The window is doubled so many times, halved when negative."""


class IngestionListed(Struct, frozen=True, gc=False):
    """Every task of a request is in the log now."""

    area: str
    ingestion: str
    scenes: int
    """Scenes kept; each has a download task."""
    tiles: int
    left_out: tuple[LeftOut, ...] = ()
    searched: tuple[str, ...] = ()
    """The searches that were asked, in order, and how each answered."""


class IngestionRefused(Struct, frozen=True, gc=False):
    """The catalogue cannot serve a request; nothing was created."""

    area: str
    ingestion: str
    problems: tuple[str, ...]
    by: str


class TaskCreated(Struct, frozen=True, gc=False):
    """A download or process task exists, with what it waits for."""

    area: str
    task: str
    kind: Kind
    ingestion: str
    scene: Scene | None = None
    """Of a download."""
    tile: Tile | None = None
    """Of a processing task; it waits for its scene and for its chain's neighbours."""


class DownloadStarted(Struct, frozen=True, gc=False):
    """A worker began an attempt to download a scene."""

    area: str
    task: str
    attempt: int
    worker: str


class DownloadDone(Struct, frozen=True, gc=False):
    """A scene is downloaded and cut; its layers are stored."""

    area: str
    task: str
    attempt: int
    worker: str
    provider: str
    deliveries: tuple[Delivery, ...]
    """One for each tile that the order asked for, also when it has no layer."""
    trials: tuple[Trial, ...] = ()
    duration_s: float = 0.0
    measures: tuple[Measure, ...] = ()
    """Of those layers that are rasters."""
    log: str = ""
    """URI of what the steps said; empty: nothing."""


class DownloadFailed(Struct, frozen=True, gc=False):
    """An attempt to download a scene failed."""

    area: str
    task: str
    attempt: int
    worker: str
    failure: Failure
    message: str
    trials: tuple[Trial, ...] = ()
    duration_s: float = 0.0
    log: str = ""
    """URI of what the steps said; empty: nothing."""
    retry_after_s: float = 0.0


class ProcessStarted(Struct, frozen=True, gc=False):
    """A worker began an attempt to process a tile."""

    area: str
    task: str
    attempt: int
    worker: str


class ProcessDone(Struct, frozen=True, gc=False):
    """A tile is processed; its layers are stored and indexed."""

    area: str
    task: str
    attempt: int
    worker: str
    layers: tuple[Layer, ...]
    duration_s: float = 0.0
    measures: tuple[Measure, ...] = ()
    """Of those layers that are rasters."""
    log: str = ""
    """URI of what the steps said; empty: nothing."""


class ProcessFailed(Struct, frozen=True, gc=False):
    """An attempt to process a tile failed."""

    area: str
    task: str
    attempt: int
    worker: str
    failure: Failure
    message: str
    duration_s: float = 0.0
    log: str = ""
    """URI of what the steps said; empty: nothing."""


class AttemptExpired(Struct, frozen=True, gc=False):
    """The watch heard nothing of an attempt for too long: its worker is lost."""

    area: str
    task: str
    attempt: int
    worker: str


class LayersExpired(Struct, frozen=True, gc=False):
    """A tile failed long ago and nobody reopened it: its intermediate layers may go."""

    area: str
    task: str
    attempt: int


class LayerDeleted(Struct, frozen=True, gc=False):
    """The janitor deleted a layer that nobody waits for any more."""

    area: str
    task: str
    uri: str


class TaskRetryAsked(Struct, frozen=True, gc=False):
    """An operator wants a task in RETRY tried again."""

    area: str
    task: str
    attempt: int
    """The task's attempt as the operator saw it; a wish about an older one is void."""
    by: str
    why: str


class TaskFailAsked(Struct, frozen=True, gc=False):
    """An operator gives a task up."""

    area: str
    task: str
    attempt: int
    by: str
    why: str


class TaskForceAsked(Struct, frozen=True, gc=False):
    """An operator wants a task in a status that its own course would not give it."""

    area: str
    task: str
    attempt: int
    status: Status
    by: str
    why: str


class TaskReopenAsked(Struct, frozen=True, gc=False):
    """An operator wants a FAILED task back, in its place in its chain."""

    area: str
    task: str
    attempt: int
    by: str
    why: str
    follow: bool = False
    """True: the later tiles of its chain, built past it, are done again in order."""


class AreaPaused(Struct, frozen=True, gc=False):
    """An operator wants nothing new ordered for an area."""

    area: str
    by: str
    why: str


class AreaResumed(Struct, frozen=True, gc=False):
    """An operator lets a paused area go on."""

    area: str
    by: str
    why: str


class AreaCancelled(Struct, frozen=True, gc=False):
    """An operator stops an area for good."""

    area: str
    by: str
    why: str


class AreaLimited(Struct, frozen=True, gc=False):
    """An operator wants other limits for an area; later requests do not change them."""

    area: str
    limit_downloads: int
    """0: no limit; likewise the next."""
    limit_processes: int
    priority: int
    by: str
    why: str


DownloadReport = DownloadStarted | DownloadDone | DownloadFailed
ProcessReport = ProcessStarted | ProcessDone | ProcessFailed
TaskWish = TaskRetryAsked | TaskFailAsked | TaskForceAsked | TaskReopenAsked
AreaWish = AreaPaused | AreaResumed | AreaCancelled | AreaLimited

Event = (
    IngestionAccepted
    | IngestionListed
    | IngestionRefused
    | TaskCreated
    | DownloadReport
    | ProcessReport
    | AttemptExpired
    | LayersExpired
    | LayerDeleted
    | TaskWish
    | AreaWish
)
"""Every fact. A new member does not type-check until `dependencies.step` handles it."""
