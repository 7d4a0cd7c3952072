# SPDX-License-Identifier: Apache-2.0
"""Small pictures of layers, for people."""

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from agents.worker.graph.cog import write_cog
from agents.worker.graph.load import library, load_graph
from agents.worker.graph.steps.landsat import extract_landsat_bands
from agents.worker.graph.steps.quicklook import make_quicklook
from streams.errors import StepFailed, StepFatal
from tests.landsat import make_product

pytestmark = pytest.mark.filterwarnings(
    # A picture has no place on Earth.
    f"ignore::{NotGeoreferencedWarning.__module__}.{NotGeoreferencedWarning.__name__}"
)


def _layer(folder, name, pixels, no_data=0):
    profile = {
        "driver": "GTiff",
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "count": 1,
        "dtype": pixels.dtype,
        "crs": "EPSG:32632",
        "transform": from_origin(500_000, 6_180_000, 10, 10),
    }
    source = folder / f"{name}.source"
    with rasterio.open(source, "w", **profile) as raster:
        raster.write(pixels, 1)
    write_cog(source, folder / f"day_{name}.tif", no_data=no_data)


def _ramp(height=40, width=80):
    return np.arange(1, height * width + 1, dtype="uint16").reshape(height, width)


def _made(folder, choices="B04 B03 B02, B10", out="look.png", **arguments):
    asked = {"layers": "day_*.tif", "choices": choices, "out": out, **arguments}
    make_quicklook(folder, asked)
    with rasterio.open(folder / out) as raster:
        return raster.read()


def test_three_layers_are_red_green_and_blue(tmp_path):
    for name, sign in (("B04", 1), ("B03", -1), ("B02", 1)):
        _layer(tmp_path, name, np.ascontiguousarray(_ramp()[::sign]))
    red, green, blue, alpha = _made(tmp_path)
    assert red.shape == (40, 80)
    assert (red[0].max(), red[-1].min()) < (red[-1].min(), 256)
    assert (red == blue).all()
    assert green[0].min() > green[-1].max()
    assert (alpha == 255).all()


def test_first_choice_whose_layers_are_all_there_is_taken(tmp_path):
    _layer(tmp_path, "B04", _ramp())
    _layer(tmp_path, "B10", _ramp())
    assert len(_made(tmp_path)) == 2  # grey, and what is transparent


def test_values_are_stretched_between_their_2nd_and_98th_percentile(tmp_path):
    pixels = _ramp(100, 100)
    pixels[0, 0] = 65535  # one odd pixel
    _layer(tmp_path, "B10", pixels)
    grey, _ = _made(tmp_path)
    low, high = np.percentile(pixels, (2, 98))
    wanted = np.clip((pixels.astype("f8") - low) / (high - low), 0, 1) * 255
    assert np.abs(grey - wanted).max() <= 1


def test_pixel_without_data_in_one_layer_is_transparent(tmp_path):
    for name, row in (("B04", 0), ("B03", 1), ("B02", 2)):
        pixels = _ramp()
        pixels[row] = 0
        _layer(tmp_path, name, pixels)
    *_, alpha = _made(tmp_path)
    assert (alpha[:3] == 0).all()
    assert (alpha[3:] == 255).all()


def test_numbers_that_are_none_are_transparent(tmp_path):
    pixels = _ramp().astype("float32")
    pixels[0] = np.nan
    _layer(tmp_path, "B10", pixels, no_data=None)
    _, alpha = _made(tmp_path)
    assert (alpha[0] == 0).all()
    assert (alpha[1:] == 255).all()


def test_layer_without_any_data_is_a_transparent_picture(tmp_path):
    _layer(tmp_path, "B10", np.zeros((30, 30), "uint16"))
    assert (_made(tmp_path) == 0).all()


def test_longest_side_is_as_asked_and_nothing_is_enlarged(tmp_path):
    _layer(tmp_path, "B10", _ramp(1000, 600))
    assert _made(tmp_path, size="100").shape[1:] == (100, 60)
    assert _made(tmp_path, size="2000").shape[1:] == (1000, 600)


def test_layers_of_several_resolutions_make_one_picture(tmp_path):
    for name, factor in (("B04", 1), ("B03", 2), ("B02", 3)):
        _layer(tmp_path, name, _ramp(60 * factor, 60 * factor))
    assert _made(tmp_path).shape == (4, 60, 60)


def test_jpeg_is_black_where_there_are_no_data(tmp_path):
    pixels = _ramp(64, 64)
    pixels[:32] = 0
    _layer(tmp_path, "B10", pixels)
    (grey,) = _made(tmp_path, out="look.jpg")
    assert grey[:24].max() < 10


def test_nothing_lies_beside_the_picture(tmp_path):
    _layer(tmp_path, "B10", _ramp())
    before = {path.name for path in tmp_path.iterdir()}
    _made(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - before == {"look.png"}


@pytest.mark.parametrize(
    "arguments", [{"size": "0"}, {"choices": "B01"}, {"choices": "B04 B03 B02"}]
)
def test_no_picture_is_made_when_none_is_wanted_or_can_be(arguments, tmp_path):
    _layer(tmp_path, "B10", _ramp())
    asked = {"layers": "day_*.tif", "choices": "B10", "out": "look.png", **arguments}
    make_quicklook(tmp_path, asked)
    assert not (tmp_path / "look.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "big"}, "size 'big', expected a number of pixels"),
        ({"out": "look.gif"}, r"out 'look\.gif', expected one of png, jpg"),
        ({"choices": "B04 B03"}, "choice 'B04 B03', expected one layer or three"),
    ],
)
def test_wrong_arguments_are_fatal(arguments, message, tmp_path):
    with pytest.raises(StepFatal, match=message):
        _made(tmp_path, **arguments)


def test_layer_that_is_no_raster_is_a_failure(tmp_path):
    (tmp_path / "day_B10.tif").write_text("no raster")
    with pytest.raises(StepFailed, match=r"picture 'look\.png': "):
        _made(tmp_path)


@pytest.mark.parametrize("name", ["ExtractLandsatBands", "ExtractS2BandsCog"])
def test_graphs_make_pictures_of_layers_that_they_leave(name):
    assert name in library()
    graph = load_graph(name)
    layers = {out.layer for out in graph.out_files[0]}
    (step,) = (step for step in graph.steps if step.command == "make_quicklook")
    for choice in step.arguments["choices"].value.split(","):
        assert set(choice.split()) <= layers


def test_picture_of_a_product_is_made_of_its_layers(tmp_path):
    product = make_product(tmp_path)
    asked = {"product": product.name, "out": "day_*.tif", "bands": "B02,B03,B04"}
    extract_landsat_bands(tmp_path, asked)
    assert _made(tmp_path, choices="B04 B03 B02").shape == (4, 64, 64)
