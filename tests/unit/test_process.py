# SPDX-License-Identifier: Apache-2.0
"""The processor's trade, from order to fact, on a store that is a folder."""

import threading
from datetime import timedelta

import pytest

from agents.processor.indexers.stac import StacIndexer
from agents.processor.process import Processing
from agents.worker.archive import pack
from agents.worker.desk import Desk
from streams.errors import (
    IndexConflict,
    IndexUnavailable,
)
from streams.events import ProcessStarted
from streams.failures import Failure
from streams.model import Action, Scene, Tile
from streams.orders import ProcessOrder, Source
from tests.graphs import UINT16, an_output
from tests.landsat import BANDS, LEVEL_1, cut_off, make_product
from tests.rasters import a_raster
from tests.trades import (
    AREA,
    NOW,
    Index,
    carried_out,
    equipment,
    failed,
    left_behind,
    ordered,
    put_layer,
    sha256,
    some_settings,
    stored,
    write_graph,
    write_script,
)


@pytest.fixture
def trade(tmp_path):
    """A processor with these indexes."""
    made = []

    def make(*indexers, **changes):
        named = {f"i{number}": one for number, one in enumerate(indexers)}
        trade = Processing(**{**equipment(tmp_path), "indexers": named} | changes)
        made.append(trade)
        return trade

    yield make
    for one in made:
        one.workshop.close()
    assert list((tmp_path / "work").iterdir()) == []


def a_source(name, day, *layers):
    """A tile of the scene of that day, with its layers."""
    date = NOW + timedelta(days=day)
    return Source(
        Tile("T", name, date, "cell"), Scene(name, "landsat", date), tuple(layers)
    )


def an_order(current, previous=None, reference=None, attempt=1, **settings):
    task = f"{AREA}/{current.scene.name}/T"
    return ordered(
        ProcessOrder(
            *(AREA, task, attempt, "i1", some_settings(**settings)),
            *(current, previous, reference),
        )
    )


def _graph(tmp_path, script, *, inputs=(), outputs=None, args=None):
    """A graph of one step, which makes the layer `x` when it does as its script."""
    step = write_script(tmp_path, f"import glob, os, sys\n{script}")
    step["args"] = args or {}
    out = an_output(layer="x", extension="txt")
    return write_graph(
        tmp_path,
        processing_steps=[step],
        in_files=list(inputs),
        out_files=[[out]] if outputs is None else outputs,
    )


MAKE_X = "open('20240101_T_x.txt', 'w').write('made')"

INDEXED = [[an_output(**UINT16 | {"layer": "x", "extension": "tif"})]]


def make_raster(tmp_path, **profile):
    """A script that makes the layer `x` as it must be to be indexed."""
    raster = a_raster(tmp_path / "raster.tif", **{"size": 16} | profile)
    return f"import shutil; shutil.copy('{raster}', '20240101_T_x.tif')"


def test_attempt_is_begun_with_the_workers_name(trade):
    (fact,) = trade().begin(an_order(a_source("S", 0)))
    assert fact.message == ProcessStarted(AREA, f"{AREA}/S/T", 1, "w1")


def test_layers_are_stored_indexed_and_listed(trade, tmp_path):
    kept = an_output(layer="y", extension="txt")
    outputs = [[INDEXED[0][0], kept, an_output(layer="z", action="to_ignore")]]
    script = f"{make_raster(tmp_path)}\nopen('20240101_T_y.txt', 'w').write('kept')"
    graph = _graph(tmp_path, script, outputs=outputs)
    index = Index()
    order = an_order(a_source("S", 0), tile_graph=graph, instances={"x": "uuid"})
    done = carried_out(trade(index), order).message
    assert (done.area, done.task, done.attempt) == (AREA, f"{AREA}/S/T", 1)
    assert [(layer.name, layer.action) for layer in done.layers] == [
        ("x", Action.INDEX),
        ("y", Action.CREATE),
        ("item-T", Action.DESCRIBE),
    ]
    objects = stored(tmp_path)
    for layer in done.layers:
        key = layer.uri.removeprefix(f"file://{tmp_path}/store/")
        assert key.startswith("demo/S/tiles/T/p1/")
        assert layer.sha256 == sha256(objects[key])
        assert layer.size_bytes == len(objects[key])
    (told,) = index.told
    assert (told.area, told.tile.name, told.scene.name) == (AREA, "T", "S")
    assert told.instances == {"x": "uuid"}
    (entry,) = told.entries
    assert (entry.layer, entry.bands) == (done.layers[0], 1)
    assert entry.data_format.max_value == 10000
    assert left_behind(tmp_path) == []


