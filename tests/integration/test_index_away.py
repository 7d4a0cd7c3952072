# SPDX-License-Identifier: Apache-2.0
"""An index that is away while a tile is processed: what was computed is not lost."""

import threading

from agents import plugins
from agents.worker.desk import Desk
from infra.files.store import path_of
from infra.geocube.client import GeocubeClient
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.variables import Variable
from streams.model import Scene, Tile
from streams.orders import ProcessOrder, Source
from tests.processes import TASK, a_processor, an_index, copied
from tests.rasters import a_raster
from tests.system import wait_for
from tests.trades import (
    AREA,
    NOW,
    carried_out,
    ordered,
    some_settings,
    write_graph,
    write_script,
)


def test_scenario_9_no_step_runs_twice_because_the_geocube_is_away(system, tmp_path):
    """F15: the real client, and a server that is killed and started again."""
    address = system.environment["INGESTER_GEOCUBE_ADDRESS"]
    (geocube,) = system.start("geocube")
    indexer = plugins.make("indexer", "geocube", {"address": address})
    with GeocubeClient(address) as client:
        stored = DataFormat(Dtype.FLOAT32, 0, 0, 1)
        variable = client.ensure_variable(Variable("x", stored))
        instance = client.ensure_instance(variable, "raw").id
    scene = Scene("S", "landsat", NOW, "POLYGON ((3 41, 4 41, 4 42, 3 42, 3 41))")
    (record,) = indexer.records([scene], lambda ids: None)
    geocube.kill()
    system.processes.clear()

    ran = tmp_path / "ran"
    raster = a_raster(tmp_path / "raster.tif", size=16)
    script = f"import shutil\nopen('{ran}', 'a').write('.')\n{copied(raster, 'x')}"
    graph = write_graph(
        tmp_path,
        processing_steps=[write_script(tmp_path, script)],
        out_files=[[an_index("x")]],
    )
    settings = some_settings(tile_graph=graph, instances={"x": instance})
    scene = Scene("S", "landsat", NOW, scene.footprint, record=record)
    source = Source(Tile("T", "S", NOW), scene, ())
    order = ordered(ProcessOrder(AREA, TASK, 1, "i1", settings, source))

    facts, desk = [], Desk()
    with a_processor(tmp_path, indexer) as trade:
        work = threading.Thread(
            target=lambda: facts.append(carried_out(trade, order, desk))
        )
        work.start()
        wait_for(lambda: desk.step == "index")
        assert facts == []
        system.start("geocube")
        work.join(60)
    indexer.close()
    (done,) = facts
    assert ran.read_text() == "."
    (layer,) = done.message.layers
    with GeocubeClient(address) as client:
        path = str(path_of(layer.uri))
        assert list(client.containers([path])) == [path]
