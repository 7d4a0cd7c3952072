# SPDX-License-Identifier: Apache-2.0
"""Every way in which a step fails: its fact, class and log, and no file is left."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pytest

from agents.worker.desk import Desk
from streams.events import ProcessFailed
from streams.failures import Failure
from tests.disks import run_on_a_disk
from tests.graphs import an_output
from tests.landsat import LEVEL_1
from tests.processes import TASK, a_processor, an_index, tile_order
from tests.rasters import write
from tests.system import is_running, wait_for
from tests.trades import AREA, failed, left_behind, put_layer, stored

X = an_output(layer="x", extension="txt")

# How a step ends → the failure's class, and what its message says.
ENDINGS = {
    "plain": ("sys.exit(1)", Failure.STEP_FAILED, "ended with status 1"),
    "any status": ("sys.exit(137)", Failure.STEP_FAILED, "ended with status 137"),
    "data error": ("sys.exit(65)", Failure.STEP_FATAL, "ended with status 65"),
    "try again": ("sys.exit(75)", Failure.STEP_TRANSIENT, "ended with status 75"),
    "fatal line": (
        "print('FATAL ERROR: no DEM'); sys.exit(1)",
        Failure.STEP_FATAL,
        "FATAL ERROR: no DEM",
    ),
    "transient line": (
        "print('ERROR: temporary failure'); sys.exit(1)",
        Failure.STEP_TRANSIENT,
        "ERROR: temporary failure",
    ),
    "traceback": (
        "raise ValueError('bad band')",
        Failure.STEP_FAILED,
        "ValueError: bad band",
    ),
    "killed": (
        "import signal; os.kill(os.getpid(), signal.SIGKILL)",
        Failure.STEP_FAILED,
        "was killed by SIGKILL",
    ),
    "missing output": ("pass", Failure.STEP_FAILED, "the graph made no '20240101_T_x"),
    "unwritable output": (
        "os.mkdir('20240101_T_x.txt'); open('20240101_T_x.txt', 'w')",
        Failure.STEP_FAILED,
        "IsADirectoryError",
    ),
}


def told(fact: ProcessFailed, folder: Path, said: str = "begun") -> None:
    """Is the fact whole, its log there, and nothing else?"""
    assert (fact.area, fact.task, fact.attempt) == (AREA, TASK, 1)
    assert fact.worker == "w1"
    assert fact.duration_s > 0
    objects = stored(folder)
    (key,) = objects
    assert fact.log == f"file://{folder}/store/{key}"
    assert f"debug: {said}\n".encode() in objects[key]
    assert left_behind(folder) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_step_fails_with_its_class_and_keeps_what_it_said(ending, tmp_path):
    """F18."""
    script, failure, says = ENDINGS[ending]
    order = tile_order(tmp_path, f"print('begun', flush=True)\n{script}", X)
    with a_processor(tmp_path) as trade:
        fact = failed(trade, order)
    assert fact.failure is failure
    assert says in fact.message
    told(fact, tmp_path)


def _step(tmp_path: Path, text: str, **limits: Any) -> Mapping[str, Any]:
    (tmp_path / "graphs").mkdir(exist_ok=True)
    (tmp_path / "graphs/step.py").write_text(f"print('begun', flush=True)\n{text}")
    return {"engine": "python", "command": "step.py", **limits}


def test_step_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    # A shell: it is there at once, also on a machine that has much to do.
    (tmp_path / "graphs").mkdir()
    script = tmp_path / "graphs/step.sh"
    script.write_text(
        f"#!/bin/sh\necho begun\nsleep 600 &\necho $! > '{tmp_path}/pid'\nwait\n"
    )
    script.chmod(0o700)
    step = {"engine": "cmd", "command": "step.sh", "timeout_s": 3}
    with a_processor(tmp_path) as trade:
        fact = failed(trade, tile_order(tmp_path, step, X))
    assert fact.failure is Failure.STEP_FAILED
    assert "took longer than 3 s" in fact.message
    assert fact.duration_s >= 3
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_running(pid))
    told(fact, tmp_path)


def test_step_that_needs_more_memory_than_it_may_fails(tmp_path):
    """F31."""
    step = _step(tmp_path, "x = bytearray(10**9)", memory_mb=200)
    with a_processor(tmp_path) as trade:
        fact = failed(trade, tile_order(tmp_path, step, X))
    assert fact.failure is Failure.STEP_FAILED
    assert "MemoryError" in fact.message
    told(fact, tmp_path)


def test_child_killed_by_another_is_a_failure_of_its_step(tmp_path):
    script = (
        "import os, time\n"
        f"open('{tmp_path}/new', 'w').write(str(os.getpid()))\n"
        f"os.rename('{tmp_path}/new', '{tmp_path}/pid')\n"
        "time.sleep(600)"
    )
    order = tile_order(tmp_path, _step(tmp_path, script), X)
    facts = []
    with a_processor(tmp_path) as trade:
        thread = threading.Thread(target=lambda: facts.append(failed(trade, order)))
        thread.start()
        while not (tmp_path / "pid").exists():
            thread.join(0.01)
            assert thread.is_alive()
        os.kill(int((tmp_path / "pid").read_text()), 9)
        thread.join(60)
    (fact,) = facts
    assert fact.failure is Failure.STEP_FAILED
    assert "was killed by SIGKILL" in fact.message
    told(fact, tmp_path)


def test_input_that_is_gone_fails_before_any_step(tmp_path):
    layer = put_layer(tmp_path, "in.txt", b"input", "in", "txt")
    (tmp_path / "store/in.txt").unlink()
    order = tile_order(
        tmp_path,
        _step(tmp_path, ""),
        X,
        layers=[layer],
        graph={"in_files": [[{"layer": "in", "extension": "txt"}]]},
    )
    with a_processor(tmp_path) as trade:
        fact = failed(trade, order)
    assert (fact.failure, fact.log) == (Failure.BAD_INPUT, "")
    assert stored(tmp_path) == {}
    assert left_behind(tmp_path) == []


def test_layer_that_the_store_does_not_take_is_tried_again(tmp_path):
    (tmp_path / "store").write_text("no folder")
    script = "print('begun')\nopen('20240101_T_x.txt', 'w').write('made')"
    with a_processor(tmp_path) as trade:
        fact = failed(trade, tile_order(tmp_path, script, X))
    assert fact.failure is Failure.TRANSIENT_STORAGE
    assert (fact.log, left_behind(tmp_path)) == ("", [])
    assert "log not kept: " in fact.message


def test_layer_of_another_format_than_declared_fails_for_good(tmp_path):
    step = _step(tmp_path, "open('20240101_T_x.tif', 'w').write('text')")
    with a_processor(tmp_path) as trade:
        fact = failed(trade, tile_order(tmp_path, step, an_index("x")))
    assert fact.failure is Failure.STEP_FATAL
    assert "layer 'x': file '20240101_T_x.tif' cannot be read" in fact.message
    told(fact, tmp_path)


def test_cancelled_step_is_ended_and_keeps_what_it_said(tmp_path):
    script = f"import time\nopen('{tmp_path}/there', 'w').close()\ntime.sleep(600)"
    order, desk = tile_order(tmp_path, _step(tmp_path, script), X), Desk()
    errors = []

    def work(trade):
        try:
            trade.carry_out(order, desk)
        except Exception as error:  # noqa: BLE001 (looked at below)
            errors.append(error)

    with a_processor(tmp_path) as trade:
        thread = threading.Thread(target=work, args=(trade,))
        thread.start()
        while not (tmp_path / "there").exists():
            thread.join(0.01)
            assert thread.is_alive()
        desk.cancelled.set()
        thread.join(60)
        (error,) = errors
        (fact,) = trade.fail(order, error, Failure.CANCELLED, desk)
    assert fact.message.failure is Failure.CANCELLED
    told(fact.message, tmp_path)


# -- a full disk: a real one, small, in a name space of its own

FULL = """
import sys, json
from pathlib import Path
from agents.worker.workdir import Workshop
from streams.failures import Failure
from tests.processes import *
from tests.trades import failed, left_behind, stored