def test_every_index_is_told(trade, tmp_path):
    graph = _graph(tmp_path, make_raster(tmp_path), outputs=INDEXED)
    one, other = Index(), Index()
    carried_out(trade(one, other), an_order(a_source("S", 0), tile_graph=graph))
    assert len(one.told) == len(other.told) == 1


def test_only_the_layers_that_the_request_wants_are_indexed(trade, tmp_path):
    outputs = [[INDEXED[0][0], {**INDEXED[0][0], "layer": "y"}, an_output(layer="x")]]
    graph = _graph(tmp_path, make_raster(tmp_path), outputs=outputs)
    order = an_order(a_source("S", 0), tile_graph=graph, layers=("x",))
    done = carried_out(trade(), order).message
    assert [layer.action for layer in done.layers] == [Action.INDEX, Action.CREATE]


def test_graph_without_outputs_leaves_nothing(trade, tmp_path):
    done = carried_out(trade(Index()), an_order(a_source("S", 0))).message
    assert done.layers == ()
    assert not (tmp_path / "store").exists()


# -- inputs

SEEN = (
    "names = sorted(n for n in os.listdir() if n.endswith('.txt'))\n"
    "text = ','.join(n + '=' + open(n).read() for n in names)\n"
    "open('20240131_T_x.txt', 'w').write(text)"
)

# What the third tile of a series is given.
OF_SERIES = (
    [{"layer": "in", "extension": "txt"}],
    [{"layer": "in", "extension": "txt", "condition": "different_T0_T1"}],
    [{"layer": "in", "extension": "txt", "condition": "different_T0_T2"}],
)


def _series(tmp_path):
    """Sources of three dates, each with a layer `in` that says its scene's name."""
    return [
        a_source(
            name,
            day,
            put_layer(tmp_path, f"{name}/in.txt", name.encode(), "in", "txt"),
        )
        for name, day in (("A", 0), ("B", 10), ("C", 30))
    ]


def test_layers_of_previous_and_reference_are_fetched(trade, tmp_path):
    a, b, c = _series(tmp_path)
    graph = _graph(tmp_path, SEEN, inputs=OF_SERIES)
    carried_out(trade(), an_order(c, b, a, tile_graph=graph))
    assert stored(tmp_path)["demo/C/tiles/T/p1/20240131_T_x.txt"] == (
        b"20240101_T_in.txt=A,20240111_T_in.txt=B,20240131_T_in.txt=C"
    )


def test_tile_without_neighbours_stands_for_them(trade, tmp_path):
    c = _series(tmp_path)[2]
    graph = _graph(tmp_path, SEEN, inputs=[OF_SERIES[0]] * 3)
    carried_out(trade(), an_order(c, tile_graph=graph))
    assert stored(tmp_path)["demo/C/tiles/T/p1/20240131_T_x.txt"] == (
        b"20240131_T_in.txt=C"
    )


def test_outputs_of_every_position_are_stored_with_their_own_tile(trade, tmp_path):
    a, b, c = _series(tmp_path)
    output = INDEXED[0][0] | {"layer": "in"}
    raster = a_raster(tmp_path / "raster.tif", size=16)
    script = (
        "import shutil\n"
        "for name in glob.glob('*_in.txt'):\n"
        f"    shutil.copy('{raster}', name.replace('.txt', '.tif'))"
    )
    graph = _graph(tmp_path, script, inputs=OF_SERIES, outputs=[[output], [output], []])
    index = Index()
    carried_out(trade(index), an_order(c, b, a, tile_graph=graph))
    assert [told.scene.name for told in index.told] == ["C", "B"]
    # All of them are this attempt's objects: nobody else's are replaced.
    assert {key.rpartition("/")[0] for key in stored(tmp_path)} == {
        *("A", "B", "C"),
        "demo/C/tiles/T/p1",
    }


def test_input_that_the_log_does_not_list_is_named(trade, tmp_path):
    """F14."""
    source = _series(tmp_path)[2]
    inputs = [[{"layer": "other", "extension": "txt"}]]
    graph = _graph(tmp_path, MAKE_X, inputs=inputs)
    fact = failed(trade(), an_order(source, tile_graph=graph))
    assert fact.failure is Failure.BAD_INPUT
    assert fact.message == (
        "layer 'other.txt' of C/T: never made; the log lists: in.txt"
    )


