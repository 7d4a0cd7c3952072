# SPDX-License-Identifier: Apache-2.0
"""The native step that makes backscatter of Sentinel-1 GRD products, and its graphs."""

import logging
import math
import resource
import shutil
import threading
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import GCPTransformer
from rasterio.warp import transform
from rasterio.windows import Window
from rio_cogeo import cog_validate

from agents.worker.graph.dformat import with_text
from agents.worker.graph.engine import Call
from agents.worker.graph.engines.native import NativeEngine
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import FileOf, Fixed, FromConfig
from agents.worker.graph.native import grd
from agents.worker.graph.native.geolocation import (
    STEP,
    Map,
    crs_of,
    lattice_of,
    map_of,
)
from agents.worker.graph.native.sentinel1 import find_channels, read_annotation
from agents.worker.graph.steps.sentinel1 import s1_grd_backscatter
from streams.errors import StepFailed, StepFatal
from tests.sentinel1 import (
    SPACING_M,
    azimuth_noise,
    calibration_vector,
    early_noise,
    in_image,
    make_product,
    on_map,
    range_noise,
    write_measurement,
)

DATA = Path("../shared/data/sentinel1")


def _speckle(lines=150, pixels=200):
    image = np.random.default_rng(1).integers(50, 400, (lines, pixels))
    return image.astype(np.uint16)


def _run(product, **arguments):
    """Layer → file."""
    work = product.parent
    asked = {
        "product": product.name,
        "out": "day_tile_*.tif",
        "resolution": "10",
        **arguments,
    }
    s1_grd_backscatter(work, asked)
    return {
        file.stem.removeprefix("day_tile_"): file
        for file in sorted(work.glob("day_tile_*.tif"))
    }


def _pixels(file):
    with rasterio.open(file) as raster:
        return raster.read(1)


def _value(file, line, pixel):
    """Of the layer, where a pixel of the image is."""
    with rasterio.open(file) as raster:
        return raster.read(1)[raster.index(*on_map(line, pixel))]


def _seen(file):
    """Each pixel of a layer: its value, and the line and pixel of the image there."""
    with rasterio.open(file) as raster:
        rows, columns = np.indices(raster.shape)
        x, y = raster.transform @ (columns.ravel() + 0.5, rows.ravel() + 0.5)
        line, pixel = in_image(x, y)
        shape = raster.shape
        return raster.read(1), line.reshape(shape), pixel.reshape(shape)


def _weighted(image, line, pixel):
    """Bilinear, one place, in plain Python."""
    top, left = math.floor(line), math.floor(pixel)
    down, right = line - top, pixel - left
    return sum(
        (down if n else 1 - down)
        * (right if m else 1 - right)
        * image[top + n, left + m]
        for n in (0, 1)
        for m in (0, 1)
    )


# -- layers


@pytest.mark.parametrize("name", ["S1GrdSigma0", "S1GrdSigma0Db"])
def test_graph_makes_a_cog_of_each_polarisation_as_it_declares(name, tmp_path):
    graph = load_graph(name)
    declared = {out.layer: out for out in graph.out_files[0]}
    product = make_product(tmp_path, {"VV": _speckle(), "VH": _speckle()})
    config = graph.config | {"bs_erode_iterations": "1"}
    found = _run(product, **_arguments(graph, config))
    assert sorted(found) == ["sigma0_VH", "sigma0_VV"]
    for layer, file in found.items():
        data_format = with_text(declared[layer].data_format, config["dformat_out"])
        assert cog_validate(file, strict=True)[:2] == (True, [])
        with rasterio.open(file) as raster:
            assert raster.dtypes == (data_format.dtype,)
            assert math.isnan(raster.nodata)
            assert math.isnan(data_format.no_data)
            assert (raster.crs, raster.res) == ("EPSG:32632", (20, 20))
            assert raster.bounds.left % 20 == raster.bounds.top % 20 == 0


def _arguments(graph, config):
    """Arguments of the graph's step but its files."""
    (step,) = graph.steps
    given = {}
    for name, argument in step.arguments.items():
        match argument:
            case Fixed(value):
                given[name] = value
            case FromConfig(key):
                given[name] = config[key]
            case _:
                assert isinstance(argument, FileOf)
    return given


