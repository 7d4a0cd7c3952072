# SPDX-License-Identifier: Apache-2.0
"""A scenes document in the members that the Go ingester gave in 2022. Pure.

Its tutorials print answers in this spelling, and scripts were written after them.
"""

from collections.abc import Mapping
from typing import Any

# All but the unique id at the end: what re-processings of a product have in common.
_PRODUCT_NAME = 63


def as_in_2022(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document, its scenes and tiles respelled; `streams.posted` reads both."""
    features = [
        {**feature, "properties": _scene(feature["properties"])}
        for feature in document["features"]
    ]
    return {**document, "features": features}


def _scene(scene: Mapping[str, Any]) -> dict[str, Any]:
    name, data = scene["source_id"], scene["data"]
    tiles = scene.get("tiles")
    return {
        "GeometryWKT": scene["wkt"],
        "Ingested": False,
        "OwnRecord": False,
        "ProductName": name[:_PRODUCT_NAME] if name.startswith("S1") else name,
        "Tags": scene["tags"],
        "Tiles": None if tiles is None else [_tile(tile) for tile in tiles],
        "aoi": scene["aoi"],
        "data": {
            "date": data["date"],
            "graph_config": data["graph_config"],
            "graph_name": data["graph_name"],
            "instances_id": data.get("instances_id"),
            "record_id": data["record_id"],
            "tiles": data.get("tiles", {}),
            "uuid": (data["metadata"] or {}).get("uuid", ""),
        },
        "id": scene["id"],
        "source_id": name,
    }


def _tile(tile: Mapping[str, Any]) -> dict[str, Any]:
    data = tile["data"]
    return {
        "AnxTime": tile["anx_time"],
        "Data": {
            "graph_name": data["graph_name"],
            "swath_id": data["swath_id"],
            "tile_nr": data["tile_nr"],
        },
        "Date": tile["Date"],
        "GeometryWKT": tile["wkt"],
        "ID": tile["id"],
        "Ingested": False,
        "Previous": tile["previous"],
        "Reference": tile["reference"],
        "SceneID": tile["SceneID"],
        "SourceID": tile["SourceID"],
    }
