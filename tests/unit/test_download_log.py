# SPDX-License-Identifier: Apache-2.0
"""What the steps of scene graphs said, and how long downloads took."""

import pytest

from agents.downloader.download import Downloading
from streams.errors import ProductNotFound
from streams.failures import Failure
from streams.model import Part, Scene
from streams.orders import DownloadOrder
from tests.graphs import an_output
from tests.rasters import a_raster
from tests.trades import (
    AREA,
    NOW,
    Provider,
    carried_out,
    equipment,
    failed,
    left_behind,
    ordered,
    some_settings,
    stored,
    write_graph,
    write_script,
)

WHOLE = (Part("S"),)
TILES = (Part("T1", "IW1", 7), Part("T2", "IW2", 8))


@pytest.fixture
def trade(tmp_path):
    """A downloader; its provider may be changed."""
    made = Downloading(
        **{**equipment(tmp_path), "providers": {"p": Provider({"S/a": b"1"})}}
    )
    yield made
    made.workshop.close()
    assert list((tmp_path / "work").iterdir()) == []


def an_order(tmp_path, script, *outputs, parts=WHOLE):
    """An order whose scene graph has one step."""
    step = write_script(tmp_path, f"import shutil, sys, time\n{script}")
    step["args"] = {"swath": {"type": "tile", "value": "swath"}}
    graph = write_graph(tmp_path, processing_steps=[step], out_files=[[*outputs]])
    scene = Scene("S", "landsat", NOW, parts=parts)
    settings = some_settings(scene_graph=graph)
    return ordered(DownloadOrder(AREA, f"{AREA}/S", 1, "i1", settings, scene))


def said(tmp_path, fact):
    key = fact.log.removeprefix(f"file://{tmp_path}/store/")
    assert key.startswith("demo/S/tiles/S/d1/steps-")
    return stored(tmp_path)[key]


def test_log_of_a_scene_graph_is_kept(trade, tmp_path):
    done = carried_out(trade, an_order(tmp_path, "print('cut')")).message
    assert said(tmp_path, done) == b"debug: cut\n"
    assert [delivery.layers for delivery in done.deliveries] == [()]


def test_tiles_of_a_scene_share_its_log(trade, tmp_path):
    order = an_order(tmp_path, "print(sys.argv[1])", parts=TILES)
    done = carried_out(trade, order).message
    assert said(tmp_path, done) == (b"debug: T1: --swath=IW1\ndebug: T2: --swath=IW2\n")


def test_failed_download_tells_its_log_and_how_long_it_took(trade, tmp_path):
    script = "print('ERROR: no DEM', flush=True); time.sleep(0.1); sys.exit(1)"
    fact = failed(trade, an_order(tmp_path, script))
    assert fact.failure is Failure.STEP_FAILED
    assert said(tmp_path, fact) == b"error: ERROR: no DEM\n"
    assert fact.duration_s >= 0.1
    assert left_behind(tmp_path) == []


def test_download_without_a_product_has_no_log(trade, tmp_path):
    trade.providers["p"].errors.append(ProductNotFound("nowhere"))
    fact = failed(trade, an_order(tmp_path, "print('never run')"))
    assert (fact.failure, fact.log) == (Failure.NOT_FOUND, "")
    assert fact.duration_s > 0
    assert stored(tmp_path) == {}


def test_rasters_of_a_scene_graph_are_judged_and_measured(trade, tmp_path):
    raster = a_raster(tmp_path / "x.tif", size=16)
    script = f"shutil.copy('{raster}', '20240101_S_x.tif')"
    out = an_output(layer="x", datatype="uint16")
    done = carried_out(trade, an_order(tmp_path, script, out)).message
    ((layer,),) = [delivery.layers for delivery in done.deliveries]
    (measure,) = done.measures
    assert (measure.uri, measure.bands[0].maximum) == (layer.uri, 250)
    wrong = an_output(layer="x", datatype="uint8")
    (tmp_path / "store").rename(tmp_path / "before")
    fact = failed(trade, an_order(tmp_path, script, wrong))
    assert fact.failure is Failure.STEP_FATAL
    assert stored(tmp_path) == {}
