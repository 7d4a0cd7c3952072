# SPDX-License-Identifier: Apache-2.0
"""A chain in which a date fails for good: the next one goes on from the one before."""

import json

from agents.worker.equipment import open_stores
from agents.worker.stock import stock_of
from infra.kafka.arealog import read_area_log
from streams.events import LayerDeleted, LayersExpired, ProcessDone, ProcessFailed
from streams.failures import Failure
from streams.holdings import Keeping
from streams.model import Status
from tests.areas import an_area
from tests.system import wait_for

AREA = "chain"

# Writes what it was given, and its own date; the third date cannot be processed.
SCRIPT = """
import pathlib, sys
place = sys.argv[1].removeprefix("--to=")
day = place[:8]
if day == "20230103":
    print("FATAL ERROR: this date has no orbit")
    sys.exit(1)
given = sorted(p.read_text() for p in pathlib.Path().glob("*_left.txt"))
pathlib.Path(place).write_text(day)
pathlib.Path(place.replace("_left", "_seen")).write_text(" ".join(given))
"""

GRAPH = {
    "config": {},
    "processing_steps": [
        {
            "engine": "python",
            "command": "chain.py",
            "args": {"to": {"type": "out", "layer": "left", "extension": "txt"}},
        }
    ],
    "in_files": [
        [],
        [{"layer": "left", "extension": "txt", "condition": "different_T0_T1"}],
        [],
    ],
    "out_files": [
        [
            {"layer": "left", "extension": "txt", "action": "to_create"},
            {"layer": "seen", "extension": "txt", "action": "to_create"},
        ],
        [],
        [],
    ],
}


def told(system, kind):
    facts = [entry.fact.message for entry in system.facts()]
    return [fact for fact in facts if isinstance(fact, kind)]


def text_of(system, uri):
    file = system.folder / "layer"
    open_stores(system.settings).get(uri, file)
    return file.read_text()


def test_scenario_11_failed_date_is_passed_over_and_only_the_ends_remain(system):
    """F14: what the fourth date needs is there; what nobody needs is not."""
    roots = system.folder / "graphs"
    roots.mkdir()
    (roots / "chain.py").write_text(SCRIPT)
    (roots / "chain.json").write_text(json.dumps(GRAPH))
    (workflow,) = system.start("workflow")
    system.start("downloader", downloader_providers="null")
    system.start("processor", graph_roots=str(roots), processor_indexers="")
    system.write(*an_area(AREA, 6, cells=1, tile_graph="chain.json"))
    wait_for(lambda: len(told(system, ProcessDone)) == 5)
    (failed,) = told(system, ProcessFailed)
    assert (failed.task, failed.failure) == (f"{AREA}/s002/t002", Failure.STEP_FATAL)
    table = system.replayed().table
    assert table[failed.task].course.status is Status.FAILED
    assert table[f"{AREA}/s003/t003"].previous == f"{AREA}/s001/t001"

    seen = {
        done.task[-4:]: text_of(system, layer.uri)
        for done in told(system, ProcessDone)
        for layer in done.layers
        if layer.name == "seen"
    }
    assert seen == {
        "t000": "",
        "t001": "20230101",
        "t003": "20230102",
        "t004": "20230104",
        "t005": "20230105",
    }

    system.start("janitor")
    wait_for(lambda: len(told(system, LayerDeleted)) == 2 * 3)
    log, store = read_area_log(system.kafka, AREA), open_stores(system.settings)
    stock = stock_of(AREA, log, store, system.settings.storage_uri).stock
    ends = ("left.txt", "seen.txt")
    layers = [one for one in stock.holdings if one.uri.endswith(ends)]
    assert {one.task[-4:] for one in layers} == {"t000", "t005"}
    assert not stock.of(Keeping.MISSING)
    assert not stock.of(Keeping.RELEASED)

    workflow.stop()
    soon = {"workflow_keep_failed_days": "0.00001", "workflow_lease_s": "4"}
    system.start("workflow", **soon)
    wait_for(lambda: told(system, LayersExpired))
    assert told(system, LayersExpired) == [LayersExpired(AREA, failed.task, 1)]
    assert system.replayed().table[failed.task].gone
