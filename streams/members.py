# SPDX-License-Identifier: Apache-2.0
"""Members of a scenes document, in both spellings of the Go ingester; read strictly.

A member that is text and should be an object is read as JSON: some map programs save
it so.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

# What the Go ingester told of its own state in 2022.
_IGNORED = frozenset({"Ingested", "OwnRecord", "ProductName"})


def _from_text(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


_Object = BeforeValidator(_from_text)
_Time = Annotated[AwareDatetime, Field(strict=False)]
_Name = Annotated[str, Field(pattern=r"^[^/!@]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Mapped(_Strict):
    """Where a tile lies in its product."""

    swath_id: str = ""
    tile_nr: int = Field(default=0, ge=0)


class TileData(Mapped):
    """`data` of a tile."""

    graph_name: str = ""
    is_retriable: bool | None = None


class Neighbour(_Strict):
    """`previous` or `reference` of a tile."""

    SourceID: _Name
    SceneID: _Name
    Date: _Time


class TileMembers(_Strict):
    """A tile."""

    SourceID: _Name
    SceneID: str = ""
    Date: _Time | None = None
    id: int = Field(0, validation_alias=AliasChoices("id", "ID"))
    cell: str | None = Field(None, pattern=r"^[^/!@]*$")
    data: Annotated[TileData, _Object] = Field(
        default_factory=lambda: TileData(),
        validation_alias=AliasChoices("data", "Data"),
    )
    anx_time: int = Field(
        0, ge=0, lt=60_000, validation_alias=AliasChoices("anx_time", "AnxTime")
    )
    wkt: str = Field("", validation_alias=AliasChoices("wkt", "GeometryWKT"))
    previous: Neighbour | None = Field(
        None, validation_alias=AliasChoices("previous", "Previous")
    )
    reference: Neighbour | None = Field(
        None, validation_alias=AliasChoices("reference", "Reference")
    )
    Ingested: Any = None


class SceneData(_Strict):
    """`data` of a scene."""

    date: _Time
    tiles: dict[_Name, Mapped] | None = None
    graph_name: str = ""
    graph_config: dict[str, str] | None = None
    record_id: str = ""
    instances_id: dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    uuid: str = ""
    is_retriable: bool | None = None
    storage_uri: str = ""


class SceneMembers(_Strict):
    """A scene: the `properties` of its feature."""

    source_id: _Name
    aoi: str = ""
    id: int | None = None
    data: Annotated[SceneData, _Object]
    tags: Annotated[dict[str, str] | None, _Object] = Field(
        None, validation_alias=AliasChoices("tags", "Tags")
    )
    tiles: Annotated[list[TileMembers] | None, _Object] = Field(
        None, validation_alias=AliasChoices("tiles", "Tiles")
    )
    wkt: str = Field(validation_alias=AliasChoices("wkt", "GeometryWKT"))
    ProductName: Any = None
    Ingested: Any = None
    OwnRecord: Any = None


class _Feature(BaseModel):
    properties: SceneMembers


class _Collection(BaseModel):
    features: list[_Feature]


def read_members(text: str | bytes) -> list[SceneMembers]:
    """The scenes of a document.

    Raises:
        MembersWrong: with everything that is wrong.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MembersWrong([f"$: not JSON: {error}"]) from error
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise MembersWrong(["$.type: expected a FeatureCollection"])
    try:
        read = _Collection.model_validate(document)
    except ValidationError as error:
        wrong = [_problem(item) for item in error.errors(include_url=False)]
        raise MembersWrong(wrong) from error
    return [feature.properties for feature in read.features]


class MembersWrong(ValueError):
    """Members that are missing, unknown, or not what they should be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def _problem(item: Mapping[str, Any]) -> str:
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in item["loc"])
    path = "$" + "".join(parts)
    match item["type"]:
        case "missing":
            return f"{path}: missing"
        case "extra_forbidden":
            known = ", ".join(_known(item["loc"]))
            return f"{path}: unknown member, expected one of {known}"
    return f"{path}: {item['msg']}, found {short(item['input'])}"


def _known(location: Sequence[str | int]) -> list[str]:
    """Members that may stand beside the last of a location."""
    model: type[BaseModel] = SceneMembers
    for name in location[3:-1]:
        if name in ("previous", "Previous", "reference", "Reference"):
            model = Neighbour
        elif name in ("tiles", "Tiles"):
            model = Mapped if model is SceneData else TileMembers
        elif name in ("data", "Data"):
            model = TileData if model is TileMembers else SceneData
    return sorted(name for name in model.model_fields if name not in _IGNORED)


def short(value: Any) -> str:
    """A value, as a problem shows it."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
