# SPDX-License-Identifier: Apache-2.0
"""Shapes of the catalogue's answers, for the API's description."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from streams.model import InventoryState


class Spelling(StrEnum):
    """How the members of scenes and tiles are spelled."""

    NOW = "now"
    IN_2022 = "2022"


class SceneFeature(BaseModel):
    """One scene; its geometry shows the footprint and its tiles."""

    type: str
    id: int
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class ScenesDocument(BaseModel):
    """GeoJSON of scenes; it may be edited and posted back."""

    type: str = Field(description="FeatureCollection")
    features: list[SceneFeature]
    properties: dict[str, str] | None = Field(
        None, description="`next` is 'true' when there is another page."
    )
    plan: dict[str, Any] | None = Field(
        None, description="Of a plan: numbers, chains, what is left out, warnings."
    )


class InventoryAnswer(BaseModel):
    """How far an inventory is."""

    inventory: str
    state: InventoryState
    step: str = Field(description="What is being done now.")
    done: int
    total: int = Field(description="Of the step; 0: not known.")
    scenes: int
    tiles: int
    problems: list[str]
    document: str | None = Field(description="Where the result is, once done.")


class IngestionAnswer(BaseModel):
    """An ingestion that was asked for."""

    area: str
    request: str
