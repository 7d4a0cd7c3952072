# SPDX-License-Identifier: Apache-2.0
"""A STAC item for each tile, stored beside its layers.

The item is what pystac, pystac-client (through the gateway) and odc-stac read. It says
nothing that is not in its inputs: the same layers give the same bytes.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pystac
import rasterio
import shapely
from rasterio.errors import RasterioIOError
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from agents.processor.indexer import Document, Entry, TileLayers
from agents.worker.graph.dformat import DataFormat
from agents.worker.outputs.measure import cut
from agents.worker.outputs.provenance import Origin
from streams.errors import IndexRefused
from streams.model import Layer, Statistics

_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
]

_PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"

_CLOUDS = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"

# Of the products of Sentinel-2, Landsat and Sentinel-1, by their names.
_LEVELS = (
    re.compile(r"^S2._MSIL(1C|2A)_"),
    re.compile(r"^L[COT]0\d_L([12])[A-Z]{2}_"),
    re.compile(r"^S1._\w\w_(?:SLC|GRD)\w_(\d)"),
)

_MEDIA_TYPES = {
    "tif": pystac.MediaType.COG,
    "jp2": pystac.MediaType.JPEG2000,
    "png": pystac.MediaType.PNG,
    "jpg": pystac.MediaType.JPEG,
}


class StacIndexer:
    """Describes layers in STAC."""

    def index(self, layers: TileLayers) -> Sequence[Document]:
        """One item for the tile; see `Indexer.index`.

        Raises:
            IndexRefused: a layer is no raster, or says not where it is.
        """
        if not layers.entries:
            return []
        item = _item(layers)
        content = json.dumps(item.to_dict(include_self_link=False), indent=1)
        return [Document(item.id, "json", content.encode())]


def item_id(layers: TileLayers) -> str:
    """The scene's name, and the tile's where it is another."""
    scene, tile = layers.scene.name, layers.tile.name
    return scene if tile == scene else f"{scene}_{tile}"


def _item(layers: TileLayers) -> pystac.Item:
    geometry, bbox = _extent([_bounds(entry) for entry in layers.entries])
    properties = _properties(layers)
    item = pystac.Item(
        id=item_id(layers),
        geometry=shapely.geometry.mapping(geometry),
        bbox=bbox,
        datetime=layers.scene.date,
        properties=properties,
        stac_extensions=[
            *_EXTENSIONS,
            *([_CLOUDS] if "eo:cloud_cover" in properties else []),
            *([_PROCESSING] if layers.origin else []),
        ],
    )
    item.add_links(_sources(layers.origin) if layers.origin else [])
    for entry in layers.entries:
        item.add_asset(entry.layer.name, _asset(entry))
    for picture in layers.pictures:
        item.add_asset(picture.name, _thumbnail(picture))
    return item


def _thumbnail(picture: Layer) -> pystac.Asset:
    return pystac.Asset(
        picture.uri,
        media_type=_MEDIA_TYPES.get(picture.extension),
        roles=["thumbnail"],
        extra_fields={
            "file:size": picture.size_bytes,
            "file:checksum": _multihash(picture.sha256),
        },
    )


def _properties(layers: TileLayers) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "constellation": layers.scene.constellation,
        "ingester:area": layers.area,
        "ingester:scene": layers.scene.name,
        "ingester:tile": layers.tile.name,
        "ingester:cell": layers.tile.cell,
        "ingester:record": layers.scene.record,
    }
    cover = layers.scene.metadata.get("cloud_cover_pct")
    if cover is not None:
        properties["eo:cloud_cover"] = float(cover)
    if layers.origin:
        properties |= _processing(layers.scene.name, layers.origin)
    return {name: value for name, value in properties.items() if value != ""}


def _processing(scene: str, origin: Origin) -> dict[str, Any]:
    """Where the layers come from."""
    level = next((m[1] for p in _LEVELS if (m := p.search(scene))), "")
    return {
        "processing:level": f"L{level}" if level else "",
        "processing:lineage": origin.lineage(),
        "processing:software": dict(origin.software),
        "ingester:graph": origin.graph,
        "ingester:graph_sha256": origin.digest,
        "ingester:config": dict(origin.config),
    }


def _sources(origin: Origin) -> list[pystac.Link]:
    """The layers that the graph was given."""
    return [
        pystac.Link(
            pystac.RelType.DERIVED_FROM,
            one.layer.uri,
            title=one.words(),
            extra_fields={
                "file:size": one.layer.size_bytes,
                "file:checksum": _multihash(one.layer.sha256),
            },
        )
        for one in origin.inputs
    ]


def _multihash(sha256: str) -> str:
    """12 is SHA-256, 20 its length of 32 bytes."""
    return f"1220{sha256}"


def _statistics(found: Statistics) -> dict[str, Any]:
    told = {
        "minimum": found.minimum,
        "maximum": found.maximum,
        "mean": found.mean,
        "valid_percent": found.valid_pct,
    }
    return {name: value for name, value in told.items() if value is not None}


def _bounds(entry: Entry) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees; east is beyond 180 where 180 is crossed."""
    try:
        with rasterio.open(entry.file) as raster:
            crs, bounds = raster.crs, raster.bounds
    except RasterioIOError as error:
        raise IndexRefused(f"layer '{entry.layer.name}': {error}") from error
    if crs is None:
        raise IndexRefused(f"layer '{entry.layer.name}': no CRS, expected one")
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *bounds)
    if west < -180:
        west, east = west + 360, east + 360
    return west, south, east if west <= east else east + 360, north


