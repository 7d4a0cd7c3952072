# SPDX-License-Identifier: Apache-2.0
"""Statistics and footprints of rasters."""

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from agents.worker.outputs import measure as module
from agents.worker.outputs.measure import is_empty, measure
from streams.model import Statistics


def written(file, pixels, *, crs="EPSG:4326", west=10.0, nodata=None, **profile):
    """A raster of these pixels, one degree each, whose north is 50 degrees."""
    bands = np.atleast_3d(pixels) if pixels.ndim == 3 else pixels[np.newaxis]
    count, height, width = bands.shape
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=bands.dtype,
        crs=crs,
        transform=from_origin(west, 50, 1, 1),
        nodata=nodata,
        **profile,
    ) as raster:
        raster.write(bands)
    return file


def test_pixels_that_are_no_data_do_not_count(tmp_path):
    pixels = np.array([[0, 2], [4, 6]], "uint16")
    file = written(tmp_path / "x.tif", pixels, nodata=0)
    found = measure(file, "uri", None)
    assert found.uri == "uri"
    assert found.bands == (Statistics(2, 6, 4, 75),)


def test_declared_no_data_counts_where_there_is_no_tag(tmp_path):
    file = written(tmp_path / "x.tif", np.array([[9, 1]], "uint8"))
    assert measure(file, "", 9).bands == (Statistics(1, 1, 1, 50),)
    assert measure(file, "", None).bands == (Statistics(1, 9, 5, 100),)


def test_nan_is_never_a_value(tmp_path):
    pixels = np.array([[np.nan, 1.5, 2.5, -1.0]], "float32")
    file = written(tmp_path / "x.tif", pixels, nodata=-1)
    assert measure(file, "", None).bands == (Statistics(1.5, 2.5, 2, 50),)


def test_band_without_a_valid_pixel_has_no_values(tmp_path):
    file = written(tmp_path / "x.tif", np.zeros((2, 2), "uint8"), nodata=0)
    found = measure(file, "", None)
    assert found.bands == (Statistics(None, None, None, 0),)
    assert found.footprint == ""


def test_raster_with_one_valid_pixel_is_not_empty(tmp_path):
    pixels = np.zeros((1500, 1500), "uint8")
    none = written(tmp_path / "none.tif", pixels, nodata=0, crs="EPSG:32632")
    assert is_empty(measure(none, "uri", None))
    pixels[700, 7] = 1
    found = measure(
        written(tmp_path / "one.tif", pixels, nodata=0, crs="EPSG:32632"), "uri", None
    )
    assert found.bands[0].valid_pct == 0.0001  # more than 1 / 22500 %
    assert not is_empty(found)


def test_raster_is_empty_only_in_all_its_bands(tmp_path):
    bands = np.zeros((2, 4, 4), "complex64")
    bands[0] = np.nan
    assert not is_empty(measure(written(tmp_path / "x.tif", bands), "uri", None))
    assert is_empty(measure(written(tmp_path / "y.tif", bands, nodata=0), "uri", None))


def test_complex_pixels_are_counted_alone(tmp_path):
    file = written(tmp_path / "x.tif", np.array([[1 + 1j, 2]], "complex64"))
    assert measure(file, "", None).bands == (Statistics(None, None, None, 100),)


def test_every_band_has_its_own(tmp_path):
    pixels = np.array([[[1, 1]], [[2, 4]]], "uint8")
    found = measure(written(tmp_path / "x.tif", pixels), "", None)
    assert [band.mean for band in found.bands] == [1, 3]


@pytest.mark.parametrize(
    "profile", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}]
)
def test_windows_make_no_difference(profile, tmp_path, monkeypatch):
    pixels = np.random.default_rng(1).integers(0, 9, (100, 70)).astype("int16")
    file = written(tmp_path / "x.tif", pixels, nodata=0, **profile)
    whole = measure(file, "", None)
    monkeypatch.setattr(module, "_PIXELS", 256)
    small = measure(file, "", None)
    assert small.footprint == whole.footprint
    assert small.bands[0].valid_pct == whole.bands[0].valid_pct
    valid = pixels[pixels != 0]
    assert small.bands[0].mean == pytest.approx(valid.mean(), abs=1e-9)
    assert (small.bands[0].minimum, small.bands[0].maximum) == (1, 8)


def test_footprint_is_the_hull_of_the_valid_pixels(tmp_path):
    pixels = np.zeros((10, 10), "uint8")
    pixels[2:5, 3:7] = 1
    file = written(tmp_path / "x.tif", pixels, nodata=0)
    found = shapely.from_wkt(measure(file, "", None).footprint)
    # Columns 3 to 7 from 10 degrees east, rows 2 to 5 from 50 degrees north.
    assert found.equals(shapely.box(13, 45, 17, 48))


def test_footprint_follows_the_rasters_own_crs(tmp_path):
    # UTM 32: 500 km east is 9 degrees; a row of pixels of a metre each.
    file = tmp_path / "x.tif"
    pixels = np.ones((1000, 1000), "uint8")
    with rasterio.open(written(file, pixels, crs="EPSG:32632"), "r+") as raster:
        raster.transform = from_origin(500_000, 6_180_000, 100, 100)
    west, south, east, north = shapely.from_wkt(
        measure(file, "", None).footprint
    ).bounds
    assert west == pytest.approx(9, abs=1e-6)
    assert north == pytest.approx(55.765, abs=0.01)
    assert 1.5 < east - west < 1.7
    assert 0.85 < north - south < 0.95


def test_footprint_is_cut_at_180_degrees(tmp_path):
    file = written(tmp_path / "x.tif", np.ones((2, 4), "uint8"), crs="EPSG:3832")
    with rasterio.open(file, "r+") as raster:
        # PDC Mercator's middle is 150 degrees east: 30 degrees further is 180.
        raster.transform = from_origin(3_339_584.7 - 200_000, 0, 100_000, 100_000)
    found = shapely.from_wkt(measure(file, "", None).footprint)
    assert found.geom_type == "MultiPolygon"
    assert found.bounds[0] == -180
    assert found.bounds[2] == 180
    assert found.area < 10


def test_raster_without_crs_has_no_footprint(tmp_path):
    file = written(tmp_path / "x.tif", np.ones((2, 2), "uint8"), crs=None)
    found = measure(file, "", None)
    assert (found.footprint, found.bands[0].valid_pct) == ("", 100)


def test_raster_west_of_180_degrees_is_cut_there_too(tmp_path):
    file = written(tmp_path / "x.tif", np.ones((1, 2), "uint8"), west=-180.5)
    footprint = shapely.from_wkt(measure(file, "", None).footprint)
    expected = shapely.union_all(
        [shapely.box(179.5, 49, 180, 50), shapely.box(-180, 49, -178.5, 50)]
    )
    assert footprint.symmetric_difference(expected).area < 1e-6
    assert footprint.is_valid


def test_infinite_pixels_do_not_count(tmp_path):
    pixels = np.array([[-np.inf, np.inf, 1, 3]], "float32")
    file = written(tmp_path / "x.tif", pixels)
    assert measure(file, "", None).bands == (Statistics(1, 3, 2, 50),)
