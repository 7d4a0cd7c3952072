# SPDX-License-Identifier: Apache-2.0
"""The native step that turns a Landsat product into layers, and its graph."""

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from agents.worker.graph.load import load_graph
from agents.worker.graph.steps.landsat import expected_bands, extract_landsat_bands
from streams.errors import StepFailed, StepFatal
from tests.landsat import LEVEL_1, LEVEL_2, cut_off, make_product

DATA = Path("../shared/data")

LAYERS_1 = [f"B{number:02}" for number in range(1, 12)]
LAYERS_2 = [*(f"SR_B{number}" for number in range(1, 8)), "ST_B10"]


def _extract(product, out="20230502_tile_*.tif"):
    """Layer → file."""
    work = product.parent
    extract_landsat_bands(work, {"product": product.name, "out": out})
    before, after = out.split("*")
    return {
        file.name.removeprefix(before).removesuffix(after): file
        for file in sorted(work.glob(out))
    }


@pytest.mark.parametrize(("name", "layers"), [(LEVEL_1, LAYERS_1), (LEVEL_2, LAYERS_2)])
def test_every_band_of_a_product_becomes_a_layer(name, layers, tmp_path):
    found = _extract(make_product(tmp_path, name))
    assert list(found) == sorted([*layers, "QA_PIXEL"])


def test_layers_are_cogs_with_the_pixels_of_their_bands(tmp_path):
    product = make_product(tmp_path)
    for layer, file in _extract(product).items():
        _same(product / f"{LEVEL_1}_{_band(layer)}.TIF", file)


def test_fill_is_tagged_where_the_product_does_not(tmp_path):
    found = _extract(make_product(tmp_path))
    assert {layer: _no_data(file) for layer, file in found.items()} == {
        **dict.fromkeys(LAYERS_1, 0),
        "QA_PIXEL": 1,  # its fill is the bit 0
    }


def test_no_data_of_the_product_is_kept(tmp_path):
    found = _extract(make_product(tmp_path, no_data=42))
    assert set(map(_no_data, found.values())) == {42}


def test_same_product_gives_the_same_bytes(tmp_path):
    first = _extract(make_product(tmp_path / "one"))
    second = _extract(make_product(tmp_path / "two"))
    for layer, file in first.items():
        assert file.read_bytes() == second[layer].read_bytes()


def test_bands_are_found_below_folders_and_in_any_case(tmp_path):
    product = make_product(tmp_path)
    (product / "inner").mkdir()
    for file in list(product.glob("*.TIF")):
        file.rename(product / "inner" / file.name.replace(".TIF", ".tif"))
    assert len(_extract(product)) == 12


def test_other_files_of_a_product_are_no_bands(tmp_path):
    product = make_product(tmp_path)
    for ending in ("MTL.txt", "SAA.TIF", "SZA.TIF", "GM_B4.TIF", "B4.TIF.aux.xml"):
        (product / f"{LEVEL_1}_{ending}").write_text("no raster")
    assert len(_extract(product)) == 12


def test_missing_band_is_fatal_and_named(tmp_path):
    product = make_product(tmp_path)
    (product / f"{LEVEL_1}_B4.TIF").unlink()
    (product / f"{LEVEL_1}_B11.TIF").unlink()
    with pytest.raises(StepFatal, match=f"product '{LEVEL_1}': B04, B11 missing"):
        _extract(product)
    assert list(tmp_path.glob("*.tif")) == []


def test_band_in_two_files_is_fatal(tmp_path):
    product = make_product(tmp_path)
    (product / "inner").mkdir()
    (product / "inner" / f"{LEVEL_1}_B4.TIF").write_bytes(b"another")
    with pytest.raises(StepFatal, match="B04 in two files"):
        _extract(product)


def test_product_without_any_band_is_fatal(tmp_path):
    product = make_product(tmp_path, LEVEL_2, bands=[])
    with pytest.raises(StepFatal, match=r"SR_B1, SR_B2, SR_B3, .*, ST_B10 missing"):
        _extract(product)