@pytest.mark.parametrize("name", ["S1GrdSigma0", "S1GrdSigma0Db"])
def test_graph_stores_values_in_the_range_that_it_declares(name):
    graph = load_graph(name)
    low, high = map(float, graph.steps[0].arguments["ext"].value.split(","))
    for out in graph.out_files[0]:
        assert out.data_format.ext_min_value == low
        assert out.data_format.ext_max_value == high


@pytest.mark.parametrize(
    ("quantity", "expected"), [("sigma0", 1), ("beta0", 0.25), ("gamma0", 4)]
)
def test_layer_is_named_by_its_quantity(quantity, expected, tmp_path):
    # DN 100 over A 100, 200 and 50.
    product = make_product(tmp_path, {"HH": np.full((60, 80), 100, np.uint16)})
    ((layer, file),) = _run(product, quantity=quantity).items()
    assert layer == f"{quantity}_HH"
    assert _value(file, 30, 40) == pytest.approx(expected, rel=1e-6)


def test_wanted_polarisations_alone_are_made(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle(), "VH": _speckle()})
    assert list(_run(product, polarisations="VH")) == ["sigma0_VH"]
    with pytest.raises(StepFatal, match=r"polarisations HH missing, .* has VH, VV"):
        _run(product, polarisations="VV, HH")


def test_same_product_gives_the_same_bytes(tmp_path):
    (first,) = _run(make_product(tmp_path / "one", {"VV": _speckle()})).values()
    (second,) = _run(make_product(tmp_path / "two", {"VV": _speckle()})).values()
    assert first.read_bytes() == second.read_bytes()


# -- values


NOISE = range_noise(0, [0, 199], [100, 2000]) + range_noise(149, [0, 199], [500, 900])
SWATHS = azimuth_noise([0, 149], [0.5, 1.5], (0, 149, 0, 99)) + azimuth_noise(
    [0], [1.2], (0, 149, 100, 199)
)
CALIBRATION = calibration_vector(-10, [0, 199], [100, 200]) + calibration_vector(
    160, [0, 199], [300, 250]
)


def _plain(image):
    """Backscatter with these documents, in 64 bits and one expression after another."""
    line, pixel = np.indices(image.shape).astype(float)
    across, down = pixel / 199, line / 149
    by_range = (100 + 1900 * across) * (1 - down) + (500 + 400 * across) * down
    eta = by_range * np.where(pixel < 100, 0.5 + down, 1.2)
    below = (line + 10) / 170
    a = (100 + 100 * across) * (1 - below) + (300 - 50 * across) * below
    return np.maximum(image.astype(float) ** 2 - eta, 0) / a**2


def test_values_are_those_of_a_plain_computation(tmp_path):
    image = _speckle()
    expected = _plain(image)
    product = make_product(
        tmp_path, {"VV": image}, calibration=CALIBRATION, noise=NOISE + SWATHS
    )
    found, line, pixel = _seen(_run(product, border="0")["sigma0_VV"])
    inside = (line > 0.1) & (line < 148.9) & (pixel > 0.1) & (pixel < 198.9)
    assert np.isnan(found[(line < -0.6) | (pixel < -0.6)]).all()
    assert np.isnan(found[(line > 149.6) | (pixel > 199.6)]).all()
    for row, column in np.argwhere(inside)[::97]:
        wanted = _weighted(expected, line[row, column], pixel[row, column])
        assert found[row, column] == pytest.approx(wanted, rel=2e-3, abs=1e-4)