def _extent(
    bounds: Sequence[tuple[float, float, float, float]],
) -> tuple[BaseGeometry, list[float]]:
    """What holds all bounds, and its box; cut at 180 degrees as RFC 7946 has it."""
    hull = shapely.convex_hull(shapely.union_all([shapely.box(*b) for b in bounds]))
    west, south, east, north = hull.bounds
    if east <= 180:
        return hull, [west, south, east, north]
    return cut(hull), [west, south, east - 360, north]


def _asset(entry: Entry) -> pystac.Asset:
    with rasterio.open(entry.file) as raster:
        fields: dict[str, Any] = {
            "proj:code": raster.crs.to_string(),
            "proj:shape": list(raster.shape),
            "proj:transform": list(raster.transform)[:6],
            "data_type": entry.data_format.dtype,
        }
    fields |= _values(entry.data_format)
    fields["file:size"] = entry.layer.size_bytes
    fields["file:checksum"] = _multihash(entry.layer.sha256)
    bands = [_statistics(one) for one in entry.measure.bands] if entry.measure else []
    if len(bands) == 1:
        fields["statistics"] = bands[0]
    elif bands:
        fields["bands"] = [
            {"name": f"{entry.layer.name}_{number}", "statistics": one}
            for number, one in enumerate(bands, 1)
        ]
    return pystac.Asset(
        href=entry.layer.uri,
        media_type=_MEDIA_TYPES.get(entry.layer.extension),
        roles=["data"],
        extra_fields=fields,
    )


def _values(data_format: DataFormat) -> dict[str, Any]:
    """No-data, and the scale to physical values where it is a straight line."""
    values: dict[str, Any] = {}
    if not math.isnan(data_format.no_data):
        values["nodata"] = _number(float(data_format.no_data))
    scale, offset = data_format.line()
    if data_format.exponent == 1.0 and (scale, data_format.ext_min_value) != (
        1.0,
        data_format.min_value,
    ):
        values["raster:scale"] = scale
        values["raster:offset"] = offset
    return values


def _number(value: float) -> int | float | str:
    """For JSON, which has no infinity: STAC has words for it."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return int(value) if value.is_integer() else value


def make(options: Mapping[str, str]) -> StacIndexer:
    """The indexer; it has no options."""
    return StacIndexer()