folder, small, script, extension = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
out = an_output(layer="x", extension=extension)
if extension == "tif":
    out = an_index("x")
step = json.loads(script) if script.startswith("{") else script
with a_processor(folder, workshop=Workshop(small, "w")) as trade:
    fact = failed(trade, tile_order(folder, step, out))
left = [str(p) for p in small.rglob("*")]
print(json.dumps([fact.failure, fact.message, fact.log, left]))
"""

FILL = (
    "print('begun', flush=True)\n"
    "with open('big', 'wb', buffering=0) as file:\n"
    "    while True: file.write(bytes(1 << 16))\n"
)


def _on_a_full_disk(
    tmp_path: Path, script: str, extension: str = "txt", megabytes: int = 8
) -> Any:
    """What a processor says whose work folder is on a small disk."""
    small = tmp_path / "small"
    small.mkdir()
    return json.loads(
        run_on_a_disk(megabytes, small, FULL, tmp_path, small, script, extension)
    )


@pytest.mark.parametrize(
    ("script", "extension"),
    [
        (FILL, "txt"),
        # It dies of it without a word that would tell.
        (f"try:\n{indent(FILL, ' ')}\nexcept OSError: os._exit(3)", "txt"),
        # It does not look, and ends well with half of a layer.
        (
            "print('begun', flush=True)\n"
            "os.system('head -c 8000000 /dev/zero > big 2> err; "
            "head -c 900000 /dev/zero > 20240101_T_x.tif 2> err')",
            "tif",
        ),
    ],
    ids=["told", "untold", "half a layer"],
)
def test_full_disk_is_the_workers_failure(script, extension, tmp_path):
    failure, message, log, left = _on_a_full_disk(tmp_path, script, extension)
    assert failure == Failure.NODE_RESOURCE.value
    assert "the disk is full" in message
    (key,) = stored(tmp_path)
    assert log == f"file://{tmp_path}/store/{key}"
    assert b"debug: begun\n" in stored(tmp_path)[key]
    assert left == []


def _noise(path: Path) -> Path:
    """A raster of 8 MB that cannot be packed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(1, 60000, (2048, 2048), "uint16")
    return write(path, pixels, tiled=True, blockxsize=512, blockysize=512)


