# SPDX-License-Identifier: Apache-2.0
"""The engine `docker`, on a server that speaks its interface and runs processes."""

import os
import sys
import threading
from dataclasses import replace

import pytest

from agents import plugins
from agents.worker.graph.engine import Call
from agents.worker.graph.engines.container import image_problem, level_of, make
from streams.errors import PluginError, StepFailed, StepFatal, StepTransient
from streams.failures import Failure
from tests.dockerd import DIGEST, serve
from tests.graphs import an_output
from tests.processes import a_processor, tile_order
from tests.trades import carried_out, failed, left_behind, stored

TAG = "tools/ndvi:1.0"
PINNED = f"tools/ndvi@sha256:{DIGEST}"


@pytest.fixture
def docker(tmp_path):
    """An engine whose images run the script `entry.py` of the test's folder."""
    entry = [sys.executable, str(tmp_path / "entry.py")]
    with serve({TAG: entry, PINNED: entry}) as engine:
        yield engine


@pytest.fixture
def call(tmp_path):
    (tmp_path / "task/work").mkdir(parents=True)
    said = []
    made = Call(
        command=PINNED,
        arguments={"red": "B04.tif", "name": "a b"},
        config={},
        workdir=tmp_path / "task/work",
        environment={},
        timeout_s=60,
        cancelled=threading.Event(),
        log=lambda level, line: said.append((level, line)),
    )
    return made, said


def run(docker, call, tmp_path, script, **options):
    (tmp_path / "entry.py").write_text(f"import os, sys, time\n{script}")
    make({"host": docker.url, **options}).run(call)


def test_arguments_are_the_images_command_in_the_work_folder(docker, call, tmp_path):
    script = "open('out', 'w').write(repr((os.getcwd(), sys.argv[1:])))"
    run(docker, call[0], tmp_path, script)
    work = str(tmp_path / "task/work")
    expected = (work, ["--red=B04.tif", "--name=a b"])
    assert (tmp_path / "task/work/out").read_text() == repr(expected)
    assert docker.containers == {}
    assert len(docker.removed) == 1


def test_container_gets_nothing_but_what_it_needs(docker, call, tmp_path):
    limited = replace(call[0], memory_mb=300, cpus=2)
    run(docker, limited, tmp_path, "", volumes="/dem,/aux")
    (asked,) = docker.created
    host = asked["HostConfig"]
    work = str(tmp_path / "task/work")
    assert sorted(host["Binds"]) == [
        "/aux:/aux:ro",
        "/dem:/dem:ro",
        f"{work}:{work}:rw",
    ]
    assert host["NetworkMode"] == "none"
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert host["Memory"] == host["MemorySwap"] == 300 * 1024 * 1024
    assert host["NanoCpus"] == 2_000_000_000
    assert asked["User"] == f"{os.getuid()}:{os.getgid()}"
    assert asked["WorkingDir"] == work
    assert asked["Labels"] == {"ingester.step": "task"}
    assert not asked.get("Env")
    assert "Entrypoint" not in asked or asked["Entrypoint"] is None


def test_network_and_user_can_be_told(docker, call, tmp_path):
    run(docker, call[0], tmp_path, "", network="tools", user="1000:1000")
    (asked,) = docker.created
    assert asked["HostConfig"]["NetworkMode"] == "tools"
    assert asked["User"] == "1000:1000"


