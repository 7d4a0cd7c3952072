# SPDX-License-Identifier: Apache-2.0
"""Layers that are not as their graph declares them are told, and never stored."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from agents.worker.graph.cog import write_cog
from agents.worker.graph.dformat import DataFormat
from agents.worker.graph.model import OutAction
from agents.worker.graph.select import Output
from agents.worker.outputs.verify import verify
from streams.errors import WrongLayer
from streams.events import ProcessFailed
from streams.failures import Failure
from tests.graphs import a_place, an_output
from tests.processes import a_processor, an_index, copied, tile_order
from tests.rasters import a_raster
from tests.trades import Index, carried_out, failed, left_behind, stored

REFLECTANCE = DataFormat("uint16", 0, 0, 10_000, 0, 1)

OUT = Output(0, a_place("A"), "B04", "tif", OutAction.INDEX, REFLECTANCE, 1)


def wrong(out: Output, file) -> str:
    """What is wrong with a file."""
    with pytest.raises(WrongLayer) as caught:
        verify(out, file)
    return str(caught.value)


def tagged(file, **tags):
    """The file with other tags: `nodata`, `scales`, `offsets`."""
    with rasterio.open(file, "r+") as raster:
        for name, value in tags.items():
            setattr(raster, name, value)
    return file


def test_layer_as_declared_is_right(tmp_path):
    verify(OUT, a_raster(tmp_path / "x.tif"))


def test_layer_that_is_no_raster_is_told_with_its_file(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"some text")
    assert wrong(OUT, tmp_path / "x.tif").startswith(
        "layer 'B04': file 'x.tif' cannot be read ("
    )


@pytest.mark.parametrize(
    ("declared", "made", "says"),
    [
        ({}, {"dtype": "int16"}, "data type int16, expected uint16"),
        ({"no_data": 65535}, {}, "no-data 0, expected 65535"),
        (
            {"dtype": "float32"},
            {"dtype": "float32", "nodata": float("nan")},
            "no-data nan, expected 0",
        ),
        (
            {"dtype": "float32", "no_data": -9999.9001},
            {"dtype": "float32", "nodata": -9999.91},
            "no-data -9999.91015625, expected -9999.9001",
        ),
    ],
)
def test_pixels_other_than_declared_are_told(declared, made, says, tmp_path):
    out = replace(OUT, data_format=replace(REFLECTANCE, **declared))
    assert wrong(out, a_raster(tmp_path / "x.tif", **made)) == f"layer 'B04': {says}"


@pytest.mark.parametrize(
    ("declared", "made"),
    [
        ({}, {"nodata": None}),  # read as declared
        ({"no_data": float("nan")}, {}),  # a NaN says nothing of integers
        (
            {"dtype": "float32", "no_data": float("nan")},
            {"dtype": "float32", "nodata": float("nan")},
        ),
        ({"dtype": ""}, {"dtype": "int16"}),  # nothing is declared
    ],
)
def test_no_data_that_does_not_contradict_is_right(declared, made, tmp_path):
    out = replace(OUT, data_format=replace(REFLECTANCE, **declared))
    verify(out, a_raster(tmp_path / "x.tif", **made))


@pytest.mark.parametrize("no_data", [-9999.9, -3.4028235e38, 1e20])
def test_no_data_is_the_number_that_pixels_of_the_type_hold(no_data, tmp_path):
    out = replace(
        OUT, data_format=DataFormat("float32", no_data, 0, 1, ext_max_value=1)
    )
    verify(out, a_raster(tmp_path / "x.tif", dtype="float32", nodata=no_data))
    held = float(np.float32(no_data))
    verify(out, a_raster(tmp_path / "y.tif", dtype="float32", nodata=held))


def test_missing_bands_are_counted(tmp_path):
    file = a_raster(tmp_path / "x.tif", count=2)
    verify(replace(OUT, bands=1), file)
    says = wrong(replace(OUT, bands=4), file)
    assert says == "layer 'B04': 2 bands, expected at least 4"


def test_scale_tags_must_give_the_declared_values(tmp_path):
    file = a_raster(tmp_path / "x.tif")
    verify(OUT, tagged(file, scales=(0.0001,), offsets=(0.0,)))
    says = wrong(OUT, tagged(file, offsets=(-0.1,)))
    assert says == (
        "layer 'B04': band 1: scale 0.0001 and offset -0.1, expected 0.0001 and 0"
    )


def test_file_of_another_format_than_its_extension_is_told(tmp_path):
    rasterio.shutil.copy(a_raster(tmp_path / "y.tif"), tmp_path / "x.tif", driver="PNG")
    assert "format PNG, expected GTiff (tif)" in wrong(OUT, tmp_path / "x.tif")


def test_cog_is_asked_for_where_it_is_declared(tmp_path):
    plain = a_raster(tmp_path / "x.tif")
    verify(OUT, plain)
    says = wrong(replace(OUT, cog=True), plain)
    assert "no COG: strips, expected tiles" in says
    write_cog(plain, tmp_path / "cog.tif", no_data=0)
    verify(replace(OUT, cog=True), tmp_path / "cog.tif")


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    file = a_raster(tmp_path / "x.tif", dtype="int16", nodata=-1)
    says = wrong(replace(OUT, bands=2), file).split("; ")
    assert [one.split(":")[0] for one in says] == ["layer 'B04'"] * 3


# -- in a task


@pytest.fixture
def trade(tmp_path):
    with a_processor(tmp_path, Index()) as made:
        yield made


def test_wrong_layer_fails_for_good_and_nothing_of_the_tile_is_stored(trade, tmp_path):
    good = a_raster(tmp_path / "good.tif", size=16)
    bad = a_raster(tmp_path / "bad.tif", size=16, dtype="int16")
    script = copied(good, "a") + copied(bad, "b")
    fact = failed(trade, tile_order(tmp_path, script, an_index("a"), an_index("b")))
    assert isinstance(fact, ProcessFailed)
    assert fact.failure is Failure.STEP_FATAL
    assert fact.message == "layer 'b': data type int16, expected uint16"
    assert stored(tmp_path) == {}
    assert left_behind(tmp_path) == []


def test_layer_to_be_kept_is_judged_by_what_is_declared_of_it(trade, tmp_path):
    raster = a_raster(tmp_path / "x.tif", size=16, dtype="int16")
    kept = an_output(layer="a")
    done = carried_out(trade, tile_order(tmp_path, copied(raster, "a"), kept)).message
    assert [layer.name for layer in done.layers] == ["a"]
    declared = kept | {"datatype": "uint8"}
    order = tile_order(tmp_path, copied(raster, "a"), declared, attempt=2)
    assert failed(trade, order).failure is Failure.STEP_FATAL


def test_file_kept_of_a_failure_may_be_anything(trade, tmp_path):
    script = "open('20240101_T_a.tif', 'w').write('half')\nsys.exit(1)"
    kept = an_output(layer="a", condition="on_failure")
    fact = failed(trade, tile_order(tmp_path, script, kept))
    assert fact.failure is Failure.STEP_FAILED
    assert list(stored(tmp_path).values()) == [b"half"]


def test_fact_tells_what_is_in_the_layers(trade, tmp_path):
    raster = a_raster(tmp_path / "x.tif", size=16)
    order = tile_order(tmp_path, copied(raster, "a"), an_index("a"))
    done = carried_out(trade, order).message
    (measure,) = done.measures
    assert measure.uri == done.layers[0].uri
    # 0 to 250 and then 0 to 4; an eighth of it, 8 x 8, is empty, and so are two zeros.
    (band,) = measure.bands
    assert (band.minimum, band.maximum, band.valid_pct) == (1, 250, 74.6094)
    assert measure.footprint.startswith("POLYGON ((")
