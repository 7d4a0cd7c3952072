# SPDX-License-Identifier: Apache-2.0
"""The JSON shape of a graph, as pydantic checks it. `load` turns it into values."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agents.worker.graph.conditions import OF_FILES, OF_TILES, Condition
from agents.worker.graph.dformat import DTYPES, dtype_of
from agents.worker.graph.model import EngineName, OnEmpty, OutAction, TileKey


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: Any) -> Any:
    return [] if value is None else value


def _as_object(value: Any) -> Any:
    return {} if value is None else value


def _condition(value: Any) -> Any:
    return "pass" if value in (None, "") else value


def _lower_keys(value: Any) -> Any:
    """Keys are known in any case."""
    if not isinstance(value, dict):
        return value
    return {key.lower(): item for key, item in value.items()}


def _any_case(words: Iterable[str]) -> str:
    """A pattern of these words in any case, for JSON Schema, which has no flags."""
    spelt = (
        "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word)
        for word in sorted(words)
    )
    return f"^({'|'.join(spelt)})?$"


Text = Annotated[
    str,
    BeforeValidator(_as_text),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]
Env = Annotated[str, Field(pattern="^[^=]+=")]
Words = Annotated[list[str], Field(min_length=1)]
When = Annotated[
    Condition,
    BeforeValidator(_condition),
    WithJsonSchema({"enum": [*Condition, "", None]}),
]
WhenTiles = Annotated[
    Condition,
    BeforeValidator(_condition),
    WithJsonSchema({"enum": [*(c for c in Condition if c in OF_TILES), "", None]}),
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
LayerName = Annotated[
    str, WithJsonSchema({"type": "string", "not": {"const": "product"}})
]
Extension = Annotated[str, WithJsonSchema({"type": "string", "not": {"const": "all"}})]
DataType = Annotated[
    str,
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": sorted(DTYPES)},
                {"type": "string", "pattern": _any_case(DTYPES)},
            ]
        }
    ),
]

UNKNOWN_KEY = "unknown_key"
"""Type of the error for keys that mean nothing."""

_LEGACY = {"product": "__product__"}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Keys in lower case; unknown ones are told with the nearest known."""
        found = _lower_keys(value)
        if not isinstance(found, dict):
            return found
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [_hint(key, known) for key in found]
        problems = [hint for hint in unknown if hint]
        if problems:
            raise PydanticCustomError(
                UNKNOWN_KEY, "{problems}", {"problems": "; ".join(problems)}
            )
        return found


def _hint(key: str, known: list[str]) -> str:
    """What to say of a key; nothing of a known one."""
    if key in known:
        return ""
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    return f"unknown key '{key}', {hint}"


class _Named(_Shape):
    layer: LayerName = ""
    """Logical name, for example `B04`; `__product__`: the whole product."""
    extension: Extension = ""
    """`tif`, `jp2`, …; folders, stored as zip: `SAFE`, `dim`, `data`, `*`."""

    @field_validator("layer")
    @classmethod
    def _layer(cls, value: str) -> str:
        if value in _LEGACY:
            raise ValueError(f"'{value}' was renamed, expected '{_LEGACY[value]}'")
        return value

    @field_validator("extension")
    @classmethod
    def _extension(cls, value: str) -> str:
        if value == "all":
            raise ValueError("'all' was renamed, expected '*'")
        return value


class FixedArg(_Shape):
    """`{"type": "fixed", "value": …}`."""

    type: Literal["fixed"]
    value: str = ""
    """The value itself."""


class ConfigArg(_Shape):
    """`{"type": "config", "value": key}`."""

    type: Literal["config"]
    value: str = Field(min_length=1)
    """Key of the configuration: of `config`, of the request, or `workdir`."""


class TileArg(_Shape):
    """`{"type": "tile", "value": key}`."""

    type: Literal["tile"]
    value: TileKey
    """What to tell of the current tile."""


class InArg(_Named):
    """`{"type": "in", "tile_index": …, "layer": …, "extension": …}`."""

    type: Literal["in"]
    tile_index: StrictInt = Field(0, ge=0, le=2)
    """0: the tile, 1: the previous in its series, 2: the first of its series."""


class OutArg(_Named):
    """`{"type": "out", "layer": …, "extension": …}`."""

    type: Literal["out"]


Arg = Annotated[
    FixedArg | ConfigArg | TileArg | InArg | OutArg,
    Field(discriminator="type"),
    BeforeValidator(_lower_keys),
]
Override = Annotated[
    FixedArg | ConfigArg, Field(discriminator="type"), BeforeValidator(_lower_keys)
]


