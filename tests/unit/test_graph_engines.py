# SPDX-License-Identifier: Apache-2.0
"""Engines with real processes: exit codes, lines, ends, and what a step may see."""

import json
import os
import shutil
import signal
import sys
import threading
import time

import psutil
import pytest

from agents.worker.graph.engine import Call
from agents.worker.graph.engines import native
from agents.worker.graph.engines.command import CommandEngine
from agents.worker.graph.engines.native import NativeEngine
from agents.worker.graph.engines.python import PythonEngine
from agents.worker.graph.engines.snap import make as make_snap
from agents.worker.graph.model import EngineName
from agents.worker.graph.plan import Command, Plan
from agents.worker.graph.run import passed_on, run_plan
from streams.errors import (
    EngineMissing,
    PluginError,
    StepFailed,
    StepFatal,
    StepTransient,
)
from streams.failures import Failure
from tests.graphs import a_context, a_graph
from tests.system import is_running

LONG_S = 60.0
"""No step of these tests takes so long: one that does must be ended."""


@pytest.fixture
def call(tmp_path):
    """Makes calls with their log in `lines`."""

    def make(command, arguments=None, **changes):
        return Call(
            **{
                "command": str(command),
                "arguments": arguments or {},
                "config": {},
                "workdir": tmp_path,
                "environment": passed_on(os.environ),
                "timeout_s": LONG_S,
                "cancelled": threading.Event(),
                "log": lambda level, line: make.lines.append((level, line)),
            }
            | changes
        )

    make.lines = []
    return make


@pytest.fixture
def script(tmp_path):
    """Writes Python scripts."""

    def write(text):
        file = tmp_path / "step.py"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def program(tmp_path):
    """Writes programs of the shell."""

    def write(text):
        file = tmp_path / "program"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o700)
        return file

    return write


def until(condition, at_most_s=20.0):
    end = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < end, "the condition never came"
        time.sleep(0.02)


# -- python and cmd: arguments, folder, lines


def test_script_gets_its_arguments_as_tokens_in_the_work_folder(call, script, tmp_path):
    step = script(
        "import json, os, sys\n"
        "json.dump([sys.argv[1:], os.getcwd(), sys.stdin.read()], open('told', 'w'))"
    )
    PythonEngine().run(call(step, {"z": "a b", "a": ""}))
    told = json.loads((tmp_path / "told").read_text())
    assert told == [["--z=a b", "--a="], str(tmp_path), ""]


def test_program_gets_its_arguments_as_tokens_in_the_work_folder(
    call, program, tmp_path
):
    CommandEngine().run(call(program('echo "$PWD" "$@"'), {"z": "$HOME *", "a": ""}))
    assert call.lines == [("debug", f"{tmp_path} --z=$HOME * --a=")]


def test_lines_of_a_script_are_classified(call, script):
    PythonEngine().run(
        call(
            script(
                "import sys\n"
                "print('said')\n"
                "print('  ERROR: at the beginning', file=sys.stderr)\n"
                "print('no ERROR: in the middle')\n"
                "print('x FATAL ERROR: anywhere')\n"
                "print()\n"
            )
        )
    )
    assert call.lines == [
        ("debug", "said"),
        ("error", "  ERROR: at the beginning"),
        ("debug", "no ERROR: in the middle"),
        ("error", "x FATAL ERROR: anywhere"),
    ]


def test_lines_of_a_program_are_classified(call, program):
    CommandEngine().run(
        call(program("echo said; echo WARN it; echo a WARN; echo an ERROR: it >&2"))
    )
    assert call.lines == [
        ("debug", "said"),
        ("warning", "WARN it"),
        ("debug", "a WARN"),
        ("error", "an ERROR: it"),
    ]


def test_long_line_is_clipped_and_the_next_one_is_read(call, script):
    PythonEngine().run(call(script("print('x' * 3_000_000)\nprint('ERROR: next')")))
    clipped, following = call.lines
    assert clipped[1] == "x" * 4096 + " … (message clipped)"
    assert following == ("error", "ERROR: next")