def test_coarser_pixels_are_the_mean_of_finer_ones(tmp_path):
    image = _speckle()
    means = _plain(image).reshape(75, 2, 100, 2).mean(axis=(1, 3))
    product = make_product(
        tmp_path, {"VV": image}, calibration=CALIBRATION, noise=NOISE + SWATHS
    )
    found, line, pixel = _seen(_run(product, resolution="20")["sigma0_VV"])
    inside = (line > 1) & (line < 148) & (pixel > 1) & (pixel < 198)
    for row, column in np.argwhere(inside)[::41]:
        # The middle of the first mean is between the first two pixels.
        place = (line[row, column] - 0.5) / 2, (pixel[row, column] - 0.5) / 2
        wanted = _weighted(means, *place)
        assert found[row, column] == pytest.approx(wanted, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("image", "expected"), [(100, 0), (1000, 20), (1, -40), (0, None)]
)
def test_decibels(image, expected, tmp_path):
    pixels = np.full((60, 80), 100, np.uint16)
    pixels[25:36, 35:46] = image
    product = make_product(tmp_path, {"VV": pixels})
    asked = {"unit": "db", "dformat": "float32,nan,-50,50", "ext": "-50,50"}
    found = _value(_run(product, **asked)["sigma0_VV"], 30, 40)
    if expected is None:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-4)


def test_nothing_is_so_dark_that_it_has_no_decibels(tmp_path):
    pixels = np.full((60, 80), 100, np.uint16)
    product = make_product(
        tmp_path, {"VV": pixels}, noise=range_noise(0, [0], [20_000])
    )
    asked = {"unit": "db", "dformat": "float32,nan,-50,50", "ext": "-50,50"}
    assert _value(_run(product, **asked)["sigma0_VV"], 30, 40) == pytest.approx(-50)


def test_values_are_stored_as_asked(tmp_path):
    pixels = np.full((60, 80), 50, np.uint16)  # 0.25
    product = make_product(tmp_path, {"VV": pixels})
    file = _run(product, dformat="int16,-32768,0,1000")["sigma0_VV"]
    with rasterio.open(file) as raster:
        assert (raster.dtypes, raster.nodata) == (("int16",), -32768)
        assert set(np.unique(raster.read(1))) == {-32768, 250}


def test_dark_pixel_amid_data_is_no_data_alone(tmp_path):
    pixels = np.full((60, 80), 100, np.uint16)
    pixels[30, 40] = 0
    product = make_product(tmp_path, {"VV": pixels})
    file = _run(product, resampling="nearest")["sigma0_VV"]
    whole = _run(
        make_product(tmp_path / "whole", {"VV": np.full((60, 80), 100, np.uint16)}),
        resampling="nearest",
    )["sigma0_VV"]
    missing = np.isnan(_pixels(file)) & ~np.isnan(_pixels(whole))
    assert missing.sum() in (1, 2)
    assert math.isnan(_value(file, 30, 40))


# -- noise


NEW, EARLY = range_noise(0, [0], [2500]), early_noise(0, [0], [2500])


@pytest.mark.parametrize(
    ("noise", "is_denoised", "asked", "expected", "said"),
    [
        # DN 100, noise 2500, A 100.
        (NEW, False, "", 0.75, ""),
        (NEW, False, "remove", 0.75, ""),
        (NEW, False, "keep", 1, ""),
        (NEW, True, "", 1, "processor removed the noise"),
        (NEW, True, "remove", 1, "processor removed the noise"),
        (EARLY, False, "", 1, "noise kept, its scale is not sure before IPF 2.90"),
        (EARLY, False, "remove", 0.75, ""),
    ],
)
def test_noise_is_removed_once_and_where_its_scale_is_sure(
    noise, is_denoised, asked, expected, said, caplog, tmp_path
):
    image = np.full((60, 80), 100, np.uint16)
    product = make_product(
        tmp_path, {"VV": image}, noise=noise, is_denoised=is_denoised
    )
    with caplog.at_level(logging.WARNING):
        file = _run(product, noise=asked, border="0")["sigma0_VV"]
    assert _value(file, 30, 40) == pytest.approx(expected, rel=1e-6)
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


# -- edges


def _columns(file, line=30):
    """First and last pixel of a line that are in the layer."""
    found, lines, pixels = _seen(file)
    there = ~np.isnan(found) & (abs(lines - line) < 0.5)
    return pixels[there].min(), pixels[there].max()


