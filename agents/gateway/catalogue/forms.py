# SPDX-License-Identifier: Apache-2.0
"""The fields of a catalogue request, in whichever way a client sends them.

Multipart (`curl -F area=@payload.json`), url-encoded or the query string, as the Go
ingester reads them; or JSON: the area alone, or an object of the fields.
"""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

FIELDS = ("area", "scenes", "tiles")


async def fields_of(request: Request) -> dict[str, bytes]:
    """The JSON texts of the fields that were sent, by name.

    Raises:
        HTTPException: 400, the body is not what its content type says, or no field
            `area` was sent.
    """
    kind = request.headers.get("content-type", "")
    body = await request.body()
    found = {
        name: value.encode()
        for name, value in request.query_params.items()
        if name in FIELDS
    }
    found |= _of_body(kind, body)
    if not found.get("area"):
        raise HTTPException(400, "area: missing; send the area as this field")
    return found


def _of_body(kind: str, body: bytes) -> dict[str, bytes]:
    if kind.startswith("multipart/form-data"):
        return _multipart(kind, body)
    if body.lstrip()[:1] == b"{":
        return _json(body)
    if kind.startswith("application/x-www-form-urlencoded"):
        pairs = parse_qsl(body.decode("utf-8", "replace"))
        return {name: text.encode() for name, text in pairs if name in FIELDS}
    if body.strip():
        raise HTTPException(
            400, f"body: '{kind}', expected JSON, multipart/form-data or url-encoded"
        )
    return {}


def _json(body: bytes) -> dict[str, bytes]:
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"body: not JSON: {error}") from error
    if not document.keys() & set(FIELDS):
        return {"area": body}
    return {
        name: json.dumps(document[name]).encode()
        for name in FIELDS
        if document.get(name) is not None
    }


def _multipart(kind: str, body: bytes) -> dict[str, bytes]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise HTTPException(400, "body: not multipart, as its content type says")
    found = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name in FIELDS and isinstance(content, bytes):
            found[str(name)] = content
    return found