def _fixed(**values: object) -> dict[str, object]:
    return {
        name.replace("_", "-"): {"type": "fixed", "value": str(value)}
        for name, value in values.items()
    }


# 8 MB: not even the first pass has room; 14 MB: it has, and what follows has not.
@pytest.mark.parametrize("megabytes", [8, 14])
def test_disk_that_a_function_of_ours_filled_is_the_workers_failure(
    megabytes, tmp_path
):
    product = tmp_path / LEVEL_1
    _noise(product / f"{LEVEL_1}_B04.TIF")
    arguments = _fixed(product=product, out="20240101_T_*.tif", bands="B04")
    step = {
        "engine": "native",
        "command": "extract_landsat_bands",
        "args": arguments,
    }
    failure, message, _, left = _on_a_full_disk(
        tmp_path, json.dumps(step), megabytes=megabytes
    )
    assert failure == Failure.NODE_RESOURCE.value
    assert "the disk is full" in message
    assert left == []


@pytest.mark.parametrize("megabytes", [4, 14, 20])
def test_disk_that_a_script_of_ours_filled_is_the_workers_failure(megabytes, tmp_path):
    source = _noise(tmp_path / "noise.tif")
    arguments = _fixed(
        file_in=source,
        file_out="20240101_T_x.tif",
        range_in="0,65535",
        dformat_out="uint16,0,0,65535",
    )
    step = {"engine": "python", "command": "convert.py", "args": arguments}
    failure, message, _, left = _on_a_full_disk(
        tmp_path, json.dumps(step), megabytes=megabytes
    )
    assert failure == Failure.NODE_RESOURCE.value
    assert "the disk is full" in message
    assert left == []
