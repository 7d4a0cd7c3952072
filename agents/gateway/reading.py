# SPDX-License-Identifier: Apache-2.0
"""What the routes need of the read model, the object store, the log and the clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from streams.envelope import Envelope


class ReadModel(Protocol):
    """Named queries over the projected tables."""

    async def fetch(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """Rows of a named query."""
        ...


class Documents(Protocol):
    """Small objects of the object store. They never change."""

    async def read(self, uri: str) -> dict[str, Any]:
        """The JSON document under a URI."""
        ...

    async def content(self, uri: str) -> bytes:
        """An object's bytes.

        Raises:
            ObjectNotFound: there is none.
        """
        ...


class Log(Protocol):
    """The task log, and the topics of requests, to write to."""

    async def write(self, messages: Sequence[Envelope[Any]]) -> None:
        """Write messages; returns when every one is acknowledged.

        Raises:
            BrokerError: one is not, whatever became of the others. To write them again
                is harmless: the same ids are the same facts.
        """
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What it takes to write a fact and to see it projected."""

    log: Log
    model: ReadModel
    clock: Callable[[], datetime]
    wait_s: float
    """Longest wait until a fact is projected."""


def _model(request: Request) -> ReadModel:
    model: ReadModel = request.app.state.model
    return model


def _documents(request: Request) -> Documents:
    documents: Documents = request.app.state.documents
    return documents


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


Model = Annotated[ReadModel, Depends(_model)]
Store = Annotated[Documents, Depends(_documents)]
Writing = Annotated[Desk, Depends(_desk)]
