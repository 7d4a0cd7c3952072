# SPDX-License-Identifier: Apache-2.0
"""A request as users write it: one JSON document, GeoJSON and parameters together.

The members are those of the reference (spelled in any case), and a few of ours:
`searches`, `chain`, `cells`, `versions`, `priority`, `limits`. What is wrong is said
all at once, each with its JSON path.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from msgspec.structs import asdict
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from streams.errors import InvalidRequest
from streams.geojson import GeometryProblem, area_of
from streams.model import MAX_PRIORITY, MOST_ORDERED, LayerTarget
from streams.orders import IngestionRequest
from streams.texts import refuse_nul

_GEOJSON = frozenset(
    {"type", "geometry", "coordinates", "features", "geometries", "properties"}
    | {"bbox", "crs", "id"}
)
AREA_NAME = re.compile(r"[A-Za-z0-9:_-]{1,200}")
AN_AREA_NAME = "up to 200 letters, digits, '-', ':' and '_' only"
MOST_RETRIES = 100
STORAGE_ROOT = re.compile(r"(s3://[^/]+|file:///|/).*")
"""Forms of a root of layers."""


def _as_text(value: Any) -> Any:
    """Numbers and booleans are what people write for text values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def _as_texts(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    return value


Texts = Annotated[dict[str, str], BeforeValidator(_as_texts)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _SceneType(_Strict):
    constellation: str = Field(min_length=1)
    parameters: Texts = {}


class _Layer(_Strict):
    variable: str = ""
    instance: str = ""
    instance_id: str = ""

    @model_validator(mode="after")
    def _names_an_instance(self) -> "_Layer":
        if not self.instance_id and not (self.variable and self.instance):
            raise ValueError("expected 'variable' and 'instance', or 'instance_id'")
        return self


class _Limits(_Strict):
    downloads: int = Field(default=0, ge=0, le=MOST_ORDERED)
    processes: int = Field(default=0, ge=0, le=MOST_ORDERED)


class _Payload(_Strict):
    name: str = Field(description="Of the area: letters, digits, '-', ':' and '_'.")
    start_time: Annotated[AwareDatetime, Field(strict=False)] = Field(
        description="Earliest acquisition."
    )
    end_time: Annotated[AwareDatetime, Field(strict=False)] = Field(
        description="Latest acquisition."
    )
    scene_type: _SceneType
    scene_graph_name: str = Field(
        min_length=1, description="Graph run on each tile of a downloaded scene."
    )
    tile_graph_name: str = Field(
        min_length=1, description="Graph that processes each tile."
    )
    graph_config: Texts = Field({}, description="Overrides of both graphs' settings.")
    layers: dict[str, _Layer] = Field(
        {}, description="Where layers are indexed in the Geocube; empty: nowhere."
    )
    record_tags: Texts = Field({}, description="Tags of scenes' records in the index.")
    annotations_urls: Annotated[list[str], BeforeValidator(lambda v: v or [])] = Field(
        [], description="Where annotations of Sentinel-1 products lie."
    )
    is_retriable: bool = Field(
        False, description="A task out of retries waits for you, and does not fail."
    )
    retry_count: int = Field(
        0,
        ge=0,
        le=MOST_RETRIES,
        description="Retries of a task that fails by its own fault.",
    )
    page: int = Field(0, ge=0, description="Which page of so many scenes.")
    limit: int = Field(0, ge=0, description="Scenes on a page; 0: all.")
    storage_uri: str = Field("", description="Root of layers; empty: the workers' own.")
    searches: list[str] = Field([], description="Catalogues, in order of trial.")
    chain: bool = Field(True, description="Tiles of one place follow each other.")
    cells: str = Field(
        "", description="Grid of the chains, or 'none'; empty: the sensor's default."
    )
    versions: Literal["newest", "oldest", "all"] = Field(
        "newest", description="Which products of one acquisition are kept."
    )
    priority: int = Field(
        0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="The limits are doubled so many times, halved when negative.",
    )
    limits: _Limits = Field(default_factory=_Limits)

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not AREA_NAME.fullmatch(value):
            raise ValueError(f"expected {AN_AREA_NAME}")
        return value

    @field_validator("storage_uri")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        if value and not STORAGE_ROOT.fullmatch(value):
            raise ValueError("expected s3://bucket/prefix, file:///path or /path")
        return value

    @field_validator("record_tags")
    @classmethod
    def _has_no_wildcard(cls, value: dict[str, str]) -> dict[str, str]:
        for key, tag in value.items():
            if set("*?") & set(key + tag):
                raise ValueError(f"tag '{key}': the index allows neither '*' nor '?'")
        return value

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "_Payload":
        if self.end_time <= self.start_time:
            raise ValueError("end_time: expected later than start_time")
        return self

    @model_validator(mode="after")
    def _chains_or_not(self) -> "_Payload":
        if not self.chain and self.cells not in ("", "none"):
            raise ValueError(f"cells: '{self.cells}', but chain is false")
        return self


def schema() -> dict[str, Any]:
    """JSON Schema of a request's members beside its GeoJSON."""
    return _Payload.model_json_schema()


def read_payload(
    text: str | bytes, *, request: str, by: str, name: str = ""
) -> IngestionRequest:
    """The request in a JSON document.

    Args:
        text: the document.
        request: id of the request.
        by: who asks.
        name: of the area, instead of the document's.

    Raises:
        InvalidRequest: with every problem found, each beginning with its JSON path.
    """
    document = _object(text)
    geometry, problems = _geometry(document)
    members = _members(document, _Payload, problems)
    if name:
        members["name"] = name
    payload = _checked(members, problems)
    if problems or payload is None:
        raise InvalidRequest("payload", problems)
    return _request(payload, geometry, request, by)


def written(request: IngestionRequest) -> dict[str, Any]:
    """The document that asks for the same: `read_payload` reads that request from it.

    Scenes that were posted with it are not in it.
    """
    return {
        "type": "Feature",
        "geometry": json.loads(request.geometry),
        "name": request.name,
        "start_time": request.start_time.isoformat(),
        "end_time": request.end_time.isoformat(),
        "scene_type": {
            "constellation": request.constellation,
            "parameters": request.parameters,
        },
        "scene_graph_name": request.scene_graph,
        "tile_graph_name": request.tile_graph,
        "graph_config": request.graph_config,
        "layers": {
            name: {key: text for key, text in asdict(layer).items() if text}
            for name, layer in request.layers.items()
        },
        "record_tags": request.record_tags,
        "annotations_urls": list(request.annotations_urls),
        "is_retriable": request.retriable,
        "retry_count": request.retry_count,
        "page": request.page,
        "limit": request.limit,
        "storage_uri": request.storage_uri,
        "searches": list(request.searches),
        "chain": request.chain,
        "cells": request.cells,
        "versions": request.versions,
        "priority": request.priority,
        "limits": {
            "downloads": request.limit_downloads,
            "processes": request.limit_processes,
        },
    }


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidRequest("payload", [f"$: not JSON: {error}"]) from error
    if not isinstance(document, dict):
        found = type(document).__name__
        raise InvalidRequest("payload", [f"$: expected a JSON object, found {found}"])
    return document


def _geometry(document: Mapping[str, Any]) -> tuple[str, list[str]]:
    try:
        return json.dumps(area_of(document)), []
    except GeometryProblem as problem:
        return "", [str(problem)]


def _members(
    document: Mapping[str, Any], model: type[BaseModel], problems: list[str]
) -> dict[str, Any]:
    """The document's members by our spelling; unknown ones are problems."""
    known = {name.lower(): name for name in model.model_fields}
    members: dict[str, Any] = {}
    for key, value in document.items():
        if key.lower() in known:
            members[known[key.lower()]] = value
        elif key.lower() not in _GEOJSON:
            near = get_close_matches(key.lower(), [*known, *_GEOJSON], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {sorted(known)}"
            problems.append(f"$.{key}: unknown member; {hint}")
    scene_type = members.get("scene_type")
    if isinstance(scene_type, dict):
        members["scene_type"] = {key.lower(): v for key, v in scene_type.items()}
    return members


def _checked(members: dict[str, Any], problems: list[str]) -> _Payload | None:
    try:
        refuse_nul(members)
    except ValueError as error:
        problems.append(f"${error}")
        return None
    try:
        return _Payload.model_validate(members)
    except ValidationError as error:
        problems.extend(_problem(item) for item in error.errors(include_url=False))
        return None


def _problem(item: Mapping[str, Any]) -> str:
    path = _path(item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "missing":
        return f"{path}: missing"
    if not item["loc"]:
        return f"$.{message}"
    return f"{path}: {message}, found {_short(item['input'])}"


def _path(location: Sequence[str | int]) -> str:
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)
    return "$" + "".join(parts)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _request(
    payload: _Payload, geometry: str, request: str, by: str
) -> IngestionRequest:
    return IngestionRequest(
        name=payload.name,
        request=request,
        geometry=geometry,
        start_time=_utc(payload.start_time),
        end_time=_utc(payload.end_time),
        constellation=payload.scene_type.constellation,
        scene_graph=payload.scene_graph_name,
        tile_graph=payload.tile_graph_name,
        parameters=payload.scene_type.parameters,
        graph_config=payload.graph_config,
        layers={
            name: LayerTarget(layer.variable, layer.instance, layer.instance_id)
            for name, layer in payload.layers.items()
        },
        record_tags=payload.record_tags,
        annotations_urls=tuple(payload.annotations_urls),
        retriable=payload.is_retriable,
        retry_count=payload.retry_count,
        page=payload.page,
        limit=payload.limit,
        storage_uri=payload.storage_uri,
        searches=tuple(payload.searches),
        chain=payload.chain,
        cells=payload.cells,
        versions=payload.versions,
        by=by,
        priority=payload.priority,
        limit_downloads=payload.limits.downloads,
        limit_processes=payload.limits.processes,
    )


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
