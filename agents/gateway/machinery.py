# SPDX-License-Identifier: Apache-2.0
"""What runs behind the areas: groups, topics, workers, providers, dead letters."""

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, HTTPException, Query, Request

from agents.gateway.answers import Problem
from agents.gateway.answers_machinery import (
    DeadLetterPage,
    GroupAnswer,
    ProviderAnswer,
    Sent,
    TopicAnswer,
    WorkersAnswer,
)
from agents.gateway.gate import Operator
from agents.gateway.reading import Model
from agents.gateway.results import told
from streams.orders import DeadLetter
from streams.topics import TOPICS, Topic

router = APIRouter(tags=["machinery"])

# Several pages are open at a time; brokers are asked once for all of them.
_FRESH_S = 2.0

_NOT_SHOWN = 2000
"""Characters of a value that are given; `ingester dead-letters save` has them all."""


class Cluster(Protocol):
    """The brokers, as operators want to see them."""

    def topics(self, wanted: tuple[Topic, ...]) -> list[dict[str, Any]]:
        """Partitions and records of topics.

        Raises:
            BrokerError: they cannot be asked.
        """
        ...

    def groups(self, wanted: tuple[Topic, ...]) -> list[dict[str, Any]]:
        """Consumer groups with members, and how far they are behind.

        Raises:
            BrokerError: they cannot be asked.
        """
        ...

    def letters(self, last: int) -> Iterator[tuple[str, DeadLetter]]:
        """The last dead letters with their places.

        Raises:
            BrokerError: they cannot be read.
        """
        ...

    def send_again(self, letter: DeadLetter) -> None:
        """Write a dead letter's record to its topic once more.

        Raises:
            BrokerError: it was not acknowledged.
        """
        ...


class Fresh:
    """Answers of the cluster that are a moment old at most."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._known: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._turn = asyncio.Lock()

    async def of(self, what: str) -> list[dict[str, Any]]:
        """`topics` or `groups`."""
        async with self._turn:
            at, known = self._known.get(what, (0.0, []))
            if time.monotonic() - at > _FRESH_S:
                ask = getattr(self.cluster, what)
                known = await asyncio.to_thread(ask, TOPICS)
                self._known[what] = time.monotonic(), known
            return known


def _fresh(request: Request) -> Fresh:
    fresh: Fresh = request.app.state.cluster
    return fresh


@router.get("/topics", response_model=list[TopicAnswer])
async def topics(request: Request) -> Any:
    """The topics: what each holds, how much of it, who writes and reads it."""
    return await _fresh(request).of("topics")


@router.get("/groups", response_model=list[GroupAnswer])
async def groups(request: Request) -> Any:
    """Consumer groups: their members, and how far each is behind on its topics."""
    return await _fresh(request).of("groups")


@router.get("/workers", response_model=WorkersAnswer)
async def workers(
    model: Model,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Any:
    """What workers are busy with, the longest first; orders that nobody has begun."""
    running = await model.fetch("running_tasks", {"limit": limit})
    return {
        "running": [
            {**row, "progress": told(request, row["id"], row["attempt"])}
            for row in running
        ],
        "waiting": await model.fetch("waiting_orders"),
    }


@router.get("/providers", response_model=list[ProviderAnswer])
async def providers(model: Model) -> Any:
    """How each provider did in the last day."""
    return await model.fetch("provider_rates")


@router.get("/dead-letters", response_model=DeadLetterPage)
async def dead_letters(
    request: Request, last: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Any:
    """The last records that could not be handled, the newest first."""
    cluster = _fresh(request).cluster
    found = await asyncio.to_thread(lambda: list(cluster.letters(last)))
    return {"letters": [_plain(place, letter) for place, letter in reversed(found)]}


@router.post(
    "/dead-letters/{place}/replay",
    response_model=Sent,
    responses={404: {"model": Problem, "description": "No dead letter there"}},
)
async def replay_dead_letter(place: str, who: Operator, request: Request) -> Any:
    """Send a dead letter's record to its topic again, as it was."""
    cluster = _fresh(request).cluster

    def send() -> str:
        for there, letter in cluster.letters(1000):
            if there == place:
                cluster.send_again(letter)
                return letter.topic
        return ""

    topic = await asyncio.to_thread(send)
    if not topic:
        raise HTTPException(404, f"dead letter '{place}': not among the last 1000")
    return {"place": place, "topic": topic}


def _plain(place: str, letter: DeadLetter) -> dict[str, Any]:
    return {
        "place": place,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": _text(letter.key),
        "value": _text(letter.value)[:_NOT_SHOWN],
        "size_bytes": len(letter.value or b""),
        "agent": letter.agent,
        "cause": letter.cause,
        "message": letter.message,
        "version": letter.version,
    }


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
