# SPDX-License-Identifier: Apache-2.0
"""What a client wants to know before it shows anything: who it is, what it may ask."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from agents.gateway.tokens import Identity
from agents.plugins import names
from agents.worker.graph.load import library
from streams.failures import TREATMENT
from streams.payload import schema
from streams.topics import TASKS
from streams.transitions import ALLOWED

router = APIRouter(tags=["page"])


class Me(BaseModel):
    """Who asks."""

    name: str
    role: str = Field(description="read, operate or administer")
    tokens: bool = Field(description="False: whoever comes may do everything.")
    version: str
    basemap: str = Field(description="URL of map tiles; empty: none are shown.")


class Words(BaseModel):
    """Words of the ingester, for forms."""

    request: dict[str, Any] = Field(description="JSON Schema of a request.")
    constellations: list[str]
    searches: list[str]
    graphs: list[str] = Field(description="Shipped ones; files are graphs too.")
    failures: dict[str, str] = Field(description="Class of failure, and its meaning.")
    facts: list[str]
    allowed: dict[str, list[str]] = Field(
        description="A wish, and the statuses from which it is granted."
    )


@router.get("/me", response_model=Me)
async def me(request: Request) -> Any:
    """Who asks, and as what."""
    identity: Identity = request.state.identity
    return {
        "name": identity.name,
        "role": identity.role.name.lower(),
        "tokens": request.app.state.has_tokens,
        "version": request.app.version,
        "basemap": request.app.state.basemap,
    }


@router.get("/words", response_model=Words)
async def words() -> Any:
    """What can be asked for, and the names of things."""
    return {
        "request": schema(),
        "constellations": names("sensor"),
        "searches": names("search"),
        "graphs": library(),
        "failures": {f.value: t.meaning for f, t in TREATMENT.items()},
        "facts": list(TASKS.messages),
        "allowed": {
            wish.value: sorted(s.value for s in statuses)
            for wish, statuses in ALLOWED.items()
        },
    }
