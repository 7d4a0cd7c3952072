# SPDX-License-Identifier: Apache-2.0
"""Graphs of the library carried out, from product to layers; SNAP is a stand-in."""

from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from msgspec.structs import replace
from rasterio.io import MemoryFile

from agents import plugins
from agents.downloader.download import Downloading
from agents.processor.process import Processing
from agents.worker.graph.engines import snap
from streams.errors import StepFailed
from streams.model import Action, Part, Scene, Tile
from streams.orders import DownloadOrder, ProcessOrder, Source
from tests import dimap, gpt, sentinel2
from tests.trades import (
    AREA,
    NOW,
    Index,
    Provider,
    carried_out,
    equipment,
    ordered,
    some_settings,
    stored,
)

BURST = Part("A44_IW1_8951", "IW1", 4)

S1 = {"scene_graph": "S1Preprocessing", "tile_graph": "S1BackscatterCoherence"}

DATES = {name: NOW + timedelta(days=12 * n) for n, name in enumerate("ABC")}
"""1, 13 and 25 January 2024."""


@contextmanager
def workers_in(folder):
    """Makes a downloader of some files; and a processor. SNAP is the stand-in."""
    program = gpt.program(folder / "gpt")

    @cache
    def engine(name):
        if name == "snap":
            return snap.make({"gpt": str(program)})
        return plugins.make("engine", name)

    parts = {**equipment(folder), "engines": engine}
    index = Index()

    def make(files):
        downloader = Downloading(**parts, providers={"p": Provider(files)})
        return downloader, Processing(**parts, indexers={"i": index})

    make.index = index
    yield make
    parts["workshop"].close()


@pytest.fixture
def workers(tmp_path):
    """As `workers_in`, in a folder of the test's own."""
    with workers_in(tmp_path) as make:
        yield make


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def downloaded(worker, scene, settings):
    """The tile of a scene with the layers that the download left."""
    order = DownloadOrder(AREA, f"{AREA}/{scene.name}", 1, "i", settings, scene)
    (delivery,) = carried_out(worker, ordered(order)).message.deliveries
    part = scene.parts[0]
    tile = Tile(part.tile, scene.name, scene.date, "", part.swath, part.number)
    return Source(tile, scene, delivery.layers)


def processed(worker, settings, *sources):
    """The layers that processing left, by name."""
    tile = sources[0].tile
    task = f"{AREA}/{tile.scene}/{tile.name}"
    order = ProcessOrder(AREA, task, 1, "i", settings, *sources)
    return carried_out(worker, ordered(order)).message.layers