def test_optional_input_may_be_absent(trade, tmp_path):
    inputs = [[{"layer": "other", "extension": "txt", "optional": True}]]
    graph = _graph(tmp_path, MAKE_X, inputs=inputs)
    assert carried_out(trade(), an_order(a_source("S", 0), tile_graph=graph))


def test_object_that_is_not_the_listed_one_is_detected(trade, tmp_path):
    layer = put_layer(tmp_path, "in.txt", b"right", "in", "txt")
    (tmp_path / "store/in.txt").chmod(0o600)
    (tmp_path / "store/in.txt").write_bytes(b"wrong")
    graph = _graph(tmp_path, MAKE_X, inputs=[OF_SERIES[0]])
    fact = failed(trade(), an_order(a_source("S", 0, layer), tile_graph=graph))
    assert fact.failure is Failure.INTEGRITY
    assert f"the log says 5 bytes with {sha256(b'right')}" in fact.message
    assert left_behind(tmp_path) == []


def test_object_that_is_gone_is_bad_input(trade, tmp_path):
    """F14."""
    layer = put_layer(tmp_path, "in.txt", b"right", "in", "txt")
    (tmp_path / "store/in.txt").unlink()
    graph = _graph(tmp_path, MAKE_X, inputs=[OF_SERIES[0]])
    fact = failed(trade(), an_order(a_source("S", 0, layer), tile_graph=graph))
    assert fact.failure is Failure.BAD_INPUT


# -- failures


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("sys.exit(1)", Failure.STEP_FAILED),
        ("print('FATAL ERROR: x'); sys.exit(1)", Failure.STEP_FATAL),
        ("print('ERROR: timed out'); sys.exit(1)", Failure.STEP_TRANSIENT),
        ("pass", Failure.STEP_FAILED),  # the layer is not made
    ],
)
def test_failing_graph_fails_with_its_class(script, failure, trade, tmp_path):
    graph = _graph(tmp_path, script, outputs=INDEXED)
    index = Index()
    fact = failed(trade(index), an_order(a_source("S", 0), tile_graph=graph))
    assert (fact.area, fact.task, fact.attempt) == (AREA, f"{AREA}/S/T", 1)
    assert (fact.failure, fact.worker) == (failure, "w1")
    assert index.told == []
    assert left_behind(tmp_path) == []
    assert all("/steps-" in key for key in stored(tmp_path))


def test_failed_graph_may_keep_a_file(trade, tmp_path):
    outputs = [[an_output(layer="x", extension="txt", condition="on_failure")]]
    graph = _graph(tmp_path, f"{MAKE_X}\nsys.exit(1)", outputs=outputs)
    fact = failed(trade(), an_order(a_source("S", 0), tile_graph=graph))
    assert fact.failure is Failure.STEP_FAILED
    assert list(stored(tmp_path)) == ["demo/S/tiles/T/p1/20240101_T_x.txt"]


def test_why_a_graph_failed_is_told_whatever_fails_after_it(trade, tmp_path):
    # The file to be kept was not made either.
    outputs = [[an_output(layer="x", extension="txt", condition="on_failure")]]
    script = "print('FATAL ERROR: no DEM'); sys.exit(1)"
    graph = _graph(tmp_path, script, outputs=outputs)
    fact = failed(trade(), an_order(a_source("S", 0), tile_graph=graph))
    assert fact.failure is Failure.STEP_FATAL
    assert fact.message.endswith("FATAL ERROR: no DEM")


def test_nothing_is_deleted_by_a_worker(trade, tmp_path):
    layer = put_layer(tmp_path, "in.txt", b"input", "in", "txt")
    outputs = [[an_output(layer="in", extension="txt", action="to_delete")]]
    graph = _graph(tmp_path, "", inputs=[OF_SERIES[0]], outputs=outputs)
    carried_out(trade(), an_order(a_source("S", 0, layer), tile_graph=graph))
    assert stored(tmp_path) == {"in.txt": b"input"}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (IndexUnavailable("no answer"), Failure.TRANSIENT_NET),
        (IndexConflict("another format is there"), Failure.INDEX_CONFLICT),
    ],
)
def test_index_that_refuses_fails_the_order(error, failure, trade, tmp_path):
    graph = _graph(tmp_path, make_raster(tmp_path), outputs=INDEXED)
    order = an_order(a_source("S", 0), tile_graph=graph)
    impatient = trade(Index(error), index_patience_s=0)
    assert failed(impatient, order).failure is failure
    # The layer is stored and no manifest says so: the order can be carried out again.
    assert list(stored(tmp_path)) == ["demo/S/tiles/T/p1/20240101_T_x.tif"]
    assert carried_out(trade(Index()), order).message.layers


