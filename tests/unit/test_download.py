# SPDX-License-Identifier: Apache-2.0
"""The downloader's trade, from order to fact, on a store that is a folder."""

import threading
import zipfile
from io import BytesIO

import numpy as np
import pytest
from msgspec import structs
from msgspec.structs import replace

from agents.downloader.download import Downloading
from agents.downloader.providers.null import NullProvider
from agents.worker.desk import Desk
from streams.errors import (
    DamagedProduct,
    ObjectConflict,
    ProductNotFound,
    StepTransient,
)
from streams.events import DownloadStarted
from streams.failures import Failure
from streams.model import Action, Part, Scene
from streams.orders import DownloadOrder
from tests.graphs import an_output
from tests.rasters import a_raster, write
from tests.trades import (
    AREA,
    NOW,
    Provider,
    carried_out,
    equipment,
    failed,
    left_behind,
    ordered,
    sha256,
    some_settings,
    stored,
    write_graph,
    write_script,
)

PRODUCT = {"S/B1.TIF": b"1", "S/MTL.txt": b"2"}


@pytest.fixture
def trade(tmp_path):
    """A downloader with these providers."""
    made = []

    def make(*providers, **changes):
        named = {f"p{number}": one for number, one in enumerate(providers)}
        trade = Downloading(**{**equipment(tmp_path), "providers": named} | changes)
        made.append(trade)
        return trade

    yield make
    for one in made:
        one.workshop.close()
    assert list((tmp_path / "work").iterdir()) == []


WHOLE = (Part("S"),)


def an_order(attempt=1, parts=WHOLE, **settings):
    scene = Scene("S", "landsat", NOW, parts=parts)
    return ordered(
        DownloadOrder(
            AREA, f"{AREA}/S", attempt, "i1", some_settings(**settings), scene
        )
    )


def test_attempt_is_begun_with_the_workers_name(trade):
    order = an_order()
    (fact,) = trade().begin(order)
    assert fact.message == DownloadStarted(AREA, f"{AREA}/S", 1, "w1")
    assert (fact.cause, fact.subject) == (order.id, f"{AREA}/S")


def test_product_is_stored_and_listed(trade, tmp_path):
    fact = carried_out(trade(Provider(PRODUCT)), an_order())
    done = fact.message
    assert (done.area, done.task, done.attempt) == (AREA, f"{AREA}/S", 1)
    assert (done.worker, done.provider) == ("w1", "p0")
    (delivery,) = done.deliveries
    (layer,) = delivery.layers
    content = stored(tmp_path)["demo/S/tiles/S/d1/S.zip"]
    assert delivery.tile == "S"
    assert (layer.name, layer.extension, layer.action) == (
        "__product__",
        "*",
        Action.CREATE,
    )
    assert (layer.size_bytes, layer.sha256) == (len(content), sha256(content))
    with zipfile.ZipFile(BytesIO(content)) as zipped:
        assert {n: zipped.read(n) for n in zipped.namelist()} == PRODUCT
    assert left_behind(tmp_path) == []


def test_every_trial_is_told(trade):
    done = carried_out(
        trade(
            Provider(PRODUCT, [DamagedProduct("cut off")]),
            Provider(PRODUCT),
        ),
        an_order(),
    ).message
    assert done.provider == "p1"
    assert [(t.provider, t.failure) for t in done.trials] == [
        ("p0", Failure.INTEGRITY),
        ("p1", None),
    ]


def test_product_that_nobody_has_is_not_found(trade, tmp_path):
    fact = failed(trade(Provider(PRODUCT, [ProductNotFound("no")])), an_order())
    assert fact.failure is Failure.NOT_FOUND
    assert [trial.message for trial in fact.trials] == ["no"]
    assert left_behind(tmp_path) == []
    assert not (tmp_path / "store").exists()


def test_order_carried_out_twice_gives_the_same_fact(trade, tmp_path):
    """F21, F22: only what is told is told again."""
    provider = Provider(PRODUCT)
    first = carried_out(trade(provider), an_order())
    objects = stored(tmp_path)
    again = carried_out(trade(provider, worker="w2"), an_order())
    assert (again.message, again.id) == (first.message, first.id)
    assert provider.asked == 1
    assert stored(tmp_path) == objects


def test_order_begun_by_a_dead_worker_is_carried_out_again(trade, tmp_path):
    first = carried_out(trade(Provider(PRODUCT)), an_order()).message
    # It died when the layers were stored and the manifest was not.
    (tmp_path / "store/demo/S/tiles/S/d1/manifest.json").unlink()
    again = carried_out(trade(Provider(PRODUCT), worker="w2"), an_order()).message
    assert again.worker == "w2"
    assert again.deliveries == first.deliveries


