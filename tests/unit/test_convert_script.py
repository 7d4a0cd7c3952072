# SPDX-License-Identifier: Apache-2.0
"""`convert.py`: pixels of another type, a range of values onto another range."""

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from agents.worker.graph.dformat import DataFormat
from agents.worker.graph.library.scripts.convert import convert, converted
from streams.errors import StepFailed, StepFatal
from tests.rasters import CRS, GRID, read, run_script, write

NAN = np.nan


def a_format(dtype, no_data, low, high):
    return DataFormat(dtype, no_data, low, high, 0, 1)


def values(source, data_format, no_data=None, range_in=(0, 1)):
    pixels = np.array([source], dtype="float32")
    return converted(pixels, no_data, range_in, data_format)[0].tolist()


def test_n22_values_are_scaled_clipped_and_rounded_and_no_data_follows():
    found = values(
        [0, 0.1, 0.5, 1, 1.5, -0.2, NAN, 0.0004],
        a_format("int16", -32768, 0, 1000),
        no_data=0,
    )
    assert found == [-32768, 100, 500, 1000, 1000, 0, -32768, 0]


@pytest.mark.parametrize(
    ("source", "data_format", "expected"),
    [
        # 0.1 x 255 = 25.5 and 0.5 x 255 = 127.5: halves go up.
        ([0.1, 0.5, 1.5], a_format("uint8", 0, 0, 255), [26, 128, 255]),
        # Valid 0 is not no-data when the source declares none: one step inwards.
        ([0, 0.0001, 1], a_format("uint16", 0, 0, 1000), [1, 1, 1000]),
        ([1, 0], a_format("uint16", 1000, 0, 1000), [999, 0]),
        # No-data within the range: the next value up.
        ([0.5], a_format("uint8", 50, 0, 100), [51]),
        ([0, 0.25, 2], a_format("float64", -1, 0, 10), [0, 2.5, 10]),
        # Integers have no NaN, and none is declared: 0.
        ([NAN, 0.5], a_format("uint16", NAN, 0, 10), [0, 5]),
    ],
)
def test_value_becomes(source, data_format, expected):
    assert values(source, data_format) == expected


def test_halves_below_zero_are_rounded_up_too():
    found = values([-0.5, -1.5, 2.5], a_format("int8", 99, -10, 10), range_in=(-10, 10))
    assert found == [0, -1, 3]


def test_range_in_is_any_two_values():
    # (x + 20) / 25 x 100
    found = values([-20, -7.5, 5], a_format("uint8", 255, 0, 100), range_in=(-20, 5))
    assert found == [0, 50, 100]
    # A range that falls turns the values over.
    found = values([0, 0.25], a_format("uint8", 255, 0, 100), range_in=(1, 0))
    assert found == [100, 75]


def test_valid_zero_stays_off_a_no_data_of_zero_in_floating_point():
    ((found, below, nothing),) = converted(
        np.array([[0.0, -3.0, NAN]]), None, (0, 1), a_format("float32", 0, 0, 1)
    )
    assert nothing == 0
    assert 0 < found < 1e-37
    assert found == below == np.finfo("float32").tiny


def test_no_data_of_nan_stays_nan_in_floating_point():
    found = values([NAN, 0.5], a_format("float32", NAN, 0, 1))
    assert np.isnan(found[0])
    assert found[1] == 0.5


def test_raster_keeps_its_place_and_bands_and_gets_the_no_data_tag(tmp_path):
    ramp = np.linspace(0, 2, 600 * 500, dtype="float32").reshape(600, 500)
    source = write(tmp_path / "a.tif", np.stack([ramp, 1 - ramp]), no_data=0)
    target = tmp_path / "b.tif"
    convert(source, target, (0, 2), a_format("uint16", 0, 1, 10001))
    with rasterio.open(target) as raster:
        assert (raster.crs, raster.transform) == (CRS, GRID)
        assert (raster.dtypes, raster.nodata) == (("uint16", "uint16"), 0)
        assert raster.block_shapes == [(256, 256)] * 2
        found = raster.read()
    # Independent of the code: integers as Python rounds Decimal-like, half up.
    double = ramp.astype("float64")
    expected = np.floor(1 + double / 2 * 10000 + 0.5)
    expected[ramp == 0] = 0
    assert np.array_equal(found[0], expected)
    assert found[1, -1, -1] == 1  # 1 - 2 is clipped to 0
    is_valid, errors, _ = cog_validate(target, strict=True)
    assert is_valid, errors


def test_script_works_in_place(tmp_path):
    file = write(tmp_path / "x.tif", np.full((40, 30), 0.25, "float32"), no_data=0)
    run_script(
        "convert.py",
        tmp_path,
        file_in="x.tif",
        range_in="0,1",
        dformat_out="byte,0,0,200",
    )
    pixels, no_data = read(file)
    assert (pixels.dtype, no_data) == ("uint8", 0)
    assert (pixels == 50).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dformat_out": "int16,0,1"}, "ERROR: 'int16,0,1', expected dtype,nodata"),
        ({"dformat_out": "int16,x,0,1"}, "'x' is no number"),
        ({"dformat_out": "float16,0,0,1"}, "data type 'float16' is unknown"),
        ({"dformat_out": "uint8,0,0,256"}, "max 256 does not fit in uint8"),
        ({"dformat_out": "c8,0,0,1"}, "complex64 has no range"),
        ({"range_in": "1,1"}, "range 1,1: expected two values"),
        ({"range_in": "1"}, "ERROR: "),
        ({"tiling": 100}, "block size 100, expected a multiple of 16"),
        ({"tilling": 256}, "unrecognized arguments: --tilling=256"),
        ({"file_in": "gone.tif"}, "ERROR: gone.tif: No such file"),
    ],
)
def test_wrong_option_is_a_plain_failure_that_says_what(changes, said, tmp_path):
    write(tmp_path / "x.tif", np.zeros((20, 20), "float32"))
    options = {"file_in": "x.tif", "range_in": "0,1", "dformat_out": "u1,0,0,1"}
    with pytest.raises(StepFailed, match="ERROR: ") as caught:
        run_script("convert.py", tmp_path, **options | changes)
    assert said in str(caught.value)
    assert not isinstance(caught.value, StepFatal)
