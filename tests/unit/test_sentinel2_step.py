# SPDX-License-Identifier: Apache-2.0
"""The native step that turns a Sentinel-2 product into layers, and its graph."""

import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from agents.worker.graph.load import load_graph
from agents.worker.graph.native.sentinel2 import BANDS, harmonised
from agents.worker.graph.steps.sentinel2 import extract_s2_bands
from streams.errors import StepFailed, StepFatal
from tests.sentinel2 import LEVEL_1C, LEVEL_2A, make_product

DATA = Path("../shared/data/sentinel2")

LAYERS_2A = sorted([*(band for band in BANDS if band != "B10"), "SCL"])


def _extract(product, **arguments):
    """Layer → file."""
    work = product.parent
    asked = {"product": product.name, "out": "day_tile_*.tif", **arguments}
    extract_s2_bands(work, asked)
    return {
        file.stem.removeprefix("day_tile_"): file
        for file in sorted(work.glob("day_tile_*.tif"))
    }


def _pixels(file):
    with rasterio.open(file) as raster:
        return raster.read(1)


@pytest.mark.parametrize(
    ("name", "layers"), [(LEVEL_1C, sorted(BANDS)), (LEVEL_2A, LAYERS_2A)]
)
def test_every_band_becomes_a_cog_that_the_graph_declares(name, layers, tmp_path):
    declared = {out.layer: out for out in load_graph("ExtractS2BandsCog").out_files[0]}
    found = _extract(make_product(tmp_path, name, -1000))
    assert sorted(found) == layers
    for layer, file in found.items():
        assert cog_validate(file, strict=True)[:2] == (True, [])
        with rasterio.open(file) as raster:
            assert raster.dtypes == (declared[layer].data_format.dtype,)
            assert raster.nodata == declared[layer].data_format.no_data == 0
            assert raster.count == declared[layer].bands


@pytest.mark.parametrize("name", [LEVEL_1C, LEVEL_2A])
@pytest.mark.parametrize(
    ("offset", "first_row"),
    [
        # Stored: no-data, dark, saturated, 0.1234 without and with an offset of -1000.
        (None, [0, 1, 65535, 1234, 2234]),
        (-1000, [0, 1, 65535, 234, 1234]),
    ],
)
def test_offset_is_that_of_the_metadata(name, offset, first_row, tmp_path):
    found = _extract(make_product(tmp_path, name, offset), bands="B04")
    assert _pixels(found["B04"])[0, :5].tolist() == first_row


def test_offset_already_applied_is_not_applied_twice(tmp_path):
    found = _extract(
        make_product(tmp_path, LEVEL_2A, -1000), bands="B04", offset="none"
    )
    assert _pixels(found["B04"])[0, :5].tolist() == [0, 1, 65535, 1234, 2234]


def test_bands_come_in_their_own_resolution_and_classes_as_they_are(tmp_path):
    found = _extract(make_product(tmp_path, LEVEL_2A, -1000))
    with rasterio.open(found["B02"]) as ten, rasterio.open(found["B11"]) as twenty:
        assert (ten.res, twenty.res) == ((10, 10), (20, 20))
    (source,) = tmp_path.rglob("*_SCL_20m.jp2")
    assert (_pixels(found["SCL"]) == _pixels(source)).all()


def test_1234_without_offset_and_2234_with_one_are_the_same_reflectance():
    stored = np.array([1234, 2234], dtype=np.uint16)
    assert harmonised(stored, 0)[0] / 10000 == 0.1234
    assert harmonised(stored, -1000)[1] / 10000 == 0.1234


def test_same_product_gives_the_same_bytes(tmp_path):
    first = _extract(make_product(tmp_path / "one", LEVEL_1C, -1000), bands="B04,B09")
    second = _extract(make_product(tmp_path / "two", LEVEL_1C, -1000), bands="B04,B09")
    for layer, file in first.items():
        assert file.read_bytes() == second[layer].read_bytes()


def test_missing_bands_are_fatal_and_named(tmp_path):
    product = make_product(tmp_path, LEVEL_2A)
    for band in ("B03", "SCL"):
        for file in product.rglob(f"*_{band}_*.jp2"):
            file.unlink()
    with pytest.raises(StepFatal, match=f"product '{LEVEL_2A}': B03, SCL missing"):
        _extract(product)
    assert list(tmp_path.glob("*.tif")) == []


def test_band_that_is_cut_off_is_fatal_and_named(tmp_path):
    product = make_product(tmp_path, LEVEL_1C)
    (band,) = product.rglob("*_B04.jp2")
    band.write_bytes(band.read_bytes()[:60])
    with pytest.raises(StepFatal, match=f"product '{LEVEL_1C}': band B04: "):
        _extract(product)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bands": "B04,B13"}, "bands B13 unknown"),
        ({"offset": "2022"}, "offset '2022', expected metadata or none"),
    ],
)
def test_wrong_arguments_are_fatal(arguments, message, tmp_path):
    with pytest.raises(StepFatal, match=message):
        _extract(make_product(tmp_path, LEVEL_1C), **arguments)


def test_other_quantification_is_fatal(tmp_path):
    with pytest.raises(StepFatal, match="quantification 1000, expected 10000"):
        _extract(make_product(tmp_path, LEVEL_1C, quantification=1000))


@pytest.mark.parametrize("text", ["", "<p/>", "<p><QUANTIFICATION_VALUE>x</p>"])
def test_metadata_that_cannot_be_understood_is_fatal(text, tmp_path):
    product = make_product(tmp_path, LEVEL_1C)
    (product / "MTD_MSIL1C.xml").write_text(text)
    with pytest.raises(StepFatal, match=r"MTD_MSIL1C\.xml: "):
        _extract(product)


def test_product_without_metadata_is_fatal(tmp_path):
    product = make_product(tmp_path, LEVEL_1C)
    (product / "MTD_MSIL1C.xml").unlink()
    with pytest.raises(StepFatal, match="metadata missing"):
        _extract(product)


def test_layer_that_cannot_be_written_is_not_the_products_fault(tmp_path):
    product = make_product(tmp_path, LEVEL_1C)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(StepFailed, match=r"layer 'day_tile_\w+\.tif': "):
            _extract(product)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("*.tif")) == []


def test_real_product_gives_its_band_and_names_those_that_it_lacks(tmp_path):
    archives = list(DATA.glob("*.zip"))
    if not archives:
        pytest.skip(f"no real products: {DATA} is not there")
    product = tmp_path / archives[0].stem
    zipfile.ZipFile(archives[0]).extractall(product)
    with pytest.raises(StepFatal, match=r"B02, B03, .*, B12 missing"):
        _extract(product)
    found = _extract(product, bands="B01")
    (source,) = product.rglob("*_B01.jp2")
    # Baseline 02.06: no offset.
    assert (_pixels(found["B01"]) == _pixels(source)).all()
    with rasterio.open(found["B01"]) as made, rasterio.open(source) as read:
        assert (made.crs, made.transform) == (read.crs, read.transform)
