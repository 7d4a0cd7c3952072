# SPDX-License-Identifier: Apache-2.0
"""The Go ingester's JSON, for the API's description."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from agents.gateway.answers import Problem


class Json(JSONResponse):
    """A JSON answer that ends with a newline, as shells like it."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return super().render(content) + b"\n"


class AOI(BaseModel):
    """An area."""

    ID: str
    status: str


class Swath(BaseModel):
    """Where a tile lies in its product."""

    swath_id: str
    tile_nr: int


class SceneAttributes(BaseModel):
    """`data` of a scene; empty `tiles` and `instances_id` are left out."""

    date: str
    tiles: dict[str, Swath] | None = None
    graph_name: str
    graph_config: dict[str, str] | None
    record_id: str
    instances_id: dict[str, str] | None = None
    metadata: dict[str, str] | None
    is_retriable: bool
    storage_uri: str


class TileAttributes(Swath):
    """`data` of a tile."""

    graph_name: str
    is_retriable: bool


class SceneJson(BaseModel):
    """A scene."""

    id: int
    source_id: str
    aoi: str
    data: SceneAttributes


class StoredScene(SceneJson):
    """A scene with how it stands."""

    status: str
    message: str
    RetryCountDown: int


class TileJson(BaseModel):
    """A tile."""

    id: int
    source_id: str
    scene: SceneJson
    data: TileAttributes


class StoredTile(TileJson):
    """A tile with how it stands."""

    status: str
    message: str
    PreviousID: int | None
    ReferenceID: int | None
    RetryCountDown: int


class Created(BaseModel):
    """The scene that was posted."""

    id: int


class Retried(BaseModel):
    """How many tasks were ordered again."""

    Scenes: int
    Tiles: int


Answers = dict[int | str, dict[str, Any]]


def answers(model: Any, *errors: int) -> Answers:
    """The answers of a route, for its description."""
    found: Answers = {200: {"model": model}} if model is not None else {}
    return found | {status: {"model": Problem, **_SAID[status]} for status in errors}


_SAID = {
    400: {"description": "The request cannot be understood"},
    403: {"description": "The task does not allow it, or the token's role does not"},
    404: {"description": "There is none"},
    409: {"description": "It is there already, or cannot be changed"},
}


async def _body(request: Request) -> bytes:
    return await request.body()


Bytes = Annotated[bytes, Depends(_body)]
"""The body as it came: its errors are ours to name."""