def test_graph_of_a_request_without_its_configuration_is_bad_input(trade, tmp_path):
    args = {"a": {"type": "config", "value": "lost"}}
    graph = _graph(tmp_path, MAKE_X, args=args)
    fact = failed(trade(), an_order(a_source("S", 0), tile_graph=graph))
    assert fact.failure is Failure.BAD_INPUT
    assert "no configuration 'lost'" in fact.message


# -- again, and at once


def test_order_carried_out_twice_gives_the_same_fact(trade, tmp_path):
    """F14, F21, F22: inputs may be gone by then."""
    ran = f"open('{tmp_path}/ran', 'a').write('x')\n{make_raster(tmp_path)}"
    graph = _graph(tmp_path, ran, outputs=INDEXED)
    order = an_order(a_source("S", 0), tile_graph=graph)
    index = Index()
    first = carried_out(trade(index), order)
    objects = stored(tmp_path)
    again = carried_out(trade(index, worker="w2"), order)
    assert (again.message, again.id) == (first.message, first.id)
    assert (tmp_path / "ran").read_text() == "x"
    assert len(index.told) == 1
    assert stored(tmp_path) == objects


def test_workers_at_once_tell_the_same_fact(trade, tmp_path):
    graph = _graph(tmp_path, make_raster(tmp_path), outputs=INDEXED)
    order = an_order(a_source("S", 0), tile_graph=graph)
    facts = []
    start = threading.Barrier(3)

    def work(number):
        worker = trade(Index(), worker=f"w{number}")
        start.wait()
        facts.append(carried_out(worker, order))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(facts) == 3
    assert len({(fact.id, fact.message) for fact in facts}) == 1
    assert sorted(stored(tmp_path)) == [
        "demo/S/tiles/T/p1/20240101_T_x.tif",
        "demo/S/tiles/T/p1/item-T.json",
        "demo/S/tiles/T/p1/manifest.json",
    ]


def test_next_attempt_has_objects_of_its_own(trade, tmp_path):
    graph = _graph(tmp_path, make_raster(tmp_path), outputs=INDEXED)
    for attempt in (1, 2):
        order = an_order(a_source("S", 0), attempt=attempt, tile_graph=graph)
        done = carried_out(trade(), order).message
        assert f"/p{attempt}/" in done.layers[0].uri
    assert len(stored(tmp_path)) == 4


