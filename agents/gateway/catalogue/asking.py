# SPDX-License-Identifier: Apache-2.0
"""A request for an inventory, or for an ingestion: checked, written, waited for."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, HTTPException, Request
from msgspec.structs import replace

from agents.gateway.catalogue.board import Board
from agents.gateway.catalogue.forms import fields_of
from agents.gateway.reading import Desk
from agents.worker.documents import Documents
from streams.envelope import Envelope
from streams.errors import InvalidRequest
from streams.model import InventoryState, Stage
from streams.orders import IngestionRequest, InventoryProgress, InventoryRequest
from streams.payload import read_payload
from streams.posted import read_document

_WAIT = re.compile(r"wait=(\d+)")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the routes of the catalogue need, beside the desk."""

    board: Board
    documents: Documents
    wait_s: float
    """Longest wait of an answer for its inventory."""


def _catalogue(request: Request) -> Catalogue:
    found: Catalogue = request.app.state.catalogue
    return found


Asking = Annotated[Catalogue, Depends(_catalogue)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is well formed, its posted document stored."""

    payload: str
    request: IngestionRequest


async def read_asked(
    request: Request, by: str, catalogue: Catalogue, *needs: str
) -> Asked:
    """What a client asks, the document with it stored.

    Args:
        request: its fields; `page` and `limit` of the query override the area's.
        by: who asks.
        catalogue: keeps the document.
        needs: a field without which it is nothing.

    Raises:
        HTTPException: 400, with everything that is wrong; nothing was stored.
    """
    fields = await fields_of(request)
    for name in needs:
        if name not in fields:
            raise HTTPException(400, f"{name}: missing; send it as this field")
    area = _paged(fields["area"], request.query_params)
    posted = fields.get("tiles", fields.get("scenes"))
    try:
        asked = read_payload(area, request=_request_id(request), by=by)
        document = read_document(posted, asked) if posted is not None else None
        if document and "tiles" in fields and document.scenes:
            _check_tiles(document.has_tiles)
    except InvalidRequest as error:
        raise HTTPException(400, list(error.problems)) from error
    uri = ""
    if posted is not None:
        uri = await asyncio.to_thread(catalogue.documents.keep_posted, posted)
    return Asked(area, replace(asked, document=uri))


def _check_tiles(has_tiles: bool) -> None:
    if not has_tiles:
        problem = "$.features[0].properties.tiles: missing; post it as 'scenes'"
        raise InvalidRequest("tiles document", [problem])


def _paged(area: bytes, query: Mapping[str, str]) -> str:
    """The area, with the page that the query wants instead of its own."""
    numbers = {name: query[name] for name in ("page", "limit") if name in query}
    text = area.decode("utf-8", "replace")
    if not numbers:
        return text
    try:
        document: dict[str, Any] = json.loads(text)
        document |= {name: int(number) for name, number in numbers.items()}
    except (ValueError, TypeError) as error:
        problem = f"page and limit: expected numbers, and an area: {error}"
        raise HTTPException(400, problem) from error
    return json.dumps(document)


def _request_id(request: Request) -> str:
    """Of its own; the same for the same `Idempotency-Key`."""
    key = request.headers.get("idempotency-key")
    return hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid4().hex


async def take_inventory(
    desk: Desk, catalogue: Catalogue, asked: Asked, stage: Stage
) -> str:
    """Have an inventory taken; its id.

    Raises:
        BrokerError: it could not be asked for.
    """
    inventory = uuid4().hex
    request = asked.request
    wanted = InventoryRequest(
        inventory, stage, asked.payload, request.document, request.by
    )
    waiting = InventoryProgress(inventory, InventoryState.WAITING)
    # The request first: nothing must be waited for that was never asked.
    for message, number in ((wanted, 0), (waiting, 1)):
        await desk.log.write([_envelope(desk, message, f"{inventory}/{number}")])
    if catalogue.board.find(inventory) is None:
        catalogue.board.note(waiting)
    return inventory


async def ingest(desk: Desk, asked: Asked) -> None:
    """Have it ingested.

    Raises:
        BrokerError: it could not be asked for.
    """
    await desk.log.write([_envelope(desk, asked.request, asked.request.request)])


def waits_s(request: Request, usual_s: float, most_s: float) -> float:
    """How long a client wants to wait: `Prefer: respond-async`, or `wait=SECONDS`."""
    wish = request.headers.get("prefer", "")
    if "respond-async" in wish:
        return 0.0
    found = _WAIT.search(wish)
    return min(float(found[1]), most_s) if found else usual_s


def _envelope(desk: Desk, message: Any, id: str) -> Envelope[Any]:
    return Envelope(
        message,
        id=id,
        time=desk.clock(),
        source="/agents/gateway",
        subject=getattr(message, "inventory", "") or message.name,
        correlation=getattr(message, "inventory", "") or message.request,
    )