class StepShape(_Shape):
    """One of `processing_steps`."""

    engine: EngineName
    """What carries it out."""
    command: str = Field(min_length=1)
    """Script, program or SNAP graph (a file), native function, or image."""
    args: Annotated[dict[str, Arg], BeforeValidator(_as_object)] = {}
    """Arguments by name, in their order."""
    condition: WhenTiles = Condition.PASS
    """When it runs."""
    timeout_s: Number | None = Field(None, gt=0)
    """Limit of its time; without: the service's."""
    memory_mb: StrictInt | None = Field(None, gt=0)
    """Limit of the address space of each process; without: the service's."""
    cpus: StrictInt | None = Field(None, gt=0)
    """CPUs that it may use; without: the service's number."""
    envs: Annotated[list[Env], BeforeValidator(_as_list)] = []
    """`KEY=VALUE` for its container (engine `docker`), over those of the graph."""


class InShape(_Named):
    """One of `in_files`."""

    condition: WhenTiles = Condition.PASS
    """When it is fetched."""
    optional: StrictBool = False
    """Go on without it when it was never made."""


class OutShape(_Named):
    """One of `out_files`."""

    action: OutAction = OutAction.IGNORE
    """What becomes of it; `to_delete`: nothing, layers are released by themselves."""
    condition: When = Condition.PASS
    """When it is kept."""
    error_condition: Annotated[
        Condition | None,
        BeforeValidator(lambda v: v or None),
        WithJsonSchema(
            {"enum": [*(c for c in Condition if c not in OF_FILES), "", None]}
        ),
    ] = None
    """When it is kept although the graph failed: `on_failure`, `on_fatal_failure`."""
    dformat_out: Override | None = None
    """Text `dtype,nodata,min,max`, instead of the next four."""
    datatype: DataType = ""
    """Type of the stored pixels."""
    nodata: Number = 0.0
    """Stored value that stands for nothing."""
    min_value: Number = 0.0
    """Stored value of `ext_min_value`."""
    max_value: Number = 0.0
    """Stored value of `ext_max_value`."""
    ext_min_value: Number = 0.0
    """Physical value of `min_value`."""
    ext_max_value: Number = 0.0
    """Physical value of `max_value`."""
    exponent: Number = 1.0
    """Of the mapping between stored and physical values."""
    nbands: StrictInt = Field(1, ge=0)
    """Number of bands."""
    cog: StrictBool = False
    """It must be a Cloud Optimized GeoTIFF; one that is not fails the task."""
    on_empty: OnEmpty = OnEmpty.KEEP
    """What becomes of a raster without a valid pixel; `skip`: it is not stored."""
    only_with: Annotated[dict[str, Words], BeforeValidator(_as_object)] = {}
    """Key of the configuration → words: left only where the value has one of them."""

    @field_validator("datatype")
    @classmethod
    def _dtype(cls, value: str) -> str:
        return dtype_of(value) if value else ""


In = Annotated[list[InShape], BeforeValidator(_as_list)]
Out = Annotated[list[OutShape], BeforeValidator(_as_list)]


class GraphShape(_Shape):
    """The whole document."""

    editors_schema: str = Field("", alias="$schema")
    """For editors; means nothing here."""
    version: Text = ""
    """As its author counts; stands in the layers' tags."""
    config: Annotated[dict[str, Text], BeforeValidator(_as_object)] = {}
    """Default values of the configuration, which requests may override."""
    envs: Annotated[list[Env], BeforeValidator(_as_list)] = []
    """`KEY=VALUE` for the containers of the engine `docker`."""
    processing_steps: Annotated[list[StepShape], BeforeValidator(_as_list)] = []
    """Run in order, until one fails."""
    in_files: Annotated[list[In], BeforeValidator(_as_list), Field(max_length=3)] = []
    """Layers to fetch: of the tile, of the previous, of the first."""
    out_files: Annotated[list[Out], BeforeValidator(_as_list), Field(max_length=3)] = []
    """Layers that are left: of the tile, of the previous, of the first."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of graphs, for editors.

    It takes what the loader takes, but for keys in other cases; and it does not know
    what the loader finds by looking at several keys, at files or at the configuration.
    """
    schema = GraphShape.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Processing graph"
    for named in (schema, *schema["$defs"].values()):
        for field in named.get("properties", {}).values():
            if field.get("type") in ("array", "object"):
                field["type"] = [field["type"], "null"]
            if field.get("type") == ["array", "null"] and "array" in str(
                field["items"]
            ):
                field["items"]["type"] = ["array", "null"]
            field.pop("title", None)
    return schema
