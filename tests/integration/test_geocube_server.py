# SPDX-License-Identifier: Apache-2.0
"""The Geocube's stand-in as a process and on the wire."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import psycopg
import pytest
from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.database import Database
from infra.geocube.standin.service import serve
from infra.local import s3
from infra.minio.client import connect
from streams.errors import StackError
from tests.geocube import Geocube, Refused, dataset, raster, refusal, square, standin

PATIENCE_S = 60


class Process:
    """A stand-in as the supervisor starts it."""

    def __init__(self, log, **settings):
        self.port = int(settings["INGESTER_GEOCUBE_LISTEN"].rpartition(":")[2])
        self._log = log
        ours = {k: v for k, v in os.environ.items() if not k.startswith("INGESTER_")}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.geocube.standin"],
                env={**ours, **settings},
                stderr=file,
            )

    def ready(self):
        """Spoken to, once it listens."""
        until(lambda: self._process.poll() is not None or listens(self.port))
        assert self._process.returncode is None, self._log.read_text()
        return Geocube(f"127.0.0.1:{self.port}")

    def signal(self, number):
        self._process.send_signal(number)

    def ended(self):
        """Its exit status and what it said, once it has ended."""
        status = self._process.wait(PATIENCE_S)
        return status, self._log.read_text()

    def kill(self):
        self._process.kill()
        self._process.wait()


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def start(database, tmp_path):
    """Starts stand-ins over one database."""
    started = []

    def one(port=0, **settings):
        process = Process(
            tmp_path / f"{len(started)}.log",
            INGESTER_GEOCUBE_LISTEN=f"127.0.0.1:{port or free_port()}",
            INGESTER_GEOCUBE_DSN=database,
            **settings,
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()


@pytest.fixture
def geocube(database):
    with standin(database) as running:
        yield running


# the process


def test_call_under_way_is_answered_before_the_end(start, database):
    process = start()
    geocube = process.ready()
    assert geocube.ask("Version").Version == "1.0.3"
    with (
        ThreadPoolExecutor() as others,
        closing(psycopg.connect(database)) as holder,
        closing(psycopg.connect(database, autocommit=True)) as watcher,
    ):
        holder.execute("lock table geocube.aoi")
        call = others.submit(geocube.aoi)
        waiting = "select 1 from pg_locks where not granted"
        until(lambda: watcher.execute(waiting).fetchone())
        process.signal(signal.SIGTERM)
        until(lambda: not listens(process.port))
        holder.rollback()
        assert call.result()
    assert process.ended() == (0, "")


def test_restart_keeps_everything(start, stack, bucket, tmp_path):
    file, uri = raster(tmp_path / "B04.tif"), f"s3://{bucket}/B04.tif"
    connect(s3.options(stack.environment())).fput_object(bucket, "B04.tif", str(file))
    first = start(**s3.credentials(stack.home))
    geocube = first.ready()
    record, instance = geocube.record(level="L1C"), geocube.variable()
    geocube.index(uri, dataset(record, instance))
    before = geocube.ask("GetContainers", uris=[uri])
    first.signal(signal.SIGTERM)
    first.ended()
    geocube = start(first.port, **s3.credentials(stack.home)).ready()
    assert geocube.ask("GetContainers", uris=[uri]) == before
    (item,) = geocube.ask("ListRecords", with_aoi=True)
    assert (item.record.id, item.record.aoi) == (record, square())
    geocube.index(uri, dataset(record, instance))


# the database


def test_several_may_make_the_tables_at_once(database):
    def prepare(_):
        with Database(database) as one:
            one.prepare()

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(prepare, range(4)))
    with standin(database) as geocube:
        assert geocube.record()


def test_real_geocubes_database_is_left_alone(database):
    with psycopg.connect(database) as connection:
        connection.execute("create schema geocube; create table geocube.aoi (id uuid)")
    with (
        Database(database) as one,
        pytest.raises(StackError, match="'geocube' that is not the stand-in's"),
    ):
        one.prepare()
    with psycopg.connect(database) as connection:
        tables = "select tablename from pg_tables where schemaname = 'geocube'"
        assert connection.execute(tables).fetchall() == [("aoi",)]


# the port


def test_taken_port_is_an_error(geocube):
    with pytest.raises(RuntimeError, match=geocube.address):
        serve(geocube.address, None, None)


def test_bearer_is_asked_for_when_there_is_one(database):
    with standin(database, token="secret") as anonymous:
        address = anonymous.address
        refused = anonymous.refused("Version")
        assert refused == Refused(
            StatusCode.UNAUTHENTICATED, 'missing "Bearer " prefix'
        )
        for value in ("secret", "bearer secret", "Bearer other", "Bearer  secret"):
            stranger = Geocube(address, [("authorization", value)])
            assert stranger.refused("ListRecords").code is StatusCode.UNAUTHENTICATED
        friend = Geocube(address, [("authorization", "Bearer secret")])
        assert friend.ask("ListRecords") == []


def test_any_bearer_is_taken_when_there_is_none(geocube):
    stranger = Geocube(geocube.address, [("authorization", "Bearer x")])
    assert stranger.ask("Version").Version


def test_request_over_four_mebibytes_is_refused(geocube):
    big = pb.NewRecord(name="a" * (4 << 20))
    refused = geocube.refused("CreateRecords", records=[big])
    assert refused.code is StatusCode.RESOURCE_EXHAUSTED
    assert "message larger than max" in refused.message


@pytest.mark.parametrize(
    "path",
    [
        "/geocube.Geocube/GetCube",
        "/geocube.Geocube/Consolidate",
        "/geocube.Geocube/GetXYZTile",
        "/geocube.Admin/TidyDB",
        "/grpc.health.v1.Health/Check",
    ],
)
def test_pixels_consolidation_and_the_rest_are_not_served(geocube, path):
    with pytest.raises(grpc.RpcError) as caught:
        geocube.channel.unary_unary(path)(b"", timeout=20)
    assert refusal(caught.value).code is StatusCode.UNIMPLEMENTED


def test_lost_connections_to_the_database_are_made_again(geocube, database):
    id = geocube.record()
    with psycopg.connect(database) as connection:
        killed = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database()"
            " and application_name = 'geocube-standin'"
        )
        assert killed.fetchall()
    (item,) = geocube.ask("ListRecords")
    assert item.record.id == id


def test_five_connections_serve_any_number_of_calls(geocube):
    with ThreadPoolExecutor(40) as crowd:
        ids = set(crowd.map(lambda n: geocube.aoi(west=n / 100), range(200)))
    assert len(ids) == 200


# the wire: bytes made and read by field number, without the stubs


def field(number, value):
    """One field: varint, double, text, or a message as bytes."""
    match value:
        case bool() | int():
            return varint(number << 3) + varint(value)
        case float():
            return varint(number << 3 | 1) + struct.pack("<d", value)
        case str():
            return field(number, value.encode())
        case bytes():
            return varint(number << 3 | 2) + varint(len(value)) + value


def float32(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


def varint(value):
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


@pytest.fixture
def raw(geocube):
    def call(method, *fields):
        path = f"/geocube.Geocube/{method}"
        return geocube.channel.unary_unary(path)(b"".join(fields), timeout=20)

    def stream(method, *fields):
        path = f"/geocube.Geocube/{method}"
        return list(geocube.channel.unary_stream(path)(b"".join(fields), timeout=20))

    call.stream = stream
    return call


RING = [(3, 41), (4, 41), (4, 42), (3, 41)]
AOI = field(
    1, field(1, b"".join(field(1, float32(1, x) + float32(2, y)) for x, y in RING))
)
ID_LENGTH = 36


def id_of(answer):
    """The id in an answer that holds nothing but an id in field 1."""
    id = answer[2:].decode()
    assert answer == field(1, id)
    assert len(id) == ID_LENGTH
    return id


def test_interface_is_the_one_of_the_specification(raw, tmp_path):
    assert raw("Version") == field(1, "1.0.3")

    aoi_id = id_of(raw("CreateAOI", field(1, AOI)))
    assert raw("GetAOI", field(1, aoi_id)) == field(1, AOI)

    time = field(1, 1_714_521_600)
    tag = field(1, "level") + field(2, "L1C")
    new = field(1, "scene") + field(2, time) + field(3, tag) + field(4, aoi_id)
    record_id = id_of(raw("CreateRecords", field(1, new)))
    record = (
        field(1, record_id)
        + field(2, "scene")
        + field(3, time)
        + field(4, tag)
        + field(5, aoi_id)
    )
    interval = field(4, time) + field(5, time)
    wanted = field(1, "sc*") + field(3, tag) + interval + field(6, 10) + field(8, AOI)
    assert raw.stream("ListRecords", wanted) == [field(1, record)]
    with_aoi = field(1, record + field(6, AOI))
    assert raw.stream("ListRecords", wanted, field(9, True)) == [with_aoi]
    assert raw.stream("GetRecords", field(1, record_id)) == [field(1, record)]

    stored = field(1, 5) + field(2, -1.0) + field(3, 1.0) + field(4, 10_000.0)
    about = field(2, "B04") + field(3, "1") + field(4, "red") + field(5, stored)
    about += field(6, "red") + field(8, 2)
    variable_id = id_of(raw("CreateVariable", field(1, about)))
    metadata = field(3, field(1, "by") + field(2, "us"))
    made = raw("InstantiateVariable", field(1, variable_id), field(2, "raw"), metadata)
    instance_id = made[4 : 4 + ID_LENGTH].decode()
    instance = field(1, instance_id) + field(2, "raw") + metadata
    assert made == field(1, instance)
    variable = field(1, variable_id) + about + field(9, instance)
    assert raw("GetVariable", field(2, "B04")) == field(1, variable)
    assert raw("GetVariable", field(3, instance_id)) == field(1, variable)
    assert raw.stream("ListVariables", field(3, 1)) == [field(1, variable)]

    uri = str(raster(tmp_path / "B04.tif", bands=3))
    mapping = field(9, 1.0) + field(10, 2.0) + field(11, 0.5)
    sent = field(2, record_id) + field(3, instance_id)
    sent += field(7, bytes([3])) + field(8, stored) + mapping
    container = field(1, uri) + field(2, True) + field(3, sent)
    assert raw("IndexDatasets", field(1, container)) == b""
    assert raw("GetContainers", field(1, uri)) == field(1, container)
    meta = field(1, uri) + field(3, bytes([3])) + field(4, stored)
    meta += field(5, 1.0) + field(6, 2.0) + field(7, 0.5)
    ids = field(2, field(1, record_id))
    listed = field(1, record) + field(2, field(3, meta))
    assert raw("ListDatasets", field(1, instance_id), ids) == listed

    tags = field(2, field(1, "a") + field(2, "b"))
    assert raw("AddRecordsTags", field(1, record_id), tags) == field(1, 1)
    assert raw("RemoveRecordsTags", field(1, record_id), field(2, "a")) == field(1, 1)

    job = raw("DeleteDatasets", field(2, record_id), field(6, uri), field(5, "job"))
    job_id = job[4 : 4 + ID_LENGTH].decode()
    head = field(1, job_id) + field(2, "job") + field(3, "DELETION")
    assert job.startswith(b"\x12")
    assert head + field(4, "NEW") in job
    ended = raw("GetJob", field(1, job_id))
    assert ended.startswith(b"\x0a")
    assert head + field(4, "DONE") in ended

    assert raw("DeleteRecords", field(1, record_id), field(2, True)) == field(1, 1)


def test_details_of_a_refusal_are_googles(raw):
    aoi_id = id_of(raw("CreateAOI", field(1, AOI)))
    with pytest.raises(grpc.RpcError) as caught:
        raw("CreateAOI", field(1, AOI))
    trailer = dict(caught.value.trailing_metadata())
    info = field(1, "AOI") + field(2, aoi_id)
    detail = field(1, "type.googleapis.com/google.rpc.ResourceInfo") + field(2, info)
    assert trailer["grpc-status-details-bin"] == (
        field(1, 6) + field(2, f"AOI with id: {aoi_id}") + field(3, detail)
    )
