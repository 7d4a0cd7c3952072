# SPDX-License-Identifier: Apache-2.0
"""STAC items: true to their layers, and readable by those who read STAC."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from msgspec import structs
from rasterio.transform import from_origin

from agents.processor.indexer import Entry, TileLayers
from agents.processor.indexers.stac import make
from agents.worker.graph.dformat import DataFormat
from streams.errors import IndexRefused
from streams.model import Action, Layer, Scene, Tile

DATE = datetime(2023, 5, 2, 10, 30, tzinfo=UTC)
SCENE = Scene(
    "LC08_S",
    "landsat",
    DATE,
    metadata={"cloud_cover_pct": "12.5"},
    record="record-1",
)
TILE = Tile("LC08_S", "LC08_S", DATE, "196021")
DN = DataFormat("uint16", 0, 1, 65535, 1, 65535)


def _entry(
    folder,
    name="B04",
    *,
    crs="EPSG:32632",
    west=500_000,
    data_format=DN,
    north=6_180_000,
    pixel=300,
):
    file = folder / f"{name}.tif"
    profile = {
        "driver": "GTiff",
        "width": 40,
        "height": 30,
        "count": 1,
        "dtype": "uint16",
        "crs": crs,
        "transform": from_origin(west, north, pixel, pixel),
        "nodata": 0,
    }
    with rasterio.open(file, "w", **profile) as raster:
        raster.write(np.arange(1, 1201, dtype="uint16").reshape(1, 30, 40))
    layer = Layer(name, "tif", str(file), file.stat().st_size, "ab" * 32, Action.INDEX)
    return Entry(layer, file, 1, data_format)


def _layers(*entries, tile=TILE, scene=SCENE):
    return TileLayers("demo", tile, scene, {}, entries)


def _item(*entries, **about):
    (document,) = make({}).index(_layers(*entries, **about))
    item = pystac.Item.from_dict(json.loads(document.content))
    assert (document.name, document.extension) == (item.id, "json")
    return item


def test_item_says_what_when_and_where(tmp_path):
    item = _item(_entry(tmp_path))
    assert item.id == "LC08_S"
    assert item.datetime == DATE
    assert item.properties == {
        "datetime": "2023-05-02T10:30:00Z",
        "constellation": "landsat",
        "eo:cloud_cover": 12.5,
        "ingester:area": "demo",
        "ingester:scene": "LC08_S",
        "ingester:tile": "LC08_S",
        "ingester:cell": "196021",
        "ingester:record": "record-1",
    }
    # UTM 32's middle is 9 degrees; 6180 km north of the equator is 55.76.
    west, south, east, north = item.bbox
    assert west == pytest.approx(9.0, abs=0.001)
    assert north == pytest.approx(55.76, abs=0.01)
    assert 0.18 < east - west < 0.20
    assert 0.08 < north - south < 0.09
    assert shapely.geometry.shape(item.geometry).bounds == tuple(item.bbox)


def test_extensions_are_named_when_they_are_used(tmp_path):
    with_clouds = _item(_entry(tmp_path)).stac_extensions
    without = _item(_entry(tmp_path), scene=structs.replace(SCENE, metadata={}))
    assert [url.split("/")[3] for url in with_clouds] == [
        *("projection", "raster", "file", "eo")
    ]
    assert with_clouds[:-1] == without.stac_extensions
    assert "eo:cloud_cover" not in without.properties


def test_asset_says_how_the_layer_is_stored(tmp_path):
    entry = _entry(tmp_path)
    asset = _item(entry).assets["B04"]
    assert asset.href == entry.layer.uri
    assert asset.media_type == pystac.MediaType.COG
    assert asset.roles == ["data"]
    assert asset.extra_fields == {
        "proj:code": "EPSG:32632",
        "proj:shape": [30, 40],
        "proj:transform": [300, 0, 500_000, 0, -300, 6_180_000],
        "data_type": "uint16",
        "nodata": 0,
        "file:size": entry.layer.size_bytes,
        "file:checksum": "1220" + "ab" * 32,
    }


def _values(tmp_path, data_format):
    fields = _item(_entry(tmp_path, data_format=data_format)).assets["B04"].extra_fields
    return fields.get("raster:scale"), fields.get("raster:offset"), fields.get("nodata")


def test_physical_values_follow_from_scale_and_offset(tmp_path):
    # Reflectance of Landsat's Level 2: 0.0000275 Q - 0.2.
    reflectance = DataFormat("uint16", 0, 1, 65535, -0.1999725, 1.6022125)
    scale, offset, no_data = _values(tmp_path, reflectance)
    assert scale == pytest.approx(0.0000275)
    assert offset == pytest.approx(-0.2)
    assert no_data == 0


@pytest.mark.parametrize(
    ("data_format", "expected"),
    [
        (DN, (None, None, 0)),
        (DataFormat("uint16", math.nan, 0, 100, 0, 100), (None, None, None)),
        (DataFormat("float32", -0.5, 0, 1, 0, 1), (None, None, -0.5)),
        # JSON has no infinity.
        (DataFormat("float32", -math.inf, 0, 1, 0, 1), (None, None, "-inf")),
        (DataFormat("int16", -32768, 0, 1000, 0, 1), (0.001, 0, -32768)),
        # A curve is no scale and offset.
        (DataFormat("int16", 0, 0, 1000, 0, 1, 2), (None, None, 0)),
    ],
)
def test_scale_is_told_where_values_are_a_line(data_format, expected, tmp_path):
    assert _values(tmp_path, data_format) == expected


def test_item_of_a_tile_is_named_after_scene_and_tile(tmp_path):
    tile = structs.replace(TILE, name="A44_IW1_1561")
    assert _item(_entry(tmp_path), tile=tile).id == "LC08_S_A44_IW1_1561"


def test_item_holds_all_its_layers(tmp_path):
    near, far = _entry(tmp_path), _entry(tmp_path, "B05", west=560_000)
    item = _item(near, far)
    assert list(item.assets) == ["B04", "B05"]
    assert item.bbox[0] == _item(near).bbox[0]
    assert item.bbox[2] == _item(far).bbox[2]


def test_item_across_180_degrees_is_cut_there(tmp_path):
    # UTM 1 begins at 180 degrees; 55.76 degrees north, 3 degrees are 188 km.
    item = _item(_entry(tmp_path, crs="EPSG:32601", west=306_000))
    west, _, east, _ = item.bbox
    assert 179.8 < west < 180
    assert -180 < east < -179.8
    outline = shapely.geometry.shape(item.geometry)
    assert outline.geom_type == "MultiPolygon"
    assert outline.is_valid
    assert outline.bounds[0] == -180
    assert outline.bounds[2] == 180
    assert outline.area < 0.05


def test_item_that_begins_west_of_180_degrees_is_cut_there(tmp_path):
    # 40 pixels of a degree by 30.
    entry = _entry(tmp_path, crs="EPSG:4326", west=-180.5, north=50, pixel=1)
    item = _item(entry)
    assert item.bbox == [179.5, 20, -140.5, 50]
    outline = shapely.geometry.shape(item.geometry)
    assert (outline.bounds[0], outline.bounds[2]) == (-180, 180)


def test_same_layers_give_the_same_bytes(tmp_path):
    entries = _entry(tmp_path), _entry(tmp_path, "B05")
    documents = {make({}).index(_layers(*entries))[0].content for _ in range(3)}
    assert len(documents) == 1


def test_nothing_is_said_of_no_layers():
    assert make({}).index(_layers()) == []


def test_layer_that_is_no_raster_is_refused(tmp_path):
    entry = _entry(tmp_path)
    entry.file.write_text("no raster")
    with pytest.raises(IndexRefused, match=r"layer 'B04': .*B04\.tif"):
        make({}).index(_layers(entry))


def test_layer_that_says_not_where_it_is_is_refused(tmp_path):
    with pytest.raises(IndexRefused, match="layer 'B04': no CRS"):
        make({}).index(_layers(_entry(tmp_path, crs=None)))


# odc-geo 0.5 calls what shapely 2.2 deprecates.
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_layers_can_be_read_by_their_item(tmp_path):
    import odc.stac  # slow to load, and of this test alone

    cube = odc.stac.load([_item(_entry(tmp_path))], bands=["B04"])
    assert cube.odc.crs.epsg == 32632
    assert cube.B04.dtype == "uint16"
    found = cube.B04.isel(time=0).values
    assert np.array_equal(found, np.arange(1, 1201).reshape(30, 40))


def test_pictures_are_thumbnails(tmp_path):
    picture = Layer("quicklook", "png", "s3://b/look.png", 9, "cd" * 32, Action.CREATE)
    layers = replace(_layers(_entry(tmp_path)), pictures=(picture,))
    (document,) = make({}).index(layers)
    asset = pystac.Item.from_dict(json.loads(document.content)).assets["quicklook"]
    assert (asset.href, asset.media_type) == ("s3://b/look.png", "image/png")
    assert asset.roles == ["thumbnail"]