def test_bytes_that_are_no_text_are_read(call, program):
    CommandEngine().run(call(program(r"printf 'a\377b\nlast'")))
    assert call.lines == [("debug", "a\ufffdb"), ("debug", "last")]


def test_much_output_does_not_block_the_step(call, program):
    CommandEngine().run(call(program("yes line | head -n 20000")))
    assert len(call.lines) == 20_000


# -- python and cmd: how they end


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (1, "", StepFailed),
        (1, "ERROR: plain", StepFailed),
        (1, "FATAL ERROR: no DEM", StepFatal),
        (1, "ERROR: Temporary failure in name resolution", StepTransient),
        (1, "ERROR: it timed out", StepTransient),
        # Markers count in errors alone.
        (1, "the first try timed out", StepFailed),
        (1, "ERROR: timed out\nERROR: plain", StepFailed),
        (1, "FATAL ERROR: it timed out", StepFatal),
        (65, "", StepFatal),
        (75, "", StepTransient),
        (75, "FATAL ERROR: it", StepFatal),
        (255, "", StepFailed),
    ],
)
def test_failed_script_says_its_kind(status, said, kind, call, script):
    step = script(f"print({said!r})\nraise SystemExit({status})")
    with pytest.raises(kind) as caught:
        PythonEngine().run(call(step))
    last = f": {said.splitlines()[-1]}" if said else ""
    name = os.path.basename(sys.executable)
    assert str(caught.value) == f"'{name}' ended with status {status}{last}"
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (1, "", StepFailed),
        (1, "an ERROR: plain", StepFailed),
        (1, "a FATAL ERROR: it", StepFatal),
        (2, "a TEMPORARY ERROR: it", StepTransient),
        (1, "ERROR: it timed out", StepFailed),
        (65, "", StepFatal),
        (75, "", StepTransient),
        (137, "", StepFailed),
    ],
)
def test_failed_program_says_its_kind(status, said, kind, call, program):
    with pytest.raises(kind) as caught:
        CommandEngine().run(call(program(f"echo {said}; exit {status}")))
    assert type(caught.value) is kind


def test_n17_error_line_alone_is_no_failure(call, script):
    PythonEngine().run(call(script("print('ERROR: x')")))
    assert call.lines == [("error", "ERROR: x")]


def test_n16_words_of_the_command_line_decide_nothing(call, script):
    step = script("print('ERROR: x')\nraise SystemExit(1)")
    arguments = {"timeout": "timed out", "x": "FATAL ERROR: temporary failure"}
    with pytest.raises(StepFailed):
        PythonEngine().run(call(step, arguments))


def test_failure_tells_the_last_line_of_a_traceback(call, script):
    with pytest.raises(StepFailed, match="status 1: ZeroDivisionError: division by"):
        PythonEngine().run(call(script("1 / 0")))


def test_killed_step_failed_by_its_signal(call, program):
    with pytest.raises(StepFailed, match="'program' was killed by SIGKILL"):
        CommandEngine().run(call(program("kill -9 $$")))


def test_program_that_is_missing_is_named(call, tmp_path):
    with pytest.raises(StepFailed, match=r"'gone'.*No such file"):
        CommandEngine().run(call(tmp_path / "gone"))


def test_program_without_the_right_to_run_is_named(call, program):
    file = program("true")
    file.chmod(0o600)
    with pytest.raises(StepFailed, match=r"'program'.*Permission denied"):
        CommandEngine().run(call(file))


# What runs for ever: a child in the group, one in a session of its own that ignores a
# kind end, and one that nobody is the parent of; all keep the output open.
_TREE = """
(while :; do sleep 1; done) & echo $! >> pids
setsid sh -c 'trap "" TERM; echo $$ >> pids; while :; do sleep 1; done' &
(setsid sh -c 'echo $$ >> pids; while :; do sleep 1; done' &) &
while [ $(wc -l < pids) -lt 3 ]; do sleep 0.05; done
echo $$ >> pids
touch ready
"""


def _pids(tmp_path):
    return [int(line) for line in (tmp_path / "pids").read_text().split()]


