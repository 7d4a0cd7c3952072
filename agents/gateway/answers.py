# SPDX-License-Identifier: Apache-2.0
"""Shapes of the gateway's own JSON answers: areas, tasks, wishes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Problem(BaseModel):
    """What is wrong, and what to do."""

    detail: Any


class Counts(BaseModel):
    """How many tasks stand where."""

    new: int
    pending: int
    done: int
    retry: int
    failed: int


class AreaAnswer(BaseModel):
    """An area at a glance."""

    # What the read model keeps of an area beside this is given as it is.
    model_config = ConfigDict(extra="allow")

    name: str
    status: str = Field(
        description="new, running, paused, cancelled, needs-attention, done, "
        "done-with-failures, failed or refused"
    )
    state: str | None = Field(None, description="What an operator said of it.")
    downloads: Counts
    processes: Counts


class Pace(BaseModel):
    """How fast an area goes on."""

    total: int
    ended: int
    running: int = Field(description="Attempts that a worker has begun.")
    percentage: float = Field(description="Of the tasks, those that ended.")
    first_started_at: datetime | None
    last_ended_at: datetime | None
    tasks_per_s: float = Field(
        description="Of the last ten minutes; of the whole run once all ended."
    )
    estimated_end_at: datetime | None


class Cause(BaseModel):
    """Tasks that failed alike."""

    kind: str
    status: str
    failure: str
    tasks: int
    example: str


class Waiting(BaseModel):
    """The pending task that is busy, or waits for a worker, since longest."""

    id: str
    kind: str
    attempt: int
    worker: str
    started_at: datetime | None


class Refusal(BaseModel):
    """A request that could not be served."""

    ingestion: str
    problems: list[str]
    at: datetime


class RefusedArea(Refusal):
    """The last refusal of an area that has nothing else."""

    area: str


class AreaSummary(AreaAnswer):
    """An area in numbers."""

    progress: Pace
    failures: list[Cause]
    oldest_pending: Waiting | None
    refusals: list[Refusal]


class TaskAnswer(BaseModel):
    """A task as it stands."""

    model_config = ConfigDict(extra="allow")

    id: str
    number: int
    area: str
    kind: str
    scene: str
    tile: str
    cell: str
    acquired_at: datetime
    status: str
    attempt: int
    countdown: int
    setbacks: int
    worker: str
    failure: str
    message: str
    started_at: datetime | None
    ended_at: datetime | None
    not_before: datetime | None
    previous: str
    reference: str
    ingestion: str


class BandAnswer(BaseModel):
    """What the valid pixels of a band hold, as stored."""

    minimum: float | None
    maximum: float | None
    mean: float | None
    valid_pct: float


class LayerAnswer(BaseModel):
    """An object that a fact lists."""

    uri: str
    task: str
    area: str
    tile: str
    name: str
    extension: str
    action: str
    size_bytes: int
    sha256: str
    footprint: str = Field(description="WKT of its valid pixels; empty: no raster.")
    bands: list[BandAnswer]
    deleted_at: datetime | None = None


class AttemptAnswer(BaseModel):
    """One attempt of a task."""

    model_config = ConfigDict(extra="allow")

    attempt: int
    worker: str
    provider: str
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    outcome: str = Field(description="running, done, failed, expired or void")
    failure: str
    message: str
    trials: list[dict[str, Any]]
    log: str = Field(description="Address of what its steps said; empty: nothing.")


class ProgressAnswer(BaseModel):
    """What a worker said last of the attempt that it is busy with."""

    attempt: int
    worker: str
    step: str = Field(description="What it does now.")
    done_bytes: int
    total_bytes: int = Field(description="0: unknown.")
    at: datetime


class LogAnswer(BaseModel):
    """The end of what the steps of an attempt said."""

    text: str
    size_bytes: int = Field(description="Of the whole.")


class AskedAnswer(BaseModel):
    """What an operator asked; `refusal` is empty when it was granted."""

    id: str
    area: str
    task: str
    wish: str
    by: str
    why: str
    at: datetime
    refusal: str


class ChainTile(BaseModel):
    """A tile in its chain."""

    id: str
    number: int
    scene: str
    tile: str
    acquired_at: datetime
    status: str
    attempt: int
    worker: str
    failure: str
    message: str
    started_at: datetime | None
    ended_at: datetime | None
    previous: str
    reference: str


class TaskLife(TaskAnswer):
    """A task with all that happened to it."""

    layers: list[LayerAnswer]
    attempts: list[AttemptAnswer]
    wishes: list[AskedAnswer]
    before: ChainTile | None = Field(
        description="The tile before it in its place, in order of acquisition."
    )
    after: ChainTile | None = Field(description="The one after it.")


class TaskPage(BaseModel):
    """A page of tasks, in order of id."""

    tasks: list[TaskAnswer]
    total: int
    next: str | None = Field(description="`after` of the next page; null: the last.")


class ChainAnswer(BaseModel):
    """The tiles of one place, in order of acquisition."""

    cell: str
    tiles: list[ChainTile]


class ChainPage(BaseModel):
    """A page of chains, in order of cell; tiles without a chain are not among them."""

    chains: list[ChainAnswer]
    total: int
    next: str | None = Field(description="`after` of the next page; null: the last.")


class WishAnswer(BaseModel):
    """What became of a wish."""

    id: str
    granted: bool | None = Field(description="Null: written, not projected in time.")
    reason: str = ""


class Refused(BaseModel):
    """A wish that was not granted."""

    task: str
    reason: str


class BulkAnswer(BaseModel):
    """What became of the same wish about many tasks."""

    matched: int
    granted: int
    refused: list[Refused]
    unknown: int = Field(default=0, description="Written, not projected in time.")


class Sketch(BaseModel):
    """Many tasks, each a list in the order of `columns`."""

    columns: list[str]
    rows: list[list[Any]]
    next: str | None = Field(description="`after` of the next page; null: the last.")


class OutlineRequest(BaseModel):
    """What one request asked for."""

    ingestion: str
    geometry: dict[str, Any] = Field(description="GeoJSON, EPSG:4326.")
    start_time: datetime
    end_time: datetime
    by: str
    at: datetime
    settings: dict[str, Any]


class Outline(BaseModel):
    """What was asked for of an area, the oldest request first."""

    area: str
    requests: list[OutlineRequest]
    unknown: int = Field(
        description="Requests accepted before the read model kept what they asked for; "
        "`ingester rebuild projector` reads it from the log."
    )


class ExplanationAnswer(BaseModel):
    """Why a task is where it is."""

    task: str
    status: str
    hold: str = Field(description="What keeps it, in a word.")
    why: list[str]
    change: list[str] = Field(description="What would change it.")
    waits_for: list[str]
