# SPDX-License-Identifier: Apache-2.0
"""Scripts that take layers out of products, on products made up."""

import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from agents.worker.graph.library.scripts.create_cog import create_cog
from streams.errors import StepFailed, StepFatal
from tests import dimap, sentinel2
from tests.rasters import CRS, GRID, read, run_script, write

SHARED = Path(__file__).parents[3] / "shared/data/sentinel2"
REAL = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"

SPOT = ("SPOT_VOL.XML", {"P": 1, "MS": 4})


def extract_s2(folder):
    run_script("extract_s2.py", folder, workdir=folder, pattern_out="20180101_T_*.jp2")
    return {
        path.stem.removeprefix("20180101_T_"): path
        for path in folder.glob("20180101_T_*.jp2")
    }


def test_bands_without_an_offset_are_copied(tmp_path):
    name = f"{sentinel2.LEVEL_1C}.SAFE"
    product = sentinel2.make_product(tmp_path, name)
    found = extract_s2(tmp_path)
    assert sorted(found) == sorted(sentinel2.BANDS)
    for band, file in found.items():
        (original,) = product.rglob(f"*_{band}.jp2")
        assert file.read_bytes() == original.read_bytes()


def test_bands_with_an_offset_are_harmonised_without_loss(tmp_path):
    name = f"{sentinel2.LEVEL_1C}.SAFE"
    product = sentinel2.make_product(tmp_path, name, offset=-1000)
    found = extract_s2(tmp_path)
    (original,) = product.rglob("*_B02.jp2")
    with rasterio.open(original) as raster, rasterio.open(found["B02"]) as made:
        before, after = raster.read(1).astype(int), made.read(1)
        assert (made.crs, made.transform) == (raster.crs, raster.transform)
        assert made.driver == "JP2OpenJPEG"
    # 0 no-data, 1 dark, 65535 saturated, 1234 and 2234: reflectance 0.0234 and 0.1234
    assert after[0, :5].tolist() == [0, 1, 65535, 234, 1234]
    rest = np.maximum(before[1:] - 1000, 1)
    assert np.array_equal(after[1:], rest)


def test_level_2a_gives_each_band_at_its_native_resolution(tmp_path):
    sentinel2.make_product(tmp_path, f"{sentinel2.LEVEL_2A}.SAFE")
    found = extract_s2(tmp_path)
    assert sorted(found) == sorted(set(sentinel2.BANDS) - {"B10"})
    sizes = {band: read(file)[0].shape[0] for band, file in found.items()}
    assert (sizes["B02"], sizes["B8A"], sizes["B01"]) == (120, 60, 20)


def test_band_that_is_only_there_resampled_is_taken_at_the_finest_resolution(tmp_path):
    product = sentinel2.make_product(tmp_path, f"{sentinel2.LEVEL_2A}.SAFE")
    (native,) = product.rglob("*_B02_10m.jp2")
    native.unlink()
    assert read(extract_s2(tmp_path)["B02"])[0].shape == (60, 60)


def test_band_that_is_missing_is_fatal_and_named(tmp_path):
    product = sentinel2.make_product(tmp_path, f"{sentinel2.LEVEL_1C}.SAFE")
    for band in ("B03", "B11"):
        next(product.rglob(f"*_{band}.jp2")).unlink()
    with pytest.raises(StepFatal, match="B03, B11 missing"):
        extract_s2(tmp_path)


def test_band_that_is_broken_is_fatal_and_named(tmp_path):
    name = f"{sentinel2.LEVEL_1C}.SAFE"
    product = sentinel2.make_product(tmp_path, name, offset=-1000)
    next(product.rglob("*_B04.jp2")).write_bytes(b"no image")
    with pytest.raises(StepFatal, match="B04: "):
        extract_s2(tmp_path)