@pytest.mark.parametrize(
    ("noise", "border", "cut"),
    [(NEW, "auto", 0), (NEW, "100", 100), (EARLY, "auto", 500), (EARLY, "0", 0)],
)
def test_ends_of_lines_are_cut_where_they_may_be_noise(noise, border, cut, tmp_path):
    image = np.full((60, 1300), 100, np.uint16)
    image[:, :20] = 0
    product = make_product(tmp_path, {"VV": image}, noise=noise)
    first, last = _columns(_run(product, border=border)["sigma0_VV"])
    assert first == pytest.approx(20 + cut - 0.5, abs=1)
    assert last == pytest.approx(1299 - cut + 0.5, abs=1)


def test_edges_are_eroded_on_all_sides_and_holes_are_not(tmp_path):
    image = np.full((80, 120), 100, np.uint16)
    image[:, :20] = 0
    image[38:42, 58:62] = 0
    product = make_product(tmp_path, {"VV": image})
    found, line, pixel = _seen(_run(product, erode="7")["sigma0_VV"])
    there = ~np.isnan(found)
    for places, low, high in ((line, 7, 72), (pixel, 27, 112)):
        assert places[there].min() == pytest.approx(low - 0.5, abs=1)
        assert places[there].max() == pytest.approx(high + 0.5, abs=1)
    hole = (abs(line - 39.5) < 6) & (abs(pixel - 59.5) < 6) & ~there
    assert 1 <= hole.sum() <= 16


def test_layer_without_data_is_fatal(tmp_path):
    product = make_product(tmp_path, {"VV": np.zeros((60, 80), np.uint16)})
    with pytest.raises(StepFatal, match=r"layer 'day_tile_sigma0_VV\.tif' empty"):
        _run(product)
    eroded = make_product(tmp_path / "eroded", {"VV": _speckle(60, 80)})
    with pytest.raises(StepFatal, match="empty"):
        _run(eroded, erode="30")
    assert not list(tmp_path.rglob("day_tile_*"))


# -- where things land


@pytest.mark.parametrize("projection", ["", "EPSG:4326", "EPSG:3035"])
def test_known_points_land_where_the_grid_says(projection, tmp_path):
    image = np.full((150, 200), 100, np.uint16)
    known = [(30, 50), (75, 100), (120, 180)]
    for line, pixel in known:
        image[line, pixel] = 60_000
    product = make_product(tmp_path, {"VV": image})
    asked = {"projection": projection, "resolution": "5", "resampling": "nearest"}
    with rasterio.open(_run(product, **asked)["sigma0_VV"]) as raster:
        pixels = raster.read(1)
        assert np.nanmax(pixels) == pytest.approx(360_000, rel=1e-6)
        for line, pixel in known:
            x, y = on_map(line, pixel)
            (x,), (y,) = transform("EPSG:32632", raster.crs, [x], [y])
            assert pixels[raster.index(x, y)] == pytest.approx(360_000, rel=1e-6)


def test_degrees_of_a_resolution_are_those_of_the_equator(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    file = _run(product, projection="EPSG:4326", resolution="20")["sigma0_VV"]
    with rasterio.open(file) as raster:
        # 20 m on a circle of 6378137 m, aligned.
        assert raster.res == pytest.approx((1.79663057e-4, 1.79663057e-4), rel=1e-8)
        west = raster.bounds.left / raster.res[0]
        assert west == pytest.approx(round(west), abs=1e-6)


def _grid(lon, lat):
    """Four points around a place."""
    lon = (np.array([-0.1, 0.1, -0.1, 0.1]) + lon + 180) % 360 - 180
    lat = np.array([-0.1, -0.1, 0.1, 0.1]) + lat
    return np.column_stack(([0, 0, 9, 9], [0, 9, 0, 9], lon, lat)).astype(float)


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        *[(9, 45, 32632), (-60, -3, 32721), (-179.95, 10, 32601), (179.95, 10, 32660)],
        *[(20, 85, 32661), (20, -81, 32761)],
    ],
)
def test_default_projection_is_the_zone_of_the_middle(lon, lat, epsg):
    assert crs_of("", _grid(lon, lat)).to_epsg() == epsg


@pytest.mark.parametrize("projection", ["", "EPSG:4326"])
def test_scene_on_the_antimeridian_is_in_one_piece(projection):
    grid = _grid(179.95, 10)
    onto = map_of(grid, crs_of(projection, grid), 1000)
    # Some 22 km of 1000 m.
    assert (onto.width, onto.height) == pytest.approx((24, 24), abs=3)