def test_only_named_variables_are_seen(docker, call, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE", "ours")
    monkeypatch.setenv("GOOGLE_SECRET", "planted")
    made = replace(call[0], envs={"LEVEL": "graph's"})
    script = "open('out', 'w').write(repr(sorted(os.environ.items())))"
    run(docker, made, tmp_path, script, envs="GOOGLE,LEVEL")
    (asked,) = docker.created
    assert sorted(asked["Env"]) == ["GOOGLE=ours", "LEVEL=graph's"]
    seen = (tmp_path / "task/work/out").read_text()
    assert "('GOOGLE', 'ours')" in seen
    assert "planted" not in seen


def test_variable_of_a_graph_that_is_not_named_is_refused(docker, call, tmp_path):
    made = replace(call[0], envs={"LD_PRELOAD": "x"})
    with pytest.raises(StepFatal, match="variables LD_PRELOAD of the graph are not"):
        run(docker, made, tmp_path, "", envs="LEVEL")
    assert docker.created == []


def test_image_without_a_digest_must_be_allowed(docker, call, tmp_path):
    made = replace(call[0], command=TAG)
    with pytest.raises(StepFatal, match="neither pinned by digest"):
        run(docker, made, tmp_path, "")
    assert docker.created == []
    run(docker, made, tmp_path, "", images=f"other:2, {TAG}")
    assert len(docker.created) == 1


@pytest.mark.parametrize(
    "image", ["a@sha256:12", f"a@sha256:{DIGEST}x", f"a b@sha256:{DIGEST}", "a", ""]
)
def test_image_that_only_looks_pinned_is_not(image):
    assert "neither pinned" in image_problem(image, ())


def test_log_says_which_image_it_was(docker, call, tmp_path):
    made = replace(call[0], command=TAG)
    run(docker, made, tmp_path, "", images=TAG)
    assert ("info", f"image {TAG} is tools/ndvi@sha256:{DIGEST}") in call[1]


def test_image_that_is_not_here_is_fetched(docker, call, tmp_path):
    docker.remote[PINNED] = docker.images.pop(PINNED)
    run(docker, call[0], tmp_path, "print('ran')")
    assert ("info", f"image {PINNED} is fetched") in call[1]
    assert ("debug", "ran") in call[1]


def test_image_that_cannot_be_fetched_is_told(docker, call, tmp_path):
    docker.images.clear()
    with pytest.raises(StepFailed, match="pull access denied"):
        run(docker, call[0], tmp_path, "")
    with pytest.raises(StepFailed, match="is not here"):
        run(docker, call[0], tmp_path, "", pull="never")


# -- how it ends


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        ("sys.exit(1)", StepFailed, "ended with status 1"),
        ("sys.exit(2)", StepFailed, "ended with status 2"),
        ("sys.exit(137)", StepFailed, "ended with status 137"),
        ("sys.exit(65)", StepFatal, "ended with status 65"),
        ("sys.exit(75)", StepTransient, "ended with status 75"),
        ("print('FATAL ERROR: no DEM'); sys.exit(1)", StepFatal, "no DEM"),
        ("print('TEMPORARY ERROR: busy'); sys.exit(3)", StepTransient, "busy"),
        ("print('INFO: FATAL ERROR: x'); sys.exit(1)", StepFailed, "status 1"),
        ("os.kill(os.getpid(), 9)", StepFailed, "ended with status 137"),
    ],
)
def test_n18_every_status_but_0_is_a_failure_with_its_class(
    script, error, says, docker, call, tmp_path
):
    with pytest.raises(error, match=says) as caught:
        run(docker, call[0], tmp_path, script)
    assert type(caught.value) is error
    assert docker.containers == {}


def test_error_line_with_status_0_is_success(docker, call, tmp_path):
    run(docker, call[0], tmp_path, "print('ERROR: but well')")
    assert ("error", "ERROR: but well") in call[1]


def test_n18_lines_of_one_frame_stay_whole(docker, call, tmp_path):
    script = "os.write(1, b'starting\\n\\nFATAL ERROR: no DEM\\nlast'); sys.exit(1)"
    with pytest.raises(StepFatal, match="FATAL ERROR: no DEM"):
        run(docker, call[0], tmp_path, script)
    lines = [line for _, line in call[1]]
    assert lines[-3:] == ["starting", "FATAL ERROR: no DEM", "last"]


def test_line_in_several_frames_is_one(docker, call, tmp_path):
    script = (
        "os.write(2, b'FATAL ERR')\ntime.sleep(0.3)\nos.write(2, b'OR: no DEM')\n"
        "sys.exit(1)"
    )
    with pytest.raises(StepFatal, match="FATAL ERROR: no DEM"):
        run(docker, call[0], tmp_path, script)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("INFO reading", "info"),
        ("x INFO: ERROR: y", "info"),
        ("DEBUG: ERROR: y", None),
        ("ERROR x", "error"),
        ("a ERROR: b", "error"),
        ("WARNING: b", "warning"),
        ("an ERROR of mine", None),
    ],
)
def test_levels_of_lines(line, level):
    assert level_of(line) == level


def test_container_that_takes_too_long_is_ended(docker, call, tmp_path):
    script = "open('there', 'w').close()\nprint('begun', flush=True)\ntime.sleep(600)"
    with pytest.raises(StepFailed, match="took longer than 5 s"):
        run(docker, replace(call[0], timeout_s=5), tmp_path, script)
    assert ("debug", "begun") in call[1]
    assert docker.containers == {}