def test_folder_without_a_product_is_fatal(tmp_path):
    with pytest.raises(StepFatal, match=r"expected one product .* found none"):
        extract_s2(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real product in {SHARED}")
def test_real_product_with_its_other_bands_made_up_is_extracted(tmp_path):
    safe = tmp_path / f"{REAL}.SAFE"
    with zipfile.ZipFile(SHARED / f"{REAL}.zip") as archive:
        archive.extractall(safe)
    (real,) = safe.rglob("*_B01.jp2")
    for band in set(sentinel2.BANDS) - {"B01"}:
        shutil.copy(real, real.with_name(re.sub("_B01", f"_{band}", real.name)))
    found = extract_s2(tmp_path)
    assert sorted(found) == sorted(sentinel2.BANDS)
    assert found["B01"].read_bytes() == real.read_bytes()


def extract_dimap(folder, constellation):
    run_script(
        "extract_dimap.py",
        folder,
        workdir=folder,
        file_ms_out="x_MS.tif",
        file_pan_out="x_P.tif",
        constellation=constellation,
    )


@pytest.mark.parametrize(
    ("constellation", "volume"), [("PHR", "VOL_PHR.XML"), ("SPOT", "SPOT_VOL.XML")]
)
def test_images_of_a_dimap_product_are_copied(constellation, volume, tmp_path):
    dimap.make_product(tmp_path / "a/b", volume, {"P": 1, "MS": 4})
    extract_dimap(tmp_path, constellation)
    for kind, bands, size in (("P", 1, 64), ("MS", 4, 32)):
        with rasterio.open(tmp_path / f"x_{kind}.tif") as raster:
            assert np.array_equal(raster.read(), dimap.pixels(bands, size))
            assert (raster.crs, raster.transform) == (CRS, GRID)
            assert raster.profile["tiled"]


def test_images_of_a_product_in_two_volumes_are_copied(tmp_path):
    dimap.make_product(tmp_path / "one", "VOL_PHR.XML", {"P": 1})
    dimap.make_product(tmp_path / "two", "VOL_PHR.XML", {"MS": 4})
    extract_dimap(tmp_path, "PHR")
    assert read(tmp_path / "x_P.tif")[0].shape == (64, 64)
    assert read(tmp_path / "x_MS.tif")[0].shape == (32, 32)


@pytest.mark.parametrize(
    ("products", "said"),
    [
        ({}, "no SPOT_VOL.XML in the product"),
        ({"a": ("VOL_PHR.XML", {"P": 1})}, "no SPOT_VOL.XML in the product"),
        (
            {"a": ("SPOT_VOL.XML", {"P": 1})},
            "0 images of kind MS, expected 1; it has P",
        ),
        ({"a": SPOT, "b": SPOT}, "2 images of kind P, expected 1"),
    ],
)
def test_dimap_product_that_is_not_whole_is_fatal(products, said, tmp_path):
    for name, product in products.items():
        dimap.make_product(tmp_path / name, *product)
    with pytest.raises(StepFatal, match=re.escape(said)):
        extract_dimap(tmp_path, "SPOT")


def test_dimap_product_that_is_broken_is_fatal(tmp_path):
    product = dimap.make_product(tmp_path / "a", *SPOT)
    (product / "IMG_P/DIM_P.XML").write_text("<Dimap_Document>")
    with pytest.raises(StepFatal, match=r"SPOT_VOL\.XML: "):
        extract_dimap(tmp_path, "SPOT")


def test_constellation_without_a_volume_is_refused(tmp_path):
    with pytest.raises(StepFailed, match="constellation 'S2', expected one of PHR"):
        extract_dimap(tmp_path, "S2")


def test_raster_is_warped_and_tiled_as_asked(tmp_path):
    ramp = np.arange(200 * 200, dtype="uint16").reshape(200, 200) + 1
    write(tmp_path / "x.tif", ramp, no_data=0)
    run_script(
        "create_cog.py",
        tmp_path,
        filepath="x.tif",
        fileout="y.tif",
        blocksize=128,
        projection="EPSG:4326",
    )
    with rasterio.open(tmp_path / "y.tif") as raster:
        assert raster.crs == "EPSG:4326"
        assert raster.block_shapes == [(128, 128)]
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        west, south, east, north = raster.bounds
    # The place of the grid: 500 km east in zone 32 is its central meridian, 9 degrees.
    assert west == pytest.approx(9.0, abs=0.001)
    assert (east - west) == pytest.approx(
        4000 / (111_320 * np.cos(np.radians(55))), 0.1
    )
    assert (north - south) == pytest.approx(4000 / 111_200, 0.1)


def test_raster_is_made_a_cog_in_its_place(tmp_path):
    pixels = np.arange(100 * 80, dtype="int16").reshape(100, 80)
    file = write(tmp_path / "x.tif", pixels, no_data=-1)
    create_cog(file, file)
    found, no_data = read(file)
    assert np.array_equal(found, pixels)
    assert no_data == -1