def test_other_product_under_the_same_attempt_is_a_conflict(trade, tmp_path):
    carried_out(trade(Provider(PRODUCT)), an_order())
    (tmp_path / "store/demo/S/tiles/S/d1/manifest.json").unlink()
    before = stored(tmp_path)
    with pytest.raises(ObjectConflict):
        trade(Provider({"S/other": b"3"})).carry_out(an_order(), Desk())
    assert stored(tmp_path) == before
    # The next attempt has keys of its own.
    done = carried_out(trade(Provider({"S/other": b"3"})), an_order(attempt=2)).message
    assert "/d2/" in done.deliveries[0].layers[0].uri


def test_workers_at_once_tell_the_same_fact(trade, tmp_path):
    facts = []
    start = threading.Barrier(4)

    def work(number):
        worker = trade(Provider(PRODUCT), worker=f"w{number}")
        start.wait()
        facts.append(carried_out(worker, an_order()))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(facts) == 4
    assert len({(fact.id, fact.message) for fact in facts}) == 1
    assert sorted(stored(tmp_path)) == [
        "demo/S/tiles/S/d1/S.zip",
        "demo/S/tiles/S/d1/manifest.json",
    ]


def _cutting(tmp_path, script):
    """A scene graph that makes the layer `x` of every tile."""
    step = write_script(tmp_path, f"import os, sys\n{script}")
    step["args"] = {
        "swath": {"type": "tile", "value": "swath"},
        "number": {"type": "tile", "value": "number"},
        "to": {"type": "out", "layer": "x", "extension": "txt"},
    }
    out = {"layer": "x", "extension": "txt", "action": "to_create"}
    return write_graph(tmp_path, processing_steps=[step], out_files=[[out]])


ANNOTATED = (
    "import os\n"
    "os.mkdir('S_annotations.SAFE')\n"
    "open('S_annotations.SAFE/iw1.xml', 'w').write('<burst/>')\n"
)

TO = "to = sys.argv[3].removeprefix('--to=')\n"

PARTS = (Part("T1", "IW1", 7), Part("T2", "IW2", 8))


def test_scene_is_cut_in_its_tiles(trade, tmp_path):
    graph = _cutting(tmp_path, TO + "open(to, 'w').write(' '.join(sys.argv[1:3]))")
    order = an_order(parts=PARTS, scene_graph=graph)
    done = carried_out(trade(Provider(PRODUCT)), order).message
    assert [delivery.tile for delivery in done.deliveries] == ["T1", "T2"]
    objects = stored(tmp_path)
    assert objects["demo/S/tiles/T1/d1/20240101_T1_x.txt"] == b"--swath=IW1 --number=7"
    assert objects["demo/S/tiles/T2/d1/20240101_T2_x.txt"] == b"--swath=IW2 --number=8"
    assert left_behind(tmp_path) == []


def test_empty_raster_of_a_tile_is_skipped_and_the_log_says_so(trade, tmp_path):
    empty = write(tmp_path / "empty.tif", np.zeros((16, 16), "uint16"), 0)
    full = a_raster(tmp_path / "full.tif", size=16)
    rasters = {"7": str(full), "8": str(empty)}
    step = write_script(
        tmp_path,
        "import shutil, sys\n"
        "number, to = (word.partition('=')[2] for word in sys.argv[1:])\n"
        f"shutil.copy({rasters}[number], to)",
    )
    step["args"] = {
        "number": {"type": "tile", "value": "number"},
        "to": {"type": "out", "layer": "x", "extension": "tif"},
    }
    out = an_output(layer="x", extension="tif", on_empty="skip")
    graph = write_graph(tmp_path, processing_steps=[step], out_files=[[out]])
    order = an_order(parts=PARTS, scene_graph=graph)
    done = carried_out(trade(Provider(PRODUCT)), order).message
    assert [len(delivery.layers) for delivery in done.deliveries] == [1, 0]
    log = stored(tmp_path)[done.log.removeprefix(f"file://{tmp_path}/store/")]
    assert b"T2: layer 'x' has no valid pixel: not stored (on_empty: skip)" in log


