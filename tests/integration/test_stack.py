# SPDX-License-Identifier: Apache-2.0
"""The embedded stack: up, down, and what becomes of it when something is killed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.kafka import provision
from infra.kafka.connection import Connection
from infra.kafka.provision import Layout
from infra.kafka.reader import TopicReader
from infra.kafka.writer import Writer
from infra.local import postgres, s3
from infra.local.home import Home
from infra.local.service import Service
from infra.local.stack import Stack
from infra.minio.provision import provision_bucket
from infra.minio.store import open_store
from streams.envelope import Record
from streams.errors import StackError
from streams.topics import REQUESTS
from tests.system import free_port, wait_for

CACHE = Path(__file__).parents[2] / ".ingester" / "cache"

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def own(tmp_path):
    """A stack of its own, that nobody else sees; nothing runs yet."""
    own = Stack(Home.at(tmp_path / "home", CACHE), durable=False)
    yield own
    own.down()


@pytest.fixture
def begun(own):
    """One that runs, to be broken."""
    own.up()
    return own


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One that runs, for tests that leave it as it was."""
    home = Home.at(tmp_path_factory.mktemp("stack"), CACHE)
    shared = Stack(home, durable=False)
    shared.up()
    yield shared
    shared.down()


def kafka(stack: Stack) -> Connection:
    return Connection(stack.environment()["INGESTER_KAFKA_BOOTSTRAP"])


def pids(stack: Stack) -> dict[str, int]:
    return {status.name: status.pid for status in stack.ps()}


def supervisor(stack: Stack) -> int:
    pid: int = stack.home.state().read()["supervisor"]["pid"]
    return pid


def family(stack: Stack) -> list[psutil.Process]:
    """The supervisor and all that runs below it."""
    root = psutil.Process(supervisor(stack))
    return [root, *root.children(recursive=True)]


def put_data(stack: Stack, folder: Path) -> None:
    """Something in each server."""
    provision.create(kafka(stack), [REQUESTS], Layout(1, 1, 1, 1))
    Writer(kafka(stack)).write([Record(REQUESTS.name, b"key", b"value")])
    with psycopg.connect(postgres.dsn(stack.home, "ingester")) as database:
        database.execute("create table kept as select 42 as number")
    provision_bucket("kept", s3.options(stack.environment()))
    source = folder / "object"
    source.write_bytes(b"object")
    open_store(s3.options(stack.environment())).put("s3://kept/object", source)


def check_data(stack: Stack) -> None:
    with TopicReader(kafka(stack)) as reader:
        assert [record.value for record in reader.read(REQUESTS.name)] == [b"value"]
    with psycopg.connect(postgres.dsn(stack.home, "ingester")) as database:
        assert database.execute("select number from kept").fetchall() == [(42,)]
    store = open_store(s3.options(stack.environment()))
    assert store.stat("s3://kept/object") is not None


def test_stack_keeps_ports_and_data_over_down_and_up(begun, tmp_path):
    ports = {status.name: status.port for status in begun.ps()}
    put_data(begun, tmp_path)
    processes = family(begun)
    begun.down()
    assert not [p for p in processes if p.is_running()]
    assert begun.ps() == []
    begun.up()
    assert {status.name: status.port for status in begun.ps()} == ports
    check_data(begun)


def test_nothing_is_orphaned_when_the_supervisor_is_killed(begun, tmp_path):
    put_data(begun, tmp_path)
    processes = family(begun)
    os.kill(supervisor(begun), signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
    begun.up()
    check_data(begun)


def test_up_that_is_killed_leaves_a_stack_that_can_be_stopped(own):
    starter = subprocess.Popen(
        [sys.executable, "-m", "agents", "up"],
        env={
            **os.environ,
            "INGESTER_HOME": str(own.home.root),
            "INGESTER_CACHE": str(CACHE),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: own.is_up() and own.ps())
    starter.kill()
    starter.wait()
    processes = family(own)
    own.down()
    assert not [p for p in processes if p.is_running()]
    own.up()
    assert {status.state for status in own.ps()} == {"ready"}


def test_service_that_dies_is_started_again(running):
    before = pids(running)
    running.signal("postgres", signal.SIGKILL)
    wait_for(lambda: pids(running)["postgres"] not in (0, before["postgres"]))
    wait_for(lambda: {s.state for s in running.ps()} == {"ready"})
    (database,) = (s for s in running.ps() if s.name == "postgres")
    assert database.restarts == 1
    with psycopg.connect(postgres.dsn(running.home, "ingester")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_second_up_attaches_to_what_runs(running):
    before = pids(running)
    Stack(running.home, durable=False).up()
    assert pids(running) == before


def test_everything_listens_on_loopback_only(running):
    listening = [
        connection.laddr.ip
        for process in family(running)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    loopback = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert set(listening) <= loopback


def test_service_that_cannot_start_is_told_with_its_last_words(running):
    program = (sys.executable, "-c", "raise SystemExit('no spoon')")
    hopeless = Service("hopeless", program, port=free_port())
    with pytest.raises(StackError, match=r"hopeless does not come up[^$]*no spoon"):
        running.add([hopeless])
    running.remove(["hopeless"])


def test_stranger_on_the_port_is_not_taken_for_the_service(running):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        running.start([Service("late", SLEEP, port=port)])
        wait_for(lambda: pids(running).get("late"))
        assert {s.state for s in running.ps() if s.name == "late"} == {"starting"}
    running.remove(["late"])


def test_home_whose_path_is_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(StackError, match="shorter"):
        Home.at(tmp_path / ("x" * 120))
