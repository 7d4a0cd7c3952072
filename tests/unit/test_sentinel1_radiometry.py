# SPDX-License-Identifier: Apache-2.0
"""From digital numbers to backscatter: formulae, tables, noise; how it is stored."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.worker.graph.dformat import DataFormat
from agents.worker.graph.native.footprint import Footprint, footprint_of
from agents.worker.graph.native.radiometry import (
    Negative,
    Noise,
    Radiometry,
    Vector,
    table,
)
from agents.worker.graph.native.resampling import METHODS, sample, together
from agents.worker.graph.native.sentinel1 import (
    find_channels,
    read_calibration,
    read_noise,
)
from agents.worker.graph.native.stored import as_stored
from streams.errors import StepFatal
from tests.sentinel1 import (
    azimuth_noise,
    calibration_vector,
    early_noise,
    make_product,
    range_noise,
)

# A at pixels 0 and 40 of lines 0 and 100.
CALIBRATION = calibration_vector(0, [0, 40], [300, 310], [1, 1], [1, 1]) + (
    calibration_vector(100, [0, 40], [304, 314], [1, 1], [1, 1])
)


def _channel(folder, **documents):
    image = np.full((101, 41), 100, dtype=np.uint16)
    return find_channels(make_product(folder, {"VV": image}, **documents))["VV"]


def _noise(folder, noise):
    return read_noise(_channel(folder, noise=noise), 101, 41)


def _line(noise, line, pixels=41):
    out = np.empty(pixels, dtype=np.float32)
    noise.into(line, out)
    return out


def _backscatter(radiometry, digital, line=0):
    digital = np.array(digital, dtype=np.uint16)
    out, spare = np.empty((2, digital.size), dtype=np.float32)
    radiometry.into(line, digital, out, spare)
    return out


def _decibels(value):
    return 10 * math.log10(value)


def test_sigma0_is_power_over_the_square_of_an_interpolated_calibration(tmp_path):
    calibration = read_calibration(
        _channel(tmp_path, calibration=CALIBRATION), "sigma0", 41
    )
    assert _line(calibration, 50)[20] == 307
    made = _backscatter(Radiometry(calibration, None, Negative.ZERO), [100] * 41, 50)
    # 100^2 / 307^2
    assert made[20] == pytest.approx(0.106102, abs=5e-7)
    assert _decibels(made[20]) == pytest.approx(-9.7428, abs=5e-5)


def test_noise_is_that_of_range_times_that_of_azimuth(tmp_path):
    noise = range_noise(0, [0, 40], [1400, 1600]) + azimuth_noise([0, 100], [1, 1.04])
    channel = _channel(tmp_path, calibration=CALIBRATION, noise=noise)
    eta = read_noise(channel, 101, 41)
    # 1500 x 1.02
    assert _line(eta, 50)[20] == pytest.approx(1530)
    calibration = read_calibration(channel, "sigma0", 41)
    made = _backscatter(Radiometry(calibration, eta, Negative.ZERO), [100] * 41, 50)
    # (100^2 - 1530) / 307^2
    assert made[20] == pytest.approx(0.089868, abs=5e-7)
    assert _decibels(made[20]) == pytest.approx(-10.4639, abs=5e-5)


@pytest.mark.parametrize(
    ("quantity", "a"), [("sigma0", 3), ("beta0", 5), ("gamma0", 7)]
)
def test_each_quantity_has_its_list(quantity, a, tmp_path):
    vector = calibration_vector(0, [0], [3], [5], [7])
    channel = _channel(tmp_path, calibration=vector)
    assert _line(read_calibration(channel, quantity, 41), 9)[9] == a


def test_lines_of_a_table_may_lie_outside_of_the_image():
    at = np.array([0.0])
    made = table(
        [Vector(110, at, np.array([30.0])), Vector(-10, at, np.array([6.0]))], 3
    )
    # 6 + (30 - 6) x 60 / 120
    assert _line(made, 50, 3).tolist() == [18, 18, 18]


def test_beyond_its_lines_a_table_is_as_on_the_nearest():
    at = np.array([0.0, 2.0])
    made = table(
        [Vector(10, at, np.array([1.0, 3.0])), Vector(20, at, np.array([5.0, 7.0]))], 3
    )
    assert _line(made, 0, 3).tolist() == [1, 2, 3]
    assert _line(made, 10, 3).tolist() == [1, 2, 3]
    assert _line(made, 20, 3).tolist() == _line(made, 99, 3).tolist() == [5, 6, 7]


def test_vectors_of_a_table_may_have_other_pixels():
    made = table(
        [
            Vector(0, np.array([0.0, 4.0]), np.array([0.0, 4.0])),
            Vector(2, np.array([0.0, 1.0, 4.0]), np.array([0.0, 10.0, 40.0])),
        ],
        5,
    )
    # Half of 0 1 2 3 4 and of 0 10 20 30 40.
    assert _line(made, 1, 5).tolist() == [0, 5.5, 11, 16.5, 22]


def test_azimuth_noise_is_that_of_its_block(tmp_path):
    noise = (
        range_noise(0, [0], [100])
        + azimuth_noise([0, 10], [2, 3], (0, 10, 0, 19))
        + azimuth_noise([11, 100], [4, 4], (11, 100, 0, 19))
        + azimuth_noise([0], [5], (0, 100, 20, 30))
    )
    eta = _noise(tmp_path, noise)
    assert _line(eta, 5)[[0, 19, 20, 30]].tolist() == [250, 250, 500, 500]
    assert _line(eta, 11)[[0, 19, 20, 30]].tolist() == [400, 400, 500, 500]
    # In no block: by range alone.
    assert _line(eta, 5)[[31, 40]].tolist() == [100, 100]


def test_azimuth_noise_without_bounds_is_for_the_whole_image(tmp_path):
    eta = _noise(tmp_path, range_noise(0, [0], [100]) + azimuth_noise([0], [1.5]))
    assert set(_line(eta, 100)) == {150}


def test_noise_without_azimuth_is_by_range(tmp_path):
    eta = _noise(tmp_path, range_noise(0, [0, 40], [100, 140]))
    assert (_line(eta, 7)[[0, 20]].tolist(), eta.is_early) == ([100, 120], False)


def test_noise_of_early_processors_is_by_range(tmp_path):
    eta = _noise(tmp_path, early_noise(0, [0, 40], [100, 140]))
    assert (_line(eta, 7)[[0, 20]].tolist(), eta.is_early) == ([100, 120], True)


@pytest.mark.parametrize(
    ("negative", "expected"),
    [
        # DN 0, 3, 5 and 10 with noise 25 and A 5: no-data, -16/25, 0, 75/25.
        (Negative.ZERO, [math.nan, 0, 0, 3]),
        (Negative.KEEP, [math.nan, -0.64, 0, 3]),
        (Negative.NO_DATA, [math.nan, math.nan, 0, 3]),
    ],
)
def test_pixels_below_the_noise_become_what_is_asked(negative, expected):
    calibration = table([Vector(0, np.array([0.0]), np.array([5.0]))], 4)
    noise = Noise(table([Vector(0, np.zeros(1), np.full(1, 25.0))], 4), (), False)
    made = _backscatter(Radiometry(calibration, noise, negative), [0, 3, 5, 10])
    assert made == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("document", "text", "message"),
    [
        ("calibration", "<calibrationVector/>", "line missing"),
        ("calibration", "<x/>", "no vectors"),
        ("calibration", calibration_vector(0, [0, 1], [1]), "2 pixels with 1 values"),
        ("calibration", calibration_vector(0, [0], ["x"]), "could not convert"),
        ("calibration", "<x>", "mismatched tag"),
        ("noise", range_noise(3, [], []), "line 3: 0 pixels with 0 values"),
        (
            "noise",
            range_noise(0, [0], [1]) + azimuth_noise([0, 1], [1]),
            "2 lines with 1 azimuth noises",
        ),
    ],
)
def test_document_that_cannot_be_understood_is_fatal(document, text, message, tmp_path):
    channel = _channel(tmp_path, **{document: text})
    with pytest.raises(StepFatal, match=rf"{document}-s1a.*\.xml: .*{message}"):
        _read(channel)


def _read(channel):
    read_noise(channel, 101, 41)
    read_calibration(channel, "sigma0", 41)


# -- pixels put together, and between pixels


def test_pixels_put_together_are_the_mean_of_what_is_data():
    rows = np.array([[1, 2, np.nan, np.nan, 9], [3, 6, np.nan, 8, 9]], dtype=np.float32)
    out = np.empty(2, dtype=np.float32)
    together(list(rows), out)
    assert out.tolist() == [3, 8]
    together(list(np.full((2, 4), np.nan, dtype=np.float32)), out)
    assert np.isnan(out).all()


PLANE = np.add.outer(np.arange(8) * 10, np.arange(9)).astype(np.float32)


@pytest.mark.parametrize(
    ("method", "expected"),
    # The plane rises by 10 a row and by 1 a column.
    [("nearest", 33), ("bilinear", 36.75), ("cubic", 36.75)],
)
def test_value_between_pixels(method, expected):
    found = sample(PLANE, np.array([3.4]), np.array([2.75]), method)
    assert found[0] == pytest.approx(expected, 1e-6)


@given(
    row=st.floats(-0.5, 7.4),
    column=st.floats(-0.5, 8.4),
    method=st.sampled_from(METHODS),
)
def test_every_place_of_an_even_image_has_its_value(row, column, method):
    even = np.full((8, 9), 3.5, dtype=np.float32)
    found = sample(even, np.array([row]), np.array([column]), method)
    assert found[0] == pytest.approx(3.5, rel=1e-6)


def test_no_data_beside_a_place_does_not_count():
    image = PLANE.copy()
    image[3, 3] = np.nan
    places = np.array([3.25, 3.25]), np.array([2.25, 2.75])
    found = sample(image, *places, "bilinear")
    # Weights 9/16 of 32, 3/16 of 42, 1/16 of 43; 3/16 of no-data.
    assert found[0] == pytest.approx((9 * 32 + 3 * 42 + 43) / 13, rel=1e-6)
    # 9/16 of no-data: too much.
    assert math.isnan(found[1])


# -- where there is data


def _brute(valid, pixels):
    """A 3 x 3 erosion, as often; outside of the image there is nothing."""
    for _ in range(pixels):
        around = np.pad(valid, 1)
        shifts = [
            around[row : row + valid.shape[0], column : column + valid.shape[1]]
            for row in range(3)
            for column in range(3)
        ]
        valid = np.logical_and.reduce(shifts)
    return valid


@given(
    ends=st.lists(
        st.tuples(st.integers(-1, 12), st.integers(-1, 12)), min_size=1, max_size=12
    ),
    pixels=st.integers(0, 4),
)
def test_erosion_of_a_footprint_is_that_of_its_pixels(ends, pixels):
    columns = np.arange(12)
    valid = np.array([(columns >= low) & (columns <= high) for low, high in ends])
    left = Footprint(*footprint_of(valid)).eroded(pixels)
    rows, places = np.indices(valid.shape).astype(float)
    assert np.array_equal(left.holds(rows, places), _brute(valid, pixels))
    assert left.is_empty() == (not _brute(valid, pixels).any())


@given(
    ends=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=9
    ),
    box=st.tuples(*[st.floats(-3, 12)] * 4),
)
def test_bounds_tell_the_truth_about_their_places(ends, box):
    footprint = Footprint(*np.array(ends).T)
    (top, bottom), (left, right) = sorted(box[:2]), sorted(box[2:])
    rows = np.linspace(top, bottom, 30)[:, np.newaxis] + np.zeros(30)
    columns = np.linspace(left, right, 30) + np.zeros((30, 1))
    inside = footprint.holds(rows, columns)
    bounds = (top, bottom, left, right)
    assert footprint.meets(*bounds) or not inside.any()
    assert inside.all() or not footprint.surrounds(*bounds)


def test_holes_are_inside_of_a_footprint():
    valid = np.array([[False, True, False, True, False], [False] * 5])
    footprint = Footprint(*footprint_of(valid))
    rows, columns = np.indices(valid.shape).astype(float)
    assert footprint.holds(rows, columns)[0].tolist() == [0, 1, 1, 1, 0]
    assert not footprint.holds(rows, columns)[1].any()


# -- how values are stored


def _stored(values, *data_format):
    made = as_stored(np.array(values, dtype=np.float32), DataFormat(*data_format))
    assert made.dtype == data_format[0]
    return made.tolist()


def test_values_are_scaled_rounded_clipped_and_kept_off_no_data():
    # The first and the last but one have no data.
    values = [math.nan, 0.1, 0.5, 1, 1.5, -0.2, math.nan, 0.0004]
    expected = [-32768, 100, 500, 1000, 1000, 0, -32768, 0]
    assert _stored(values, "int16", -32768, 0, 1000, 0, 1) == expected


@pytest.mark.parametrize(
    ("data_format", "values", "expected"),
    [
        # Half up.
        (("uint8", 255, 0, 255, 0, 255), [25.5, 127.5, 26.49], [26, 128, 26]),
        # No-data at an end of the range: one step inwards.
        (("uint16", 0, 0, 1000, 0, 1), [0, 0.0004, math.nan], [1, 1, 0]),
        (("uint8", 255, 0, 255, 0, 255), [255, 300], [254, 254]),
        # Floating point is not clipped.
        (("float32", math.nan, 0, 1, 0, 1), [-0.25, 1.5], [-0.25, 1.5]),
        (("float64", -1, 0, 10, 0, 1), [0.5, math.nan], [5, -1]),
    ],
)
def test_stored_values(data_format, values, expected):
    assert _stored(values, *data_format) == expected


def test_valid_zero_stays_apart_from_a_no_data_of_0():
    zero, missing = _stored([0, math.nan], "float32", 0, 0, 1, 0, 1)
    assert missing == 0
    assert 0 < zero < 1e-37