def test_tiles_processed_side_by_side_do_not_meet(trade, tmp_path):
    graph = _graph(
        tmp_path,
        "import time\n"
        "me, other = (argument.partition('=')[2] for argument in sys.argv[1:])\n"
        f"open('{tmp_path}/at-' + me, 'w').close()\n"
        f"while not os.path.exists('{tmp_path}/at-' + other): time.sleep(0.01)\n"
        "open(glob.glob('*_in.txt')[0].replace('_in', '_x'), 'w').write(me)",
        inputs=[OF_SERIES[0]],
        args={
            "me": {"type": "tile", "value": "scene"},
            "other": {"type": "config", "value": "other"},
        },
    )
    a, b, _ = _series(tmp_path)
    worker = trade()
    threads = [
        threading.Thread(
            target=worker.carry_out,
            args=(
                an_order(source, tile_graph=graph, graph_config={"other": other}),
                Desk(),
            ),
        )
        for source, other in ((a, "B"), (b, "A"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    objects = stored(tmp_path)
    assert objects["demo/A/tiles/T/p1/20240101_T_x.txt"] == b"A"
    assert objects["demo/B/tiles/T/p1/20240111_T_x.txt"] == b"B"


# -- the shipped graph, on a made-up product


def _product(tmp_path, damage=lambda product: None):
    product = make_product(tmp_path / "product", LEVEL_1)
    damage(product)
    archive = tmp_path / "product.zip"
    pack(archive, tmp_path / "product", [LEVEL_1])
    return put_layer(tmp_path, "product.zip", archive.read_bytes(), "__product__", "*")


def _landsat_order(layer):
    scene = Scene(LEVEL_1, "landsat", NOW)
    tile = Tile(LEVEL_1, LEVEL_1, NOW, "196021")
    task = f"{AREA}/{LEVEL_1}/{LEVEL_1}"
    settings = some_settings(tile_graph="ExtractLandsatBands")
    source = Source(tile, scene, (layer,))
    return ordered(ProcessOrder(AREA, task, 1, "i1", settings, source))


def test_landsat_product_becomes_indexed_bands_and_an_item(trade, tmp_path):
    order = _landsat_order(_product(tmp_path))
    done = carried_out(trade(StacIndexer()), order).message
    layers = {layer.name: layer for layer in done.layers}
    assert len(layers) == len(BANDS[LEVEL_1]) + 2  # the item, and the picture
    (picture,) = (one for one in done.layers if one.action is Action.CREATE)
    assert (picture.name, picture.extension) == ("quicklook", "png")
    assert layers[LEVEL_1].extension == "json"
    # Another worker, another machine: the same bytes.
    again = carried_out(
        trade(StacIndexer(), storage_uri=f"file://{tmp_path}/store/again"), order
    ).message
    for layer in again.layers:
        if layer.action is Action.INDEX:
            assert layer.sha256 == layers[layer.name].sha256


def test_landsat_product_with_a_band_cut_off_fails_for_good(trade, tmp_path):
    layer = _product(tmp_path, lambda product: cut_off(product / f"{LEVEL_1}_B4.TIF"))
    fact = failed(trade(StacIndexer()), _landsat_order(layer))
    assert fact.failure is Failure.STEP_FATAL
    assert f"product '{LEVEL_1}': band B04" in fact.message
    assert list(stored(tmp_path)) == ["product.zip"]
    assert left_behind(tmp_path) == []


# -- what the steps said


def _object(tmp_path, uri):
    return stored(tmp_path)[uri.removeprefix(f"file://{tmp_path}/store/")]


def test_log_of_the_steps_is_kept_beside_the_layers(trade, tmp_path):
    graph = _graph(tmp_path, f"print('a line')\nprint('ERROR: but well')\n{MAKE_X}")
    done = carried_out(trade(), an_order(a_source("S", 0), tile_graph=graph)).message
    assert [layer.name for layer in done.layers] == ["x"]
    assert "demo/S/tiles/T/p1/steps-" in done.log
    assert _object(tmp_path, done.log) == b"debug: a line\nerror: ERROR: but well\n"


def test_attempt_whose_steps_said_nothing_has_no_log(trade, tmp_path):
    graph = _graph(tmp_path, MAKE_X)
    order = an_order(a_source("S", 0), tile_graph=graph)
    assert carried_out(trade(), order).message.log == ""


def test_failure_names_the_log_of_its_steps(trade, tmp_path):
    graph = _graph(tmp_path, "print('ERROR: no DEM')\nsys.exit(1)")
    fact = failed(trade(), an_order(a_source("S", 0), tile_graph=graph))
    assert fact.failure is Failure.STEP_FAILED
    assert _object(tmp_path, fact.log) == b"error: ERROR: no DEM\n"
    assert left_behind(tmp_path) == []


def test_failure_stays_itself_when_its_log_cannot_be_kept(trade, tmp_path):
    graph = _graph(tmp_path, "print('ERROR: no DEM')\nsys.exit(65)")
    (tmp_path / "store").write_text("no folder")
    fact = failed(trade(), an_order(a_source("S", 0), tile_graph=graph))
    assert "no DEM; log not kept: " in fact.message
    assert (fact.failure, fact.log) == (Failure.STEP_FATAL, "")


def test_attempts_say_how_long_they_took(trade, tmp_path):
    graph = _graph(tmp_path, f"import time; time.sleep(0.1)\n{MAKE_X}")
    order = an_order(a_source("S", 0), tile_graph=graph)
    assert carried_out(trade(), order).message.duration_s >= 0.1
    graph = _graph(tmp_path, "import time; time.sleep(0.1); sys.exit(1)")
    order = an_order(a_source("S", 0), tile_graph=graph, attempt=2)
    assert failed(trade(), order).duration_s >= 0.1
