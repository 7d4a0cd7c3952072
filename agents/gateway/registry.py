# SPDX-License-Identifier: Apache-2.0
"""The released schemas as a read-only Confluent registry.

An ordinary deserializer with `GATEWAY/registry` as its registry reads every topic.
Subjects are record names (RecordNameStrategy).
"""

import json
from typing import Annotated, Any

import fastapi
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from streams import contract
from streams.contract import Release

router = APIRouter(prefix="/registry", tags=["schema registry"])

Body = Annotated[dict[str, Any], fastapi.Body()]

# Codes of the Confluent Schema Registry API.
_NO_SUBJECT = 40401
_NO_VERSION = 40402
_NO_SCHEMA = 40403
_READ_ONLY = 42201


def _error(status: int, code: int, message: str) -> JSONResponse:
    return JSONResponse({"error_code": code, "message": message}, status)


def _history(subject: str) -> list[Release]:
    return [r for r in contract.releases() if r.subject == subject]


def _described(release: Release) -> dict[str, Any]:
    return {
        "subject": release.subject,
        "version": release.version,
        "id": release.id,
        "schemaType": "AVRO",
        "schema": json.dumps(contract.released(release.file)),
    }


@router.get("/subjects")
def subjects() -> list[str]:
    """Names of all records."""
    return sorted(contract.latest())


@router.get("/subjects/{subject}/versions", response_model=None)
def versions(subject: str) -> JSONResponse | list[int]:
    """Versions of a record's schema."""
    history = _history(subject)
    if not history:
        return _error(404, _NO_SUBJECT, f"Subject '{subject}' not found.")
    return [release.version for release in history]


@router.get("/subjects/{subject}/versions/{version}", response_model=None)
def version(subject: str, version: str) -> JSONResponse | dict[str, Any]:
    """One version of a record's schema; `latest` is the newest."""
    history = _history(subject)
    if not history:
        return _error(404, _NO_SUBJECT, f"Subject '{subject}' not found.")
    if version in ("latest", "-1"):
        return _described(history[-1])
    for release in history:
        if str(release.version) == version:
            return _described(release)
    return _error(404, _NO_VERSION, f"Version {version} not found.")


@router.get("/schemas/ids/{schema_id}", response_model=None)
def schema(schema_id: int) -> JSONResponse | dict[str, str]:
    """The schema of an id, as it stands in records."""
    for release in contract.releases():
        if release.id == schema_id:
            text = json.dumps(contract.released(release.file))
            return {"schema": text, "schemaType": "AVRO"}
    return _error(404, _NO_SCHEMA, f"Schema {schema_id} not found")


@router.post("/subjects/{subject}", response_model=None)
def look_up(subject: str, body: Body) -> JSONResponse | dict[str, Any]:
    """The release that holds this very schema."""
    found = _same(subject, body)
    if found is None:
        return _error(404, _NO_SCHEMA, "Schema not found")
    return _described(found)


@router.post("/subjects/{subject}/versions", response_model=None)
def register(subject: str, body: Body) -> JSONResponse | dict[str, int]:
    """The id of a released schema; a new one cannot be registered here."""
    found = _same(subject, body)
    if found is None:
        return _error(422, _READ_ONLY, "Schemas are released with the ingester's code.")
    return {"id": found.id}


def _same(subject: str, body: dict[str, Any]) -> Release | None:
    try:
        schema = json.loads(body.get("schema", ""))
    except ValueError:
        return None
    history = reversed(_history(subject))
    return next((r for r in history if contract.released(r.file) == schema), None)