def test_surface_reflectance_of_collection_1_is_refused_by_name(tmp_path):
    product = tmp_path / "LC082210692019042501T1-SC20190717115231"
    product.mkdir()
    (product / "LC08_L1TP_221069_20190425_20190508_01_T1_sr_band4.tif").touch()
    message = r"T1_sr_band4\.tif is surface reflectance of Collection 1, expected Level"
    with pytest.raises(StepFatal, match=message):
        _extract(product)


def test_unknown_product_without_any_band_is_fatal(tmp_path):
    (tmp_path / "some-folder").mkdir()
    with pytest.raises(StepFatal, match="'some-folder': every band missing"):
        _extract(tmp_path / "some-folder")


@pytest.mark.parametrize("keep", [3, 2])
def test_band_that_is_cut_off_is_fatal_and_named(keep, tmp_path):
    product = make_product(tmp_path, size=256)
    band = product / f"{LEVEL_1}_B4.TIF"
    band.write_bytes(band.read_bytes()[: -len(band.read_bytes()) // keep])
    with pytest.raises(StepFatal, match=f"product '{LEVEL_1}': band B04: "):
        _extract(product)
    assert not (tmp_path / "20230502_tile_B04.tif").exists()


@pytest.mark.parametrize("content", [b"", b"no raster", b"II*\0\x08\0\0\0"])
def test_band_that_is_no_raster_is_fatal_and_named(content, tmp_path):
    product = make_product(tmp_path)
    (product / f"{LEVEL_1}_B10.TIF").write_bytes(content)
    with pytest.raises(StepFatal, match=f"product '{LEVEL_1}': band B10: "):
        _extract(product)


def test_layer_that_cannot_be_written_is_not_the_products_fault(tmp_path):
    product = make_product(tmp_path, size=256)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(StepFailed, match=r"layer '20230502_tile_\w+\.tif': "):
            _extract(product)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("*.tif")) == []


@pytest.mark.parametrize(
    ("product", "layers"),
    [
        ("LC08_L1TP_014031_20180106_20180119_01_T1", LAYERS_1),
        ("LO08_L1TP_014031_20180106_20180119_01_T1", LAYERS_1[:9]),
        ("LT08_L1TP_014031_20180106_20180119_01_T1", LAYERS_1[9:]),
        ("LC09_L2SP_017036_20220419_20220913_02_T2", LAYERS_2),
        ("LC08_L2SR_017036_20130419_20200913_02_T2", LAYERS_2[:7]),
        (
            "LE07_L1TP_014031_20000106_20180119_01_T1",
            [*LAYERS_1[:5], "B06_VCID_1", "B06_VCID_2", "B07", "B08"],
        ),
        ("LT05_L1TP_014031_20000106_20180119_01_T1", LAYERS_1[:7]),
        ("LM04_L1TP_014031_19900106_20180119_01_T2", LAYERS_1[:4]),
        (
            "LT05_L2SP_014031_20000106_20200913_02_T1",
            [*LAYERS_2[:5], "SR_B7", "ST_B6"],
        ),
        ("LM01_L1TP_014031_19750106_20180119_01_T2", []),
    ],
)
def test_bands_of_a_product_follow_from_its_name(product, layers):
    assert list(expected_bands(product)) == layers


# -- the graph


def _outputs():
    return {out.layer: out for out in load_graph("ExtractLandsatBands").out_files[0]}


@pytest.mark.parametrize("name", [LEVEL_1, LEVEL_2])
def test_graph_indexes_every_layer_as_it_is_written(name, tmp_path):
    outputs = _outputs()
    for layer, file in _extract(make_product(tmp_path, name)).items():
        declared = outputs[layer].data_format
        with rasterio.open(file) as raster:
            assert raster.dtypes == (declared.dtype,)
            assert raster.nodata == declared.no_data
            assert raster.count == outputs[layer].bands
        assert (declared.min_value, declared.max_value) == (
            (0, 65535) if layer == "QA_PIXEL" else (1, 65535)
        )


def test_flags_of_collection_1_are_indexed_as_those_of_collection_2():
    outputs = _outputs()
    assert outputs["BQA"].data_format == outputs["QA_PIXEL"].data_format


def _physical(layer, stored):
    f = _outputs()[layer].data_format
    share = (stored - f.min_value) / (f.max_value - f.min_value)
    return f.ext_min_value + (f.ext_max_value - f.ext_min_value) * share**f.exponent


@pytest.mark.parametrize(
    ("layer", "stored", "physical"),
    [
        # Level 1: digital numbers, whose meaning is in each product's MTL file.
        ("B04", 12000, 12000),
        ("B10", 1, 1),
        ("QA_PIXEL", 21824, 21824),
        # Level 2, LSDS-1619: 0.0000275 Q - 0.2, and 0.00341802 Q + 149 kelvin.
        ("SR_B4", 18639, 0.3125725),
        ("SR_B1", 7273, 0.0000275 * 7273 - 0.2),
        ("SR_B7", 43636, 0.99999),
        ("ST_B10", 44947, 302.6297449),
        ("ST_B10", 293, 150.0014799),
    ],
)
def test_graph_tells_the_physical_value_of_a_number(layer, stored, physical):
    assert _physical(layer, stored) == pytest.approx(physical, rel=1e-7)


# -- real products


def _real(pattern):
    found = sorted(DATA.glob(pattern))
    if not found:
        pytest.skip(f"no real products: {DATA / pattern} is not there")
    return found


@pytest.mark.parametrize(
    ("pattern", "layers"),
    [
        ("landsat8-new-york-2018/LC08_L1TP_*", [*LAYERS_1, "BQA"]),
        ("landsat-c2-l2/LC08_L2SP_*", [*LAYERS_2, "QA_PIXEL"]),
    ],
)
def test_real_product_gives_valid_layers_with_its_own_pixels(pattern, layers, tmp_path):
    for product in _real(pattern)[:3]:
        work = tmp_path / product.name
        work.mkdir()
        (work / product.name).symlink_to(product.absolute())
        bands = {_layer(f): f for f in product.glob("*.TIF") if _layer(f)}
        found = _extract(work / product.name)
        wanted = [layer for layer in layers if layer in bands]
        assert set(LAYERS_1[:9]) <= set(wanted) or set(LAYERS_2) <= set(wanted)
        assert list(found) == sorted(wanted)
        for layer, file in found.items():
            _same(bands[layer], file)
            with rasterio.open(file) as raster:
                assert raster.nodata == (1 if layer in ("BQA", "QA_PIXEL") else 0)


def test_real_band_that_is_cut_off_is_fatal_and_named(tmp_path):
    product = _real("landsat8-new-york-2018/LC08_L1TP_*")[0]
    work = tmp_path / product.name
    work.mkdir()
    for band in product.glob("*.TIF"):
        (work / band.name).write_bytes(band.read_bytes())
    (cut,) = work.glob("*_B5.TIF")
    cut_off(cut)
    with pytest.raises(StepFatal, match="band B05: "):
        _extract(work)


# -- helpers


def _band(layer):
    return f"B{int(layer[1:])}" if layer.startswith("B") and layer != "BQA" else layer


def _layer(file):
    """Layer of a real file; empty when it is none."""
    end = file.stem.rsplit("_", 1)[-1]
    for prefix in ("SR_", "ST_"):
        if f"_{prefix}B" in file.stem:
            return prefix + end
    if end == "PIXEL":
        return "QA_PIXEL"
    if end == "BQA":
        return end
    return f"B{int(end[1:]):02}" if end[1:].isdigit() else ""


def _no_data(file):
    with rasterio.open(file) as raster:
        return raster.nodata


def _same(band, file):
    assert cog_validate(file, strict=True) == (True, [], [])
    with rasterio.open(band) as before, rasterio.open(file) as after:
        assert after.dtypes == before.dtypes
        assert (after.crs, after.transform) == (before.crs, before.transform)
        assert np.array_equal(before.read(), after.read())
