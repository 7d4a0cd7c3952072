# SPDX-License-Identifier: Apache-2.0
"""Downloaders that die with an order in hand: by accident, or because of the order."""

from agents.worker.equipment import open_stores
from agents.worker.starts import Starts
from streams.events import DownloadDone, DownloadFailed
from streams.failures import Failure
from tests.areas import a_script, an_area
from tests.errands import QUICK, archive, content
from tests.origins import web
from tests.system import wait_for

PRODUCT = archive({"s000.SAFE/a": content(4_000_000)})

# Kills the process that a file names: the worker of the step.
KILLER = """
import os, pathlib, signal, time
os.kill(int(pathlib.Path({pid!r}).read_text()), signal.SIGKILL)
time.sleep(60)
"""


def told(system, kind):
    facts = [entry.fact.message for entry in system.facts()]
    return [fact for fact in facts if isinstance(fact, kind)]


def test_product_of_a_killed_downloader_is_gone_on_with_where_it_was(system):
    """F19: the order comes again, its bytes do not, and no scratch is left."""
    quick = {f"provider_url_{key}": value for key, value in QUICK.items()}
    with web({"s000.zip": PRODUCT}) as origin:
        settings = {
            "downloader_providers": "url",
            "provider_url_urls": f"{origin.url}/{{SCENE}}.zip",
            **quick,
            "provider_url_part_bytes": "200000",
            "provider_url_parallel": "2",
        }
        origin.pace_s = 0.1
        system.start("workflow")
        (killed,) = system.start("downloader", **settings)
        system.write(*an_area("killed", 1, scene_graph="CopyProductToStorage"))
        wait_for(lambda: origin.sent > 1_500_000, every_s=0.01)
        killed.kill()
        origin.pace_s, before = 0, origin.sent
        assert before < len(PRODUCT) - 1_000_000
        system.start("downloader", **settings)
        (done,) = wait_for(lambda: told(system, DownloadDone))
        assert origin.sent - before < len(PRODUCT) - 1_000_000
    assert done.attempt == 1
    assert told(system, DownloadFailed) == []
    (layer,) = done.deliveries[0].layers
    store, file = open_stores(system.settings), system.folder / "stored"
    assert store.get(layer.uri, file) == (layer.size_bytes, layer.sha256)
    work = system.settings.worker_dir
    # Of the living one alone, and empty.
    (scratch,) = work.glob("downloader-*")
    assert [path.name for path in scratch.iterdir()] == [".lock"]
    assert list(work.glob(".kept/*/*/*")) == []
    assert list(work.glob(".begun/*")) == []


def test_order_that_kills_its_worker_ends_in_quarantine(system):
    """F24: a graph that kills its worker. It did so four times before."""
    pid = system.folder / "pid"
    roots = system.folder / "graphs"
    graph = a_script(roots, "killer", KILLER.format(pid=str(pid)))
    settings = {"graph_roots": str(roots), "downloader_providers": "null"}
    starts = Starts(system.settings.worker_dir)
    for _ in range(4):
        starts.begin("killer/s000#1")
    system.start("workflow")
    (first,) = system.start("downloader", **settings)
    pid.write_text(str(first.popen.pid))
    system.write(*an_area("killer", 1, scene_graph=graph))
    wait_for(lambda: not first.runs)
    system.processes.remove(first)
    (second,) = system.start("downloader", **settings)
    pid.write_text(str(second.popen.pid))
    (failed,) = wait_for(lambda: told(system, DownloadFailed))
    assert failed.failure is Failure.BUG
    assert "its worker died 5 times" in failed.message
    system.write(*an_area("next", 1))
    (done,) = wait_for(lambda: told(system, DownloadDone))
    assert done.area == "next"
    assert second.runs
