# SPDX-License-Identifier: Apache-2.0
"""Shapes of answers about an area's log: instants, changes, facts."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from agents.gateway.answers import Counts


class Reading(BaseModel):
    """How far the log was read."""

    area: str
    read: int
    total: int


class Mark(BaseModel):
    """A part of an area's log."""

    place: int = Field(description="Facts up to its end.")
    at: datetime
    took_s: float
    facts: int
    failed: int
    done: int
    asked: int = Field(description="Wishes of operators.")


class HistoryAnswer(BaseModel):
    """An area's log at a glance."""

    area: str
    facts: int
    begins_at: datetime
    ends_at: datetime
    marks: list[Mark]


class InstantAnswer(BaseModel):
    """How an area stood."""

    place: int
    at: datetime | None
    state: str
    status: str
    downloads: Counts
    processes: Counts
    columns: list[str]
    tasks: list[list[Any]]


class StandingAnswer(BaseModel):
    """How a task stood."""

    status: str
    attempt: int
    worker: str
    failure: str
    previous: str
    reference: str


class MovedAnswer(BaseModel):
    """A task at two instants; null: it was not there."""

    task: str
    before: StandingAnswer | None
    after: StandingAnswer | None


class Moves(BaseModel):
    """How many tasks went from one status to another; empty: not there."""

    before: str
    after: str
    tasks: int


class MovedPage(BaseModel):
    """What changed between two places of an area's log."""

    since: int
    until: int
    total: int
    moves: list[Moves]
    tasks: list[MovedAnswer]


class FactShort(BaseModel):
    """A fact in short."""

    place: int = Field(description="How many facts the area had with it.")
    partition: int
    offset: int
    time: datetime
    type: str
    task: str
    brief: str


class FactPage(BaseModel):
    """Facts, the newest first."""

    facts: list[FactShort]
    next: int | None = Field(description="`before` of the next page; null: the last.")


class FactAnswer(BaseModel):
    """A fact, whole."""

    place: int
    partition: int
    offset: int
    id: str
    time: datetime
    source: str
    type: str
    value: dict[str, Any]
