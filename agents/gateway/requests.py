# SPDX-License-Identifier: Apache-2.0
"""Requests as they were published, to be looked at or asked again."""

import asyncio
from typing import Any, Protocol

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from agents.gateway.status import NOT_FOUND
from streams.orders import IngestionRequest
from streams.payload import written

router = APIRouter(tags=["status"])


class Requests(Protocol):
    """The requests that were published."""

    def find(self, area: str, request: str) -> IngestionRequest | None:
        """The request of that id; None: it is not known any more.

        Raises:
            BrokerError: they cannot be read.
        """
        ...


class RequestAnswer(BaseModel):
    """What somebody asked."""

    request: str
    by: str
    payload: dict[str, Any] = Field(
        description="The document that asks for the same, with every member."
    )
    scenes: str = Field(
        description="URI of the scenes that were posted with it, instead of a search."
    )


@router.get(
    "/areas/{name}/requests/{request_id}",
    response_model=RequestAnswer,
    responses=NOT_FOUND,
)
async def published(name: str, request_id: str, request: Request) -> Any:
    """A request of an area as it was published; ids are those of the outline."""
    requests: Requests = request.app.state.requests
    found = await asyncio.to_thread(requests.find, name, request_id)
    if found is None:
        raise HTTPException(404, f"area '{name}': no request '{request_id}' is known")
    return {
        "request": found.request,
        "by": found.by,
        "payload": written(found),
        "scenes": found.document,
    }
