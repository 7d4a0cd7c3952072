# SPDX-License-Identifier: Apache-2.0
"""The JSON shape of a graph, as pydantic checks it. `load` turns it into values."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agents.worker.graph.conditions import Condition
from agents.worker.graph.dformat import dtype_of
from agents.worker.graph.model import EngineName, OutAction, TileKey


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


Text = Annotated[str, BeforeValidator(_as_text)]
When = Annotated[Condition, BeforeValidator(_condition)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]

UNKNOWN_KEY = "unknown_key"
"""Type of the error for keys that mean nothing."""

_LEGACY = {"product": "__product__"}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Keys in lower case; unknown ones are told with the nearest known."""
        found = _lower_keys(value)
        if not isinstance(found, dict):
            return found
        unknown = [_hint(key, list(cls.model_fields)) for key in found]
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
    layer: str = ""
    extension: str = ""

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


class ConfigArg(_Shape):
    """`{"type": "config", "value": key}`."""

    type: Literal["config"]
    value: str = Field(min_length=1)


class TileArg(_Shape):
    """`{"type": "tile", "value": key}`."""

    type: Literal["tile"]
    value: TileKey


class InArg(_Named):
    """`{"type": "in", "tile_index": …, "layer": …, "extension": …}`."""

    type: Literal["in"]
    tile_index: StrictInt = Field(0, ge=0, le=2)


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
    command: str = Field(min_length=1)
    args: Annotated[dict[str, Arg], BeforeValidator(_as_object)] = {}
    condition: When = Condition.PASS
    timeout_s: Number | None = Field(None, gt=0)
    memory_mb: StrictInt | None = Field(None, gt=0)
    cpus: StrictInt | None = Field(None, gt=0)


class InShape(_Named):
    """One of `in_files`."""

    condition: When = Condition.PASS
    optional: StrictBool = False


class OutShape(_Named):
    """One of `out_files`."""

    action: OutAction = OutAction.IGNORE
    condition: When = Condition.PASS
    error_condition: Annotated[
        Condition | None, BeforeValidator(lambda v: v or None)
    ] = None
    dformat_out: Override | None = None
    datatype: str = ""
    nodata: Number = 0.0
    min_value: Number = 0.0
    max_value: Number = 0.0
    ext_min_value: Number = 0.0
    ext_max_value: Number = 0.0
    exponent: Number = 1.0
    nbands: StrictInt = Field(1, ge=0)

    @field_validator("datatype")
    @classmethod
    def _dtype(cls, value: str) -> str:
        return dtype_of(value) if value else ""


In = Annotated[list[InShape], BeforeValidator(_as_list)]
Out = Annotated[list[OutShape], BeforeValidator(_as_list)]


class GraphShape(_Shape):
    """The whole document."""

    config: Annotated[dict[str, Text], BeforeValidator(_as_object)] = {}
    envs: Annotated[list[str], BeforeValidator(_as_list)] = []
    processing_steps: Annotated[list[StepShape], BeforeValidator(_as_list)] = []
    in_files: Annotated[list[In], BeforeValidator(_as_list), Field(max_length=3)] = []
    out_files: Annotated[list[Out], BeforeValidator(_as_list), Field(max_length=3)] = []