def _none_is_left(tmp_path):
    assert len(_pids(tmp_path)) == 4
    until(lambda: not any(map(is_running, _pids(tmp_path))))


def test_step_that_takes_too_long_is_ended_with_all_it_started(call, program, tmp_path):
    step = program(f"{_TREE}\nwhile :; do sleep 1; done")
    with pytest.raises(StepFailed, match="took longer than 3 s"):
        CommandEngine().run(call(step, timeout_s=3))
    until(lambda: not any(map(is_running, _pids(tmp_path))))


def test_cancelled_step_is_ended_with_all_it_started(call, program, tmp_path):
    cancelled = threading.Event()

    def cancel():
        until((tmp_path / "ready").exists)
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(StepTransient, match="was cancelled"):
        CommandEngine().run(
            call(program(f"{_TREE}\nwhile :; do sleep 1; done"), cancelled=cancelled)
        )
    thread.join()
    _none_is_left(tmp_path)


def test_step_that_ended_leaves_nothing_behind(call, program, tmp_path):
    CommandEngine().run(call(program(_TREE)))
    _none_is_left(tmp_path)


def test_step_is_asked_kindly_before_it_is_killed(call, script, tmp_path):
    step = script(
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open('ended', 'w').close()\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    cancelled = threading.Event()
    watched = call(step, cancelled=cancelled, log=lambda *_: cancelled.set())
    with pytest.raises(StepTransient):
        PythonEngine().run(watched)
    assert (tmp_path / "ended").exists()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_step_dies_with_its_worker(tmp_path):
    (tmp_path / "worker.py").write_text(
        "import os, threading\n"
        "from pathlib import Path\n"
        "from agents.worker.graph.engine import Call\n"
        "from agents.worker.graph.engines.command import CommandEngine\n"
        "CommandEngine().run(Call('./step', {}, {}, Path('.'), os.environ, 60,\n"
        "    threading.Event(), print))\n"
    )
    step = tmp_path / "step"
    step.write_text("#!/bin/sh\necho $$ > pid.part; mv pid.part pid\nsleep 60\n")
    step.chmod(0o700)
    worker = psutil.Popen(
        [sys.executable, "worker.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    assert is_running(pid)
    worker.kill()
    worker.wait()
    until(lambda: not is_running(pid))


# -- snap: a program stands for SNAP's own


def test_snap_graph_gets_its_parameters_as_snap_expects(call, program):
    engine = make_snap({"gpt": str(program('echo "$@"'))})
    step = call("g.xml", {"polar": '"VV VH"'}, config={"snap_cpu_parallelism": "3"})
    engine.run(step)
    engine.run(call("g.xml", memory_mb=2000))
    assert call.lines == [
        ("debug", 'g.xml -x -q 3 -J-Xmx9000m -Ppolar="VV VH"'),
        ("debug", "g.xml -x -q 1 -J-Xmx2000m"),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Error: no such product", StepFailed),
        ("Error: FATAL ERROR: of the others", StepFailed),
        ("Error: Temporary failure in name resolution", StepTransient),
        ("Error: Try again", StepTransient),
        ("Error: try again", StepFailed),
        ("INFO: Try again", StepFailed),
    ],
)
def test_snap_graph_fails_as_its_last_error_says(line, kind, call, program):
    engine = make_snap({"gpt": str(program(f"echo '{line}'; exit 1"))})
    with pytest.raises(kind) as caught:
        engine.run(call("g.xml"))
    assert type(caught.value) is kind


def test_lines_of_snap_are_classified(call, program):
    said = ("SEVERE: x", "WARNING: x", "java.io.IOException: x", "INFO: x", "Error: x")
    lines = "\n".join(f"echo '{line}'" for line in said)
    make_snap({"gpt": str(program(lines))}).run(call("g.xml"))
    assert [level for level, _ in call.lines] == [
        *("info", "warning", "warning", "debug", "error")
    ]


def test_snap_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setenv("SNAPPATH", "/nowhere/gpt")
    with pytest.raises(PluginError, match="SNAP not found: no program '/nowhere/gpt'"):
        make_snap({})


# -- native


@pytest.fixture
def function(monkeypatch, tmp_path):
    """Registers a function as the step `step`."""

    def register(body):
        (tmp_path / "a_module.py").write_text(
            "import os, sys, time, subprocess\n"
            "from streams.errors import StepFailed, StepFatal, StepTransient\n"
            f"def step(workdir, arguments):\n    {body}\n"
        )

    class Entry:
        name = "step"
        value = "a_module:step"

    monkeypatch.setattr(native, "entry_points", lambda group: [Entry])
    monkeypatch.syspath_prepend(tmp_path)
    return register


def test_native_function_works_in_the_work_folder(call, function, tmp_path):
    function("(workdir / 'told').write_text(arguments['a'] + os.getcwd())")
    NativeEngine().run(call("step", {"a": "in "}))
    assert (tmp_path / "told").read_text() == f"in {tmp_path}"


@pytest.mark.parametrize("kind", [StepFatal, StepTransient, StepFailed])
def test_native_function_says_how_it_failed(kind, call, function):
    function(f"raise {kind.__name__}('because')")
    with pytest.raises(kind) as caught:
        NativeEngine().run(call("step"))
    assert type(caught.value) is kind
    assert str(caught.value) == "step 'step': because"


def test_other_error_of_a_native_function_is_a_plain_failure(call, function):
    function("1 / 0")
    with pytest.raises(StepFailed, match="step 'step': ZeroDivisionError: division"):
        NativeEngine().run(call("step"))


def test_native_function_that_is_killed_failed(call, function):
    function("os.kill(os.getpid(), 9)")
    with pytest.raises(StepFailed, match=f"process ended with -{signal.SIGKILL}"):
        NativeEngine().run(call("step"))


def test_native_function_that_exits_failed(call, function):
    function("sys.exit(0)")
    with pytest.raises(StepFailed, match="process ended with 0"):
        NativeEngine().run(call("step"))


_FOR_EVER = (
    "child = subprocess.Popen(['sleep', '60']); "
    "(workdir / 'pids').write_text(f'{os.getpid()} {child.pid}'); "
    "(workdir / 'ready').touch(); time.sleep(60)"
)


def test_native_function_that_takes_too_long_is_ended(call, function, tmp_path):
    function(_FOR_EVER)
    with pytest.raises(StepFailed, match="took longer than 2 s"):
        NativeEngine().run(call("step", timeout_s=2))
    until(lambda: not any(map(is_running, _pids(tmp_path))))


def test_cancelled_native_function_is_ended(call, function, tmp_path):
    function(_FOR_EVER)
    cancelled = threading.Event()
    thread = threading.Thread(
        target=lambda: (until((tmp_path / "ready").exists), cancelled.set())
    )
    thread.start()
    with pytest.raises(StepTransient, match="was cancelled"):
        NativeEngine().run(call("step", cancelled=cancelled))
    thread.join()
    until(lambda: not any(map(is_running, _pids(tmp_path))))


def test_native_functions_run_beside_one_another(call, function, tmp_path):
    # Each waits until the other is there.
    function(
        "(workdir / arguments['me']).touch()\n"
        "    while not (workdir / arguments['other']).exists(): time.sleep(0.01)"
    )
    threads = [
        threading.Thread(
            target=NativeEngine().run,
            args=(call("step", {"me": me, "other": other}),),
        )
        for me, other in (("a", "b"), ("b", "a"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()


def test_native_function_that_nobody_registered_is_named(call):
    with pytest.raises(PluginError, match="'nobody' is not registered; registered: ex"):
        NativeEngine().run(call("nobody"))


def test_lines_of_a_native_function_go_to_the_log(call, function):
    function("print('a line'); print('another', file=sys.stderr)")
    NativeEngine().run(call("step"))
    assert call.lines == [("debug", "a line"), ("debug", "another")]


def test_native_function_that_ended_leaves_nothing_behind(call, function, tmp_path):
    function(
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True); "
        "(workdir / 'pids').write_text(str(child.pid))"
    )
    NativeEngine().run(call("step"))
    until(lambda: not any(map(is_running, _pids(tmp_path))))


# -- limits

_TAKE_MUCH = "bytearray(8_000_000_000)"


def test_script_gets_no_more_memory_than_its_limit(call, script):
    with pytest.raises(StepFailed, match="MemoryError"):
        PythonEngine().run(call(script(_TAKE_MUCH), memory_mb=2000))


def test_native_function_gets_no_more_memory_than_its_limit(call, function):
    function(_TAKE_MUCH)
    with pytest.raises(StepFailed, match="it needed more memory than 4000 MB"):
        NativeEngine().run(call("step", memory_mb=4000))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is but one CPU")
def test_steps_take_turns_on_the_cpus_of_their_share(call, program):
    step = program("nproc; taskset -cp $$")
    for _ in range(2):
        CommandEngine().run(call(step, cpus=1))
    (_, one), (_, first), (_, other), (_, second) = call.lines
    assert (one, other) == ("1", "1")
    assert first.rpartition(":")[2] != second.rpartition(":")[2]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is but one CPU")
def test_native_function_sees_its_share_of_the_cpus(call, function):
    function("print(len(os.sched_getaffinity(0)))")
    NativeEngine().run(call("step", cpus=1))
    assert call.lines == [("debug", "1")]


def test_limit_without_the_program_that_sets_it_is_an_error(call, program, monkeypatch):
    step = program("true")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PluginError, match="limits of steps need 'prlimit'"):
        CommandEngine().run(call(step, memory_mb=1000))


# -- what a step may see


def test_step_sees_no_setting_of_ours(call, script, program, function, monkeypatch):
    monkeypatch.setenv("INGESTER_S3_SECRET_KEY", "planted secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted secret")
    monkeypatch.setenv("GDAL_CACHEMAX", "64")
    function("(workdir / 'native').write_text(repr(dict(os.environ)))")
    NativeEngine().run(call("step"))
    PythonEngine().run(
        call(script("import os\nopen('python', 'w').write(repr(dict(os.environ)))"))
    )
    CommandEngine().run(call(program("env > cmd")))
    for name in ("native", "python", "cmd"):
        seen = (call("x").workdir / name).read_text()
        assert "planted secret" not in seen
        assert "INGESTER_" not in seen
        assert "GDAL_CACHEMAX" in seen


def test_what_is_passed_on_is_named():
    given = {"PATH": "p", "PROJ_DATA": "d", "INGESTER_X": "s", "PATHX": "x"}
    assert passed_on(given) == {"PATH": "p", "PROJ_DATA": "d"}


# -- a plan


def _run(folder, commands, engines, **options):
    settings = a_context(a_graph(folder), folder)
    run_plan(
        Plan("g", "", (), tuple(commands)),
        settings,
        engines,
        timeout_s=LONG_S,
        cancelled=threading.Event(),
        log=lambda *_: None,
        **options,
    )


def test_commands_run_in_order_until_one_fails(program, tmp_path):
    step = str(program('echo "$@" >> told; [ "$1" != --n=2 ]'))
    commands = [Command(EngineName.CMD, step, {"n": n}, None) for n in "123"]
    with pytest.raises(StepFailed):
        _run(tmp_path, commands, lambda name: CommandEngine())
    assert (tmp_path / "told").read_text().split() == ["--n=1", "--n=2"]


def test_engine_that_is_not_installed_is_named_with_its_step(tmp_path):
    def engines(name):
        raise PluginError(f"engine '{name}' is not installed")

    commands = [Command(EngineName.SNAP, "graph.xml", {}, None)]
    with pytest.raises(
        EngineMissing, match=r"step 'graph.xml' needs the engine 'snap'"
    ) as caught:
        _run(tmp_path, commands, engines)
    # Another worker may have it.
    assert caught.value.failure is Failure.NODE_RESOURCE


def test_what_an_engine_lacks_is_a_lack_of_the_worker(tmp_path):
    commands = [Command(EngineName.NATIVE, "nobody", {}, None)]
    with pytest.raises(EngineMissing, match="'nobody' is not registered"):
        _run(tmp_path, commands, lambda name: NativeEngine())