def test_annotations_of_a_scene_are_a_layer_named_after_it(trade, tmp_path):
    """With one dot, where the Go ingester wrote two."""
    step = write_script(tmp_path, ANNOTATED)
    out = {"layer": "__annotations__", "extension": "SAFE", "action": "to_create"}
    graph = write_graph(tmp_path, processing_steps=[step], out_files=[[out]])
    done = carried_out(trade(Provider(PRODUCT)), an_order(scene_graph=graph)).message
    (layer,) = done.deliveries[0].layers
    assert (layer.name, layer.extension) == ("__annotations__", "SAFE")
    assert layer.uri.endswith("/demo/S/tiles/S/d1/S_annotations.zip")
    assert stored(tmp_path)["demo/S/tiles/S/d1/S_annotations.zip"]


def test_no_tile_sees_what_another_one_left(trade, tmp_path):
    graph = _cutting(tmp_path, TO + "open(to, 'w').write(str(sorted(os.listdir())))")
    carried_out(trade(Provider(PRODUCT)), an_order(parts=PARTS, scene_graph=graph))
    for tile in ("T1", "T2"):
        seen = stored(tmp_path)[f"demo/S/tiles/{tile}/d1/20240101_{tile}_x.txt"]
        assert seen.decode() == str(sorted([f"20240101_{tile}_x.txt", "S"]))


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("sys.exit(1)", Failure.STEP_FAILED),
        ("print('FATAL ERROR: x'); sys.exit(1)", Failure.STEP_FATAL),
        ("sys.exit(75)", Failure.STEP_TRANSIENT),
        ("pass", Failure.STEP_FAILED),  # the layer is not made
    ],
)
def test_failing_scene_graph_fails_with_its_class(script, failure, trade, tmp_path):
    graph = _cutting(tmp_path, script)
    fact = failed(trade(Provider(PRODUCT)), an_order(scene_graph=graph))
    assert fact.failure is failure
    assert left_behind(tmp_path) == []
    assert all("/steps-" in key for key in stored(tmp_path))


@pytest.mark.parametrize(
    "conditions",
    [
        {"condition": "on_failure"},
        {"error_condition": "on_failure"},
        {"error_condition": "on_fatal_failure"},
    ],
)
def test_failing_scene_graph_keeps_what_its_error_conditions_say(
    conditions, trade, tmp_path
):
    step = write_script(
        tmp_path, "open('20240101_S_x.txt', 'w').write('why'); raise SystemExit(65)"
    )
    out = an_output(layer="x", extension="txt", **conditions)
    other = an_output(layer="y", extension="txt")
    graph = write_graph(tmp_path, processing_steps=[step], out_files=[[out, other]])
    fact = failed(trade(Provider(PRODUCT)), an_order(scene_graph=graph))
    assert fact.failure is Failure.STEP_FATAL
    assert stored(tmp_path)["demo/S/tiles/S/d1/20240101_S_x.txt"] == b"why"
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"processing_steps": [{"engine": "perl", "command": "x"}]},
        {"out_files": [[{"layer": "x", "condition": "equal_T0_T1"}]]},
        {"in_files": [[], [{"layer": "x"}]]},
    ],
)
def test_graph_that_a_scene_cannot_run_is_bad_input(document, trade, tmp_path):
    provider = Provider(PRODUCT)
    order = an_order(scene_graph=write_graph(tmp_path, **document))
    assert failed(trade(provider), order).failure is Failure.BAD_INPUT
    assert provider.asked == 0


def test_request_may_name_its_own_root(trade, tmp_path):
    order = an_order(storage_uri=f"file://{tmp_path}/store/own/")
    carried_out(trade(Provider(PRODUCT)), order)
    assert "own/demo/S/tiles/S/d1/S.zip" in stored(tmp_path)


def test_scene_named_like_a_path_is_refused_before_anything_is_done(trade):
    provider = Provider(PRODUCT)
    order = an_order()
    scene = replace(order.message.scene, name="../S")
    order = structs.replace(order, message=replace(order.message, scene=scene))
    assert failed(trade(provider), order).failure is Failure.BAD_INPUT
    assert provider.asked == 0


def test_cancelled_order_ends_its_step(trade, tmp_path):
    graph = _cutting(tmp_path, "import time\ntime.sleep(60)")
    desk = Desk()
    desk.cancelled.set()
    with pytest.raises(StepTransient, match="was cancelled"):
        trade(Provider(PRODUCT)).carry_out(an_order(scene_graph=graph), desk)
    assert left_behind(tmp_path) == []


def test_nothing_is_delivered_and_recorded_without_layers(trade, tmp_path):
    done = carried_out(trade(NullProvider()), an_order(scene_graph="Pass")).message
    assert [(d.tile, d.layers) for d in done.deliveries] == [("S", ())]
    assert not (tmp_path / "store").exists()
