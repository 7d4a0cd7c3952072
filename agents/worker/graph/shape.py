# SPDX-License-Identifier: Apache-2.0
"""The JSON shape of a graph, as pydantic checks it. `load` turns it into values."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

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


Text = Annotated[str, BeforeValidator(_as_text)]
When = Annotated[Condition, BeforeValidator(_condition)]

_LEGACY = {"product": "__product__"}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Keys are known in any case; an unknown one is told with the nearest known."""
        if not isinstance(value, dict):
            return value
        known = {name.lower(): name for name in cls.model_fields}
        found: dict[str, Any] = {}
        for key, item in value.items():
            if key.lower() not in known:
                near = get_close_matches(key.lower(), list(known), n=1)
                hint = (
                    f"did you mean '{near[0]}'?" if near else f"known: {sorted(known)}"
                )
                raise ValueError(f"unknown key '{key}'; {hint}")
            found[known[key.lower()]] = item
        return found


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
    tile_index: int = Field(0, ge=0, le=2)


class OutArg(_Named):
    """`{"type": "out", "layer": …, "extension": …}`."""

    type: Literal["out"]


Arg = Annotated[
    FixedArg | ConfigArg | TileArg | InArg | OutArg, Field(discriminator="type")
]


class StepShape(_Shape):
    """One of `processing_steps`."""

    engine: EngineName
    command: str = Field(min_length=1)
    args: Annotated[dict[str, Arg], BeforeValidator(_as_object)] = {}
    condition: When = Condition.PASS
    timeout_s: float | None = Field(None, gt=0)


class InShape(_Named):
    """One of `in_files`."""

    condition: When = Condition.PASS
    optional: bool = False


class OutShape(_Named):
    """One of `out_files`."""

    action: OutAction = OutAction.IGNORE
    condition: When = Condition.PASS
    error_condition: Annotated[
        Condition | None, BeforeValidator(lambda v: v or None)
    ] = None
    dformat_out: Annotated[FixedArg | ConfigArg, Field(discriminator="type")] | None = (
        None
    )
    datatype: str = ""
    nodata: float = 0.0
    min_value: float = 0.0
    max_value: float = 0.0
    ext_min_value: float = 0.0
    ext_max_value: float = 0.0
    exponent: float = 1.0
    nbands: int = Field(1, ge=0)

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