def pixels(folder, layer):
    """The raster of a layer, and from what it was made."""
    content = stored(folder)[layer.uri.removeprefix(f"file://{folder}/store/")]
    with MemoryFile(content) as file, file.open() as raster:
        return raster.read(), raster.nodata, raster.tags().get("ORIGIN", "")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Three scenes of a burst, downloaded; what processing them left; the folder."""
    folder = tmp_path_factory.mktemp("series")
    settings = some_settings(**S1)
    made = {}
    with workers_in(folder) as workers:
        for name, date in DATES.items():
            downloader, processor = workers({f"{name}.SAFE/manifest.safe": b"<xfdu/>"})
            scene = Scene(name, "sentinel1", date, parts=(BURST,))
            made[name] = downloaded(downloader, scene, settings)
        a, b, c = made.values()
        left = {"A": processed(processor, settings, a)}
        left["B"] = processed(processor, settings, b, a, a)
        b = replace(b, layers=(*b.layers, *left["B"]))
        left["C"] = processed(processor, settings, c, b, a)
    return made, left, folder


def test_burst_is_cut_out_of_each_product(series):
    made, *_ = series
    for name, source in made.items():
        (layer,) = source.layers
        assert (layer.name, layer.extension) == ("preprocessed", "dim")
        day = f"{DATES[name]:%Y%m%d}"
        assert layer.uri.endswith(f"/{day}_A44_IW1_8951_preprocessed.zip")


def test_layers_of_a_series_are_those_that_its_dates_allow(series):
    _, left, _ = series
    sigma0 = [("sigma0_VV", "tif", Action.INDEX), ("sigma0_VH", "tif", Action.INDEX)]
    coherence = [("coh_VV", "tif", Action.INDEX), ("coh_VH", "tif", Action.INDEX)]
    extract = [("coregextract", "dim", Action.CREATE)]
    expected = {
        "A": sigma0,
        "B": [*sigma0, *coherence, *extract],
        "C": [*sigma0, *coherence, *extract],
    }
    found = {
        name: [
            (layer.name, layer.extension, layer.action)
            for layer in layers
            if layer.extension in ("tif", "dim")
        ]
        for name, layers in left.items()
    }
    assert found == expected


def test_each_layer_of_a_series_is_made_from_the_right_dates(series):
    _, left, folder = series
    burst = "Calibration(Apply-Orbit-File(TOPSAR-Split({}.SAFE)))".format
    first = f"20240101_A44_IW1_8951_preprocessed={burst('A')}"
    stack = {
        name: f"Back-Geocoding({first}, {day}_A44_IW1_8951_preprocessed={burst(name)})"
        for name, day in (("A", "20240101"), ("B", "20240113"), ("C", "20240125"))
    }
    extract = {
        name: f"{day}_A44_IW1_8951_coregextract="
        f"BandSelect({day}_A44_IW1_8951_coregistred={stack[name]})"
        for name, day in (("B", "20240113"), ("C", "20240125"))
    }
    # The second date is compared with the first, the third with the second.
    pair = {"B": stack["B"], "C": f"Back-Geocoding({extract['C']}, {extract['B']})"}
    for name, layers in left.items():
        by_name = {layer.name: layer for layer in layers}
        *_, origin = pixels(folder, by_name["sigma0_VV"])
        assert f"_coregistred={stack[name]})" in origin
        if name in pair:
            *_, origin = pixels(folder, by_name["coh_VH"])
            assert f"Coherence({DATES[name]:%Y%m%d}_A44_IW1_8951_coregistred=" in origin
            assert f"coregistred={pair[name]})" in origin


def test_layers_of_a_series_are_eroded_and_converted(series):
    _, left, folder = series
    valid = gpt.inside()
    for layer in left["C"][:4]:
        bands, no_data, _ = pixels(folder, layer)
        assert (bands.dtype, no_data) == ("float32", 0)
        assert set(np.unique(bands)) == {0, np.float32(gpt.VALUE)}
        kept = bands[0] > 0
        assert kept[valid].sum() == kept.sum()
        # Straight sides lose 10 pixels, slanted ones at least as many.
        rows = np.flatnonzero(kept.any(axis=1))
        assert (rows[0], rows[-1]) == (30, 89)
        assert np.flatnonzero(kept.any(axis=0))[-1] == 119
        assert (np.argmax(kept, axis=1) >= np.argmax(valid, axis=1) + 10)[rows].all()


def test_first_tile_of_a_series_extracts_nothing(workers):
    settings = some_settings(scene_graph="S1Preprocessing", tile_graph="S1CoregExtract")
    downloader, processor = workers({"A.SAFE/manifest.safe": b"<xfdu/>"})
    scene = Scene("A", "sentinel1", DATES["A"], parts=(BURST,))
    first = downloaded(downloader, scene, settings)
    assert processed(processor, settings, first) == ()


@pytest.mark.parametrize(
    ("prefix", "volume"), [("Phr", "VOL_PHR.XML"), ("Spot", "SPOT_VOL.XML")]
)
def test_images_of_pleiades_and_spot_are_indexed_for_the_tile_itself(
    prefix, volume, workers, tmp_path
):
    product = dimap.make_product(tmp_path / "product", volume, {"P": 1, "MS": 4})
    settings = some_settings(
        scene_graph=f"{prefix}PreProcessing", tile_graph=f"{prefix}Processing"
    )
    downloader, processor = workers(files_of(product))
    one, other = (
        downloaded(downloader, Scene(name, "phr", date, parts=(Part(name),)), settings)
        for name, date in (("X", DATES["A"]), ("Y", DATES["B"]))
    )
    layers = processed(processor, settings, other, one, one)
    for kind, layer, size in zip(("MS", "P"), layers, (32, 64), strict=False):
        assert (layer.name, layer.action) == (kind, Action.INDEX)
        bands, *_ = pixels(tmp_path, layer)
        assert np.array_equal(bands, dimap.pixels(len(bands), size))
    entries = workers.index.told[-1].entries
    assert [(e.bands, e.data_format.dtype) for e in entries] == [
        (4, "uint16"),
        (1, "uint16"),
    ]


@pytest.mark.parametrize("name", [sentinel2.LEVEL_1C, sentinel2.LEVEL_2A])
def test_bands_of_a_stored_sentinel_2_product_are_indexed(name, workers, tmp_path):
    product = sentinel2.make_product(tmp_path / "product", f"{name}.SAFE", offset=-1000)
    settings = some_settings(
        scene_graph="CopyProductToStorage",
        tile_graph="library/graph/ExtractS2Bands.json",
    )
    downloader, processor = workers(files_of(product.parent))
    scene = Scene(name, "sentinel2", DATES["A"], parts=(Part(name),))
    tile = downloaded(downloader, scene, settings)
    layers = processed(processor, settings, tile)
    indexed = [layer for layer in layers if layer.action is Action.INDEX]
    bands = [f"B{n:02}" for n in range(1, 13) if n != 10 or "L1C" in name]
    assert [(layer.name, layer.extension) for layer in indexed] == [
        (band, "jp2") for band in bands
    ]
    found, *_ = pixels(tmp_path, indexed[1])
    assert found[0, 0, :5].tolist() == [0, 1, 65535, 234, 1234]


def test_step_of_snap_that_lacks_its_input_fails_as_snap_says(workers):
    settings = some_settings(**S1)
    downloader, _ = workers({"other.SAFE/manifest.safe": b""})
    scene = Scene("A", "sentinel1", DATES["A"], parts=(BURST,))
    with pytest.raises(StepFailed, match=r"product A\.SAFE does not exist"):
        downloaded(downloader, scene, settings)