def _real():
    products = list(DATA.glob("*_GRDH_*.SAFE"))
    if not products:
        pytest.skip(f"no real products: {DATA} is not there")
    return products[0]


@pytest.mark.parametrize("projection", ["EPSG:32631", "EPSG:4326"])
def test_points_of_a_real_grid_are_at_their_lines_and_pixels(projection):
    grid = read_annotation(find_channels(_real())["VV"]).grid
    assert grid.shape == (210, 4)
    crs = crs_of(projection, grid)
    x, y = transform("EPSG:4326", crs, grid[:, 2], grid[:, 3])
    for (line, pixel, *_), east, north in zip(grid, x, y, strict=True):
        scale = 10.0 if crs.is_projected else 1e-4
        # A map whose first pixel has the point in its middle.
        onto = Map(crs, scale, east / scale - 0.5, north / scale + 0.5, 1, 1)
        rows, columns = lattice_of(grid, onto, 1).block(0, 0, 1, 1).places()
        assert (rows[0, 0], columns[0, 0]) == pytest.approx((line, pixel), abs=1e-3)


def test_places_between_the_lattice_of_a_real_grid_are_as_good_as_exact():
    grid = read_annotation(find_channels(_real())["VV"]).grid
    onto = map_of(grid, crs_of("", grid), 10)
    lattice = lattice_of(grid, onto, 1)
    x, y = transform("EPSG:4326", onto.crs, grid[:, 2], grid[:, 3])
    points = [
        GroundControlPoint(line, pixel, east, north)
        for (line, pixel, *_), east, north in zip(grid, x, y, strict=True)
    ]
    with GCPTransformer(points, tps=True) as splines:
        for top in range(0, onto.height, STEP * 60):
            for left in range(0, onto.width, STEP * 60):
                rows, columns = lattice.block(top, left, STEP, STEP).places()
                middle = STEP // 2
                place = onto.transform @ (left + middle + 0.5, top + middle + 0.5)
                line, pixel = splines.rowcol(*place, op=float)
                assert rows[middle, middle] == pytest.approx(line, abs=0.03)
                assert columns[middle, middle] == pytest.approx(pixel, abs=0.03)


# -- the same however it is done


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
def test_result_depends_neither_on_threads_nor_on_blocks(
    resampling, tmp_path, monkeypatch
):
    image = _speckle(600, 700)
    image[:, :33] = 0
    image[200:210, 300:340] = 0
    asked = {"resampling": resampling, "resolution": "15", "erode": "3"}
    made = []
    for number, (block, lines, threads) in enumerate(
        [(512, 256, 1), (128, 256, 1), (64, 8, 3), (1024, 32, 2)]
    ):
        monkeypatch.setattr(grd, "BLOCK", block)
        monkeypatch.setattr(grd, "_LINES", lines)
        sizes = {"blockxsize": block, "blockysize": block}
        monkeypatch.setattr(grd, "_PLAIN", grd._PLAIN | sizes)
        product = make_product(
            tmp_path / str(number), {"VV": image}, noise=range_noise(0, [0], [9000])
        )
        made.append(_pixels(_run(product, threads=str(threads), **asked)["sigma0_VV"]))
    assert not np.isnan(made[0]).all()
    for other in made[1:]:
        assert np.array_equal(made[0], other, equal_nan=True)


# -- a real annotation


