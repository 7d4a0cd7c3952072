# SPDX-License-Identifier: Apache-2.0
"""Shapes of answers about what runs behind the areas."""

from datetime import datetime

from pydantic import BaseModel, Field

from agents.gateway.answers import ProgressAnswer


class TopicAnswer(BaseModel):
    """A topic."""

    name: str
    holds: str
    writers: list[str]
    readers: list[str]
    partitions: int
    records: int = Field(description="Kept now; of compacted topics more than keys.")


class MemberAnswer(BaseModel):
    """A member of a group."""

    id: str
    client: str
    host: str
    partitions: int


class LagAnswer(BaseModel):
    """Records that a group has not dealt with."""

    topic: str
    lag: int


class GroupAnswer(BaseModel):
    """A consumer group."""

    name: str
    state: str
    members: list[MemberAnswer]
    lags: list[LagAnswer]


class RunningAnswer(BaseModel):
    """An attempt that a worker has begun."""

    id: str
    area: str
    kind: str
    attempt: int
    worker: str
    started_at: datetime
    progress: ProgressAnswer | None = None


class WaitingAnswer(BaseModel):
    """Orders that nobody has begun."""

    area: str
    kind: str
    tasks: int


class WorkersAnswer(BaseModel):
    """What is being done, and what is to be."""

    running: list[RunningAnswer]
    waiting: list[WaitingAnswer]


class ProviderAnswer(BaseModel):
    """How a provider did in the last day."""

    provider: str
    tries: int
    delivered: int
    size_bytes: int
    duration_s: float
    last_at: datetime | None


class DeadLetterAnswer(BaseModel):
    """A record that could not be handled."""

    place: str = Field(description="PARTITION@OFFSET of the dead letter.")
    topic: str
    partition: int
    offset: int
    key: str
    value: str = Field(description="As text, cut when it is long.")
    size_bytes: int
    agent: str
    cause: str
    message: str
    version: str


class DeadLetterPage(BaseModel):
    """Dead letters, the newest first."""

    letters: list[DeadLetterAnswer]


class Sent(BaseModel):
    """A record that was sent again."""

    place: str
    topic: str
