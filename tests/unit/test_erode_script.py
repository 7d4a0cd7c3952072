# SPDX-License-Identifier: Apache-2.0
"""`erodeMask.py`: the border is taken off what is valid."""

import numpy as np
import pytest
import rasterio
from shapely.geometry import MultiPoint, Point

from agents.worker.graph.library.scripts.erodeMask import erode, footprint, shrunk
from streams.errors import StepFailed, StepFatal
from tests.rasters import read, run_script, write

ROWS, COLUMNS = 90, 120


def eroded(tmp_path, pixels, no_data=0.0, iterations=5):
    """What is valid afterwards, and the tag."""
    file = write(tmp_path / "x.tif", pixels)
    erode(file, file, no_data, iterations)
    found, tag = read(file)
    return found != no_data, tag


def parallelogram():
    """Valid between two slanted lines, as a burst on the ground."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    # With these slopes no centre of a pixel lies on the hull itself.
    inside = (column >= 15 + row // 2) & (column < 90 + row // 4)
    return inside & (row >= 20) & (row < 70)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_n23_no_data_on_one_side_takes_the_border_off_there_alone(side, tmp_path):
    turn = ["right", "top", "left", "bottom"].index(side)
    pixels = np.ones((90, 90), "float32")
    pixels[:, 60:] = 0  # right; turned from there against the clock
    pixels = np.rot90(pixels, turn)
    expected = np.zeros((90, 90), bool)
    expected[:, :55] = True
    valid, tag = eroded(tmp_path, pixels, iterations=5)
    assert np.array_equal(valid, np.rot90(expected, turn))
    assert tag == 0


def test_slanted_footprint_keeps_what_is_far_enough_from_its_border(tmp_path):
    inside = parallelogram()
    valid, _ = eroded(tmp_path, inside.astype("float32"), iterations=4)
    # Slowly, pixel by pixel: valid, and all within 4 steps inside of the hull.
    squares = [
        (column + dx, row + dy)
        for row, column in zip(*np.nonzero(inside), strict=True)
        for dx in (0, 1)
        for dy in (0, 1)
    ]
    hull = MultiPoint(squares).convex_hull
    mask = np.array(
        [
            [hull.contains(Point(column + 0.5, row + 0.5)) for column in range(COLUMNS)]
            for row in range(ROWS)
        ]
    )
    expected = np.zeros_like(inside)
    for row in range(4, ROWS - 4):
        for column in range(4, COLUMNS - 4):
            around = mask[row - 4 : row + 5, column - 4 : column + 5]
            expected[row, column] = inside[row, column] and around.all()
    assert expected.sum() > 1000
    assert np.array_equal(valid, expected)


def test_hole_is_kept_as_it_is(tmp_path):
    pixels = np.zeros((60, 60), "float32")
    pixels[10:50, 10:50] = 1
    pixels[25:28, 30:34] = 0
    valid, _ = eroded(tmp_path, pixels, iterations=5)
    expected = np.zeros((60, 60), bool)
    expected[15:45, 15:45] = True
    expected[25:28, 30:34] = False
    assert np.array_equal(valid, expected)


def test_image_without_no_data_is_unchanged_but_for_the_tag(tmp_path):
    valid, tag = eroded(tmp_path, np.ones((30, 40), "float32"), iterations=10)
    assert valid.all()
    assert tag == 0


def test_no_iterations_set_the_tag_alone(tmp_path):
    inside = parallelogram()
    valid, tag = eroded(tmp_path, inside.astype("float32"), iterations=0)
    assert np.array_equal(valid, inside)
    assert tag == 0


def test_no_data_of_nan_is_understood(tmp_path):
    pixels = np.full((40, 40), np.nan, "float32")
    pixels[10:30, 10:30] = 0.5
    file = write(tmp_path / "x.tif", pixels)
    erode(file, file, np.nan, 3)
    found, tag = read(file)
    assert np.isnan(tag)
    assert (~np.isnan(found)).sum() == 14 * 14


def test_every_band_of_a_raster_is_eroded(tmp_path):
    bands = np.zeros((2, 40, 40), "uint16")
    bands[0, 10:30, 10:30] = 7
    # Valid where any band is.
    bands[1, 10:30, 10:32] = 9
    source = write(tmp_path / "x.tif", bands)
    target = tmp_path / "y.tif"
    erode(source, target, 0, 2)
    with rasterio.open(target) as raster:
        found = raster.read()
    assert ((found[0] > 0).sum(), (found[1] > 0).sum()) == (16 * 18, 16 * 18)
    assert set(np.unique(found)) == {0, 7, 9}


def test_raster_of_one_valid_pixel_has_a_footprint_of_one_pixel():
    valid = np.zeros((5, 6), bool)
    valid[2, 3] = True
    assert np.array_equal(footprint(valid), valid)
    assert not shrunk(valid, 1).any()


@pytest.mark.parametrize("iterations", [0, 3])
def test_nothing_left_is_fatal(iterations, tmp_path):
    write(tmp_path / "x.tif", np.zeros((20, 20), "float32"))
    with pytest.raises(StepFatal, match=r"FATAL ERROR: x\.tif empty"):
        run_script("erodeMask.py", tmp_path, file_in="x.tif", iterations=iterations)


def test_small_footprint_is_eroded_away(tmp_path):
    pixels = np.zeros((20, 20), "float32")
    pixels[8:12, 8:12] = 1
    with pytest.raises(StepFatal, match="empty"):
        eroded(tmp_path, pixels, iterations=2)


def test_script_works_in_place_with_defaults(tmp_path):
    pixels = np.zeros((40, 40), "float32")
    pixels[10:30, 10:30] = 1
    file = write(tmp_path / "x.tif", pixels)
    run_script("erodeMask.py", tmp_path, file_in="x.tif", iterations=3)
    assert (read(file)[0] > 0).sum() == 14 * 14
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]


def test_negative_iterations_are_refused(tmp_path):
    write(tmp_path / "x.tif", np.ones((20, 20), "float32"))
    with pytest.raises(StepFailed, match="ERROR: -1 iterations, expected 0 or more"):
        run_script("erodeMask.py", tmp_path, file_in="x.tif", iterations=-1)