def test_real_annotation_gives_the_values_of_a_plain_computation(tmp_path):
    """Through the engine, on images that hold data at some places alone."""
    real = _real()
    product = tmp_path / real.name
    shutil.copytree(real, product)
    channels = find_channels(product)
    size = read_annotation(channels["VV"])
    # Also across sub-swaths, and amid the vectors.
    known = {(5000, 4000): 150, (8338, 8762): 1000, (12000, 25000): 90}
    for channel in channels.values():
        _write_real(channel.measurement, size, known)
    arguments = {
        "product": real.name,
        "out": "*.tif",
        "projection": "EPSG:32631",
        "resampling": "nearest",
        # A map of the whole scene in full resolution takes a minute to be written.
        "resolution": "100",
    }
    NativeEngine().run(_call(tmp_path, arguments))
    for polarisation, channel in channels.items():
        with rasterio.open(tmp_path / f"sigma0_{polarisation}.tif") as raster:
            pixels = raster.read(1)
            assert np.isnan(pixels).mean() > 0.99
            for (line, pixel), number in known.items():
                expected = np.mean(
                    [
                        [
                            _from_documents(channel, number, at, by)
                            for by in (pixel // 10 * 10 + 2, pixel // 10 * 10 + 7)
                        ]
                        for at in (line // 10 * 10 + 2, line // 10 * 10 + 7)
                    ]
                )
                x, y = _on_real_map(size.grid, line, pixel)
                found = pixels[raster.index(x, y)]
                assert found == pytest.approx(expected, rel=0.02)


def _call(workdir, arguments):
    return Call(
        command="s1_grd_backscatter",
        arguments=arguments,
        config={},
        workdir=workdir,
        environment={},
        timeout_s=300,
        cancelled=threading.Event(),
        log=lambda level, line: None,
        memory_mb=1500,
    )


def _write_real(path, size, known):
    """Even patches around known places; the rest, no-data, takes no room."""
    options = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True}
    path.unlink()
    write_measurement(path, np.zeros((1, 1), np.uint16))
    with rasterio.open(path) as small:
        profile = small.profile | options
    profile |= {"width": size.pixels, "height": size.lines}
    profile["gcps"] = [GroundControlPoint(0.5, 0.5, 2.0, 44.5, 0.0)]
    profile["crs"] = "EPSG:4326"
    profile.pop("transform")
    with rasterio.open(path, "w", **profile) as raster:
        for (line, pixel), number in known.items():
            patch = np.full((60, 60), number, np.uint16)
            raster.write(patch, 1, window=Window(pixel - 30, line - 30, 60, 60))


def _from_documents(channel, number, line, pixel):
    """Sigma0 of one pixel, from the text of the documents."""
    noise = ElementTree.parse(channel.noise).getroot()
    calibration = ElementTree.parse(channel.calibration).getroot()
    a = _bilinear(calibration.iter("calibrationVector"), "sigmaNought", line, pixel)
    eta = _bilinear(noise.iter("noiseRangeVector"), "noiseRangeLut", line, pixel)
    for block in noise.iter("noiseAzimuthVector"):
        first = int(block.findtext("firstRangeSample"))
        if first <= pixel <= int(block.findtext("lastRangeSample")):
            at, factors = _numbers(block, "line"), _numbers(block, "noiseAzimuthLut")
            eta *= np.interp(line, at, factors)
    return max(number**2 - eta, 0) / a**2


def _bilinear(vectors, tag, line, pixel):
    known = {
        int(vector.findtext("line")): np.interp(
            pixel, _numbers(vector, "pixel"), _numbers(vector, tag)
        )
        for vector in vectors
    }
    return np.interp(line, sorted(known), [known[at] for at in sorted(known)])


def _numbers(item, tag):
    return [float(word) for word in item.findtext(tag).split()]


def _on_real_map(grid, line, pixel):
    """Where the splines of GDAL put a pixel, the other way round."""
    x, y = transform("EPSG:4326", "EPSG:32631", grid[:, 2], grid[:, 3])
    points = [
        GroundControlPoint(at, by, east, north)
        for (at, by, *_), east, north in zip(grid, x, y, strict=True)
    ]
    with GCPTransformer(points, tps=True) as splines:
        return splines.xy(line, pixel, offset="ul")


# -- what can be wrong


def test_product_in_a_folder_of_its_own_is_found(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    inner = tmp_path / "scene" / f"{product.name}.SAFE"
    inner.parent.mkdir()
    product.rename(inner)
    assert list(_run(inner.parent)) == ["sigma0_VV"]


def test_product_of_cogs_is_read(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    for file in [*product.rglob("*.xml"), *product.rglob("*.tiff")]:
        file.rename(file.with_stem(f"{file.stem}-cog"))
    assert list(_run(product)) == ["sigma0_VV"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("annotation/s1a*.xml", "annotation missing, expected annotation/"),
        ("measurement/*", r"measurement/s1a-iw-grd-vv-.*-001\.tiff missing"),
        ("annotation/calibration/cal*", r"calibration/calibration-s1a.*\.xml missing"),
        ("annotation/calibration/noise*", r"calibration/noise-s1a.*\.xml missing"),
    ],
)
def test_missing_file_is_fatal_and_named(pattern, message, tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    (file,) = product.glob(pattern)
    file.unlink()
    with pytest.raises(StepFatal, match=f"product '{product.name}': .*{message}"):
        _run(product)


def test_product_that_is_no_grd_is_fatal(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()}, kind="SLC")
    with pytest.raises(StepFatal, match="product type SLC, expected GRD"):
        _run(product)


def test_several_images_of_a_polarisation_are_fatal(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    (file,) = product.glob("annotation/*.xml")
    shutil.copy(file, file.with_stem("s1a-iw2-grd-vv"))
    with pytest.raises(StepFatal, match="several images of VV"):
        _run(product)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-9], "no element found|unclosed"),
        (lambda text: text.replace("numberOfLines", "x"), "numberOfLines missing"),
        (lambda text: text.replace("geolocationGridPoint>", "x>"), "0 grid points"),
        (lambda text: text.replace(">150<", ">151<"), "150 x 200 .*expected 151 x 200"),
    ],
)
def test_annotation_that_does_not_fit_is_fatal(change, message, tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    (file,) = product.glob("annotation/*.xml")
    file.write_text(change(file.read_text()))
    with pytest.raises(StepFatal, match=message):
        _run(product)


def test_image_that_is_cut_off_is_fatal_and_named(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    (image,) = product.glob("measurement/*")
    image.write_bytes(image.read_bytes()[:30_000])
    with pytest.raises(StepFatal, match=r"product '.*': s1a-iw-grd-vv-.*\.tiff: "):
        _run(product)


def test_layer_that_cannot_be_written_is_not_the_products_fault(tmp_path):
    product = make_product(tmp_path, {"VV": _speckle()})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(StepFailed, match=r"layer 'day_tile_sigma0_VV\.tif': "):
            _run(product)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("day_tile_*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantity": "dn"}, "quantity 'dn', expected one of sigma0, beta0, gamma0"),
        ({"noise": "yes"}, "noise 'yes', expected one of auto, remove, keep"),
        ({"negative": "x"}, "negative 'x', expected one of zero, keep, nodata"),
        ({"resampling": "sinc"}, "resampling 'sinc', expected one of nearest, "),
        ({"unit": "dB"}, "unit 'dB', expected one of linear, db"),
        ({"border": "wide"}, "border 'wide' is no number"),
        ({"erode": "-1"}, "erode -1, expected at least 0"),
        ({"resolution": "0"}, r"resolution 0, expected at least 0\.001"),
        ({"resolution": "410"}, "resolution 410: less than a pixel"),
        ({"threads": "nan"}, "threads 'nan', expected a number above 0"),
        ({"projection": "UTM"}, "projection 'UTM': "),
        ({"dformat": "int16,0"}, "dformat 'int16,0', expected dtype,nodata,min,max"),
        ({"dformat": "uint8,-1,0,9"}, "no-data -1 does not fit in uint8"),
        ({"dformat": "complex64,0,0,1"}, "backscatter is not complex"),
        ({"ext": "0"}, "ext '0', expected min,max"),
        ({"ext": "1,0"}, r"external min 1\.0 is not below max"),
    ],
)
def test_wrong_arguments_are_fatal(arguments, message, tmp_path):
    product = make_product(tmp_path, {"VV": _speckle(40, 50)})
    with pytest.raises(StepFatal, match=message):
        _run(product, **arguments)


def test_geometry_of_the_made_up_product_is_its_own_inverse():
    line, pixel = in_image(*on_map(12, 34))
    assert (line, pixel) == pytest.approx((12, 34))
    assert math.dist(on_map(0, 0), on_map(0, 1)) == pytest.approx(SPACING_M)
