# SPDX-License-Identifier: Apache-2.0
"""Cloud Optimized GeoTIFFs: valid, true to the source, the same every time."""

import resource

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin
from rio_cogeo import cog_validate

from agents.worker.graph.cog import write_cog


def _raster(path, pixels, **profile):
    written = {
        "driver": "GTiff",
        "width": pixels.shape[-1],
        "height": pixels.shape[-2],
        "count": pixels.shape[0],
        "dtype": pixels.dtype,
        "crs": "EPSG:32632",
        "transform": from_origin(500_000, 6_180_000, 10, 10),
    }
    with rasterio.open(path, "w", **(written | profile)) as raster:
        raster.write(pixels)
    return path


@pytest.fixture
def source(tmp_path):
    """A raster of two bands that needs overviews."""
    pixels = np.arange(2 * 1100 * 1300, dtype="uint32").reshape(2, 1100, 1300)
    return _raster(tmp_path / "source.tif", (pixels % 60000).astype("uint16"))


def test_cog_is_valid_with_overviews_and_the_grid_of_its_source(source, tmp_path):
    target = tmp_path / "target.tif"
    write_cog(source, target, no_data=0)
    valid, errors, warnings = cog_validate(target, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(source) as before, rasterio.open(target) as after:
        assert np.array_equal(before.read(), after.read())
        assert (after.crs, after.transform) == (before.crs, before.transform)
        assert after.block_shapes == [(512, 512)] * 2
        assert after.overviews(1) == [2, 4]
        assert after.compression.name == "zstd"


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "uint16", "uint32", "int16", "int32", "float32", "float64", "complex64"],
)
def test_pixels_keep_their_type_and_value(dtype, tmp_path):
    pixels = (np.arange(-50, 50).reshape(1, 10, 10) * 2.5).astype(dtype)
    source = _raster(tmp_path / "source.tif", pixels)
    write_cog(source, tmp_path / "target.tif", no_data=None)
    with rasterio.open(tmp_path / "target.tif") as raster:
        assert raster.dtypes == (dtype,)
        assert np.array_equal(raster.read(), pixels)


@pytest.mark.parametrize(
    ("tagged", "asked", "expected"),
    [(None, 0, 0), (7, 0, 0), (7, None, 7), (None, None, None)],
)
def test_no_data_is_the_one_asked_for_else_the_sources(
    tagged, asked, expected, tmp_path
):
    source = _raster(tmp_path / "s.tif", np.ones((1, 8, 8), "uint16"), nodata=tagged)
    write_cog(source, tmp_path / "target.tif", no_data=asked)
    with rasterio.open(tmp_path / "target.tif") as raster:
        assert raster.nodata == expected


def test_scale_offset_and_tags_survive(tmp_path):
    source = _raster(tmp_path / "source.tif", np.ones((1, 8, 8), "uint16"))
    with rasterio.open(source, "r+") as raster:
        raster.scales, raster.offsets = (0.0001,), (-0.1,)
        raster.update_tags(made_by="a graph")
    write_cog(source, tmp_path / "target.tif", no_data=0)
    with rasterio.open(tmp_path / "target.tif") as raster:
        assert (raster.scales, raster.offsets) == ((0.0001,), (-0.1,))
        assert raster.tags()["made_by"] == "a graph"


def test_overviews_of_flags_hold_flags_alone(tmp_path):
    flags = np.where(np.arange(1024 * 1024) % 2, 1, 64).astype("uint16")
    source = _raster(tmp_path / "source.tif", flags.reshape(1, 1024, 1024))
    found = {}
    for overviews in (Resampling.nearest, Resampling.average):
        target = tmp_path / f"{overviews.name}.tif"
        write_cog(source, target, no_data=None, overviews=overviews)
        with rasterio.open(target, overview_level=0) as raster:
            found[overviews] = set(np.unique(raster.read()))
    assert found[Resampling.nearest] <= {1, 64}
    assert not found[Resampling.average] <= {1, 64}


def test_no_data_does_not_bleed_into_overviews(tmp_path):
    pixels = np.full((1, 1024, 1024), 1000, "uint16")
    pixels[:, :, 1::2] = 0
    write_cog(_raster(tmp_path / "s.tif", pixels), tmp_path / "t.tif", no_data=0)
    with rasterio.open(tmp_path / "t.tif", overview_level=0) as raster:
        assert np.unique(raster.read()).tolist() == [1000]


def test_same_source_gives_the_same_bytes_whatever_the_threads(source, tmp_path):
    written = set()
    for threads in (1, 1, 3):
        target = tmp_path / "target.tif"
        write_cog(source, target, no_data=0, threads=threads)
        written.add(target.read_bytes())
        target.unlink()
    assert len(written) == 1


def test_source_stays_as_it_is_and_nothing_lies_about(source, tmp_path):
    before = source.read_bytes()
    write_cog(source, tmp_path / "target.tif", no_data=0)
    assert source.read_bytes() == before
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"source.tif", "target.tif"}


@pytest.mark.parametrize("missing", [1, 100, 1000, 10_000, 100_000])
def test_target_that_cannot_be_written_to_its_end_is_no_file(missing, tmp_path):
    # A full disk: GDAL tells it but for the last bytes.
    noise = np.random.default_rng(1).integers(1, 60000, (1, 256, 256)).astype("uint16")
    source, target = _raster(tmp_path / "source.tif", noise), tmp_path / "target.tif"
    write_cog(source, target, no_data=0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = target.stat().st_size - missing
    target.unlink()
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(RasterioIOError):
            write_cog(source, target, no_data=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["source.tif"]


def test_source_that_is_cut_off_gives_no_file(source, tmp_path):
    source.write_bytes(source.read_bytes()[:1_000_000])
    with pytest.raises(RasterioIOError):
        write_cog(source, tmp_path / "target.tif", no_data=0)
    assert [path.name for path in tmp_path.iterdir()] == ["source.tif"]