def test_cancelled_container_is_ended(docker, call, tmp_path):
    made, said = call

    def log(level, line):
        said.append((level, line))
        if line == "begun":
            made.cancelled.set()

    script = "print('begun', flush=True)\ntime.sleep(600)"
    with pytest.raises(StepTransient, match="was cancelled"):
        run(docker, replace(made, log=log), tmp_path, script)
    assert docker.containers == {}


def test_container_that_needs_too_much_memory_is_told(docker, call, tmp_path):
    script = "x = bytearray(10**9)\nx[::4096] = b'1' * len(x[::4096])\ntime.sleep(60)"
    with pytest.raises(StepFailed, match="needed more memory than 100 MB"):
        run(docker, replace(call[0], memory_mb=100), tmp_path, script)


@pytest.mark.parametrize(
    ("status", "error"), [(500, StepTransient), (400, StepFailed), (409, StepFailed)]
)
def test_refusals_of_the_engine_are_told(status, error, docker, call, tmp_path):
    docker.fail_create = (status, "no space in /var/lib/docker")
    with pytest.raises(error, match="says: no space in /var/lib/docker"):
        run(docker, call[0], tmp_path, "")


def test_engine_that_does_not_answer_is_asked_again_later(call):
    with serve({}) as other:
        gone = other.url
    with pytest.raises(StepTransient, match=f"no Docker engine answers at {gone}"):
        make({"host": gone}).run(call[0])


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (b'{"error":"toomanyrequests: slow down"}\r\n', "toomanyrequests: slow down"),
        (b'{"status":"Downloading"}\r\n', "was fetched, and is not here"),
    ],
)
def test_image_that_a_registry_breaks_off_is_asked_for_again(
    item, says, docker, call, tmp_path
):
    docker.remote[PINNED] = docker.images.pop(PINNED)
    docker.pulling = [item]
    with pytest.raises(StepTransient, match=says):
        run(docker, call[0], tmp_path, "")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [("time", StepFailed, "took longer"), ("cancel", StepTransient, "was cancelled")],
)
def test_image_that_is_not_fetched_to_its_end_is_given_up(
    change, error, says, docker, call, tmp_path
):
    docker.remote[PINNED] = docker.images.pop(PINNED)
    docker.pulling, docker.stalled = [b'{"status":"Waiting"}\r\n'], threading.Event()
    made = replace(call[0], timeout_s=1 if change == "time" else 60)
    if change == "cancel":
        made.cancelled.set()
    try:
        with pytest.raises(error, match=says):
            run(docker, made, tmp_path, "")
    finally:
        docker.stalled.set()


# -- what is missing or wrong


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(PluginError, match=r"install kafka-geocube-ingester\[docker\]"):
        make({})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"envs": "HOME,INGESTER_S3_SECRET_KEY"}, "may hold secrets"),
        ({"volumes": "data"}, "expected absolute paths"),
        ({"pull": "always"}, "expected missing or never"),
    ],
)
def test_wrong_options_are_told(options, says):
    with pytest.raises(ValueError, match=says):
        make(options)


# -- in a task


def test_graph_with_a_container_gives_its_layer(docker, tmp_path, monkeypatch):
    monkeypatch.setenv("INGESTER_ENGINE_DOCKER_HOST", docker.url)
    (tmp_path / "entry.py").write_text(
        "print('INFO: making')\nopen('20240101_T_x.txt', 'w').write('made')"
    )
    step = {"engine": "docker", "command": PINNED}
    out = an_output(layer="x", extension="txt")
    with a_processor(tmp_path) as trade:
        done = carried_out(trade, tile_order(tmp_path, step, out)).message
    objects = stored(tmp_path)
    assert objects["demo/S/tiles/T/p1/20240101_T_x.txt"] == b"made"
    log = objects[done.log.removeprefix(f"file://{tmp_path}/store/")]
    assert b"info: INFO: making\n" in log


def test_graph_with_a_container_that_fails_leaves_nothing(
    docker, tmp_path, monkeypatch
):
    monkeypatch.setenv("INGESTER_ENGINE_DOCKER_HOST", docker.url)
    (tmp_path / "entry.py").write_text("import sys\nsys.exit('FATAL ERROR: no DEM')")
    step = {"engine": "docker", "command": PINNED}
    with a_processor(tmp_path) as trade:
        fact = failed(trade, tile_order(tmp_path, step))
    assert fact.failure is Failure.STEP_FATAL
    assert fact.message.endswith("ended with status 1: FATAL ERROR: no DEM")
    assert docker.containers == {}
    assert left_behind(tmp_path) == []


def test_engine_is_a_plug_in():
    assert "docker" in plugins.names("engine")
