# SPDX-License-Identifier: Apache-2.0
"""Downloaders on real disks without room: nothing is lost, and others do the work."""

import json
import os
import subprocess
import sys

from streams.events import DownloadDone, DownloadFailed
from streams.failures import Failure
from streams.model import Status
from tests.areas import an_area
from tests.disks import on_a_disk, run_on_a_disk
from tests.errands import QUICK, archive, content
from tests.origins import web
from tests.system import Process, wait_for

UNPACKED = """
import json, sys
from pathlib import Path
from agents.downloader.providers import url
from streams.errors import NodeExhausted
from tests.errands import SCENE, errand, found
small, into = Path(sys.argv[1]), Path(sys.argv[1]) / "into"
into.mkdir()
here = errand(small)
try:
    url.make(json.loads(sys.argv[2])).fetch(SCENE, into, here)
except NodeExhausted as error:
    kept = sum(f.stat().st_size for f in here.shelf.rglob("*.whole"))
    print(json.dumps([str(error), error.failure, len(found(into)), kept]))
"""


def test_disk_that_is_full_while_unpacking_is_the_nodes_failure(tmp_path):
    """F11: nothing half unpacked is left, and what was received is not lost."""
    # There seems to be room: 11 kB each as they come, a megabyte each on the disk, of
    # which an archive may make 200 times its size.
    entry = content(10_000) + bytes((1 << 20) - 10_000)
    product = archive({f"P.SAFE/{n}": entry for n in range(120)}, packed=True)
    small = tmp_path / "small"
    small.mkdir()
    with web({"P.zip": product}) as origin:
        options = json.dumps({"urls": f"{origin.url}/P.zip", **QUICK})
        said = run_on_a_disk(80, small, UNPACKED, small, options)
    message, failure, left, kept = json.loads(said)
    assert failure == Failure.NODE_RESOURCE
    assert "unpacking: No space left" in message
    assert left == 0
    assert kept == len(product)


def a_downloader_on_a_disk(system, megabytes, **settings):
    """A downloader whose work folder is on a disk of its own."""
    small = system.folder / "small"
    small.mkdir()
    settings["worker_dir"] = str(small)
    more = {f"INGESTER_{key}".upper(): value for key, value in settings.items()}
    argv = [sys.executable, "-m", "agents", "run", "downloader"]
    log = system.folder / "small.log"
    with log.open("xb") as output:
        popen = subprocess.Popen(
            on_a_disk(megabytes, small, *argv),
            env={**os.environ, **system.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    process = Process("downloader", popen, log)
    system.processes.append(process)
    return process


def test_scenario_12_order_without_room_is_refused_and_done_by_another_worker(system):
    """F10. The disk has 90 MB; the product has 10, of which three copies are made."""
    product = archive({"s000.SAFE/a": content(10_000_000)})
    facts = system.messages
    settings = {
        "downloader_providers": "url",
        "provider_url_urls": "{download_link}",
    }
    with web({"s000.zip": product}) as origin:
        full = a_downloader_on_a_disk(system, 90, **settings)
        system.start("workflow")
        link = f"{origin.url}/s000.zip"
        system.write(
            *an_area(
                "big",
                1,
                scene_graph="CopyProductToStorage",
                download_link=link,
                size_bytes=str(len(product)),
            )
        )
        wait_for(lambda: full.says("leaving the group"))
        assert origin.asked == []
        system.start("downloader", **settings)

        def told(kind):
            found = [envelope.message for envelope in facts("ingester.tasks")]
            return [fact for fact in found if isinstance(fact, kind)]

        (done,) = wait_for(lambda: told(DownloadDone))
    failed = told(DownloadFailed)
    assert {fact.failure for fact in failed} == {Failure.NODE_RESOURCE}
    assert "needed" in failed[0].trials[0].message
    assert done.worker not in {fact.worker for fact in failed}
    assert full.runs
    course = system.replayed().table["big/s000"].course
    assert (course.status, course.setbacks) == (Status.DONE, len(failed))
