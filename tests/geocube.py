# SPDX-License-Identifier: Apache-2.0
"""The Geocube's stand-in on a port of its own, spoken to without our client."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import grpc
import numpy as np
import psycopg
import pytest
import rasterio
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ResourceInfo
from grpc_status import rpc_status
from psycopg import sql
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.answers import Refusal
from infra.geocube.standin.database import Database
from infra.geocube.standin.rasters import Rasters
from infra.geocube.standin.service import serve
from infra.local import postgres
from infra.local.stack import Stack

STREAMS = ("GetRecords", "ListRecords", "ListVariables")

# In EPSG:32631, the corner of every raster here.
WEST, NORTH = 500_000, 4_600_000


@dataclass(frozen=True)
class Refused:
    """An answer other than OK, decoded by Google's own messages."""

    code: grpc.StatusCode
    message: str
    kind: str | None = None
    """Type of the resource in the details; None: no details."""
    name: str | None = None
    owner: str | None = None


class Geocube:
    """One server, asked call by call."""

    def __init__(self, address: str, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(
            address, [("grpc.max_send_message_length", -1)]
        )
        self._metadata = metadata

    def ask(self, method: str, **fields):
        """The answer to a call; of a stream, the list of its items."""
        name = "GetVersion" if method == "Version" else method
        request = getattr(pb, f"{name}Request")(**fields)
        path = f"/geocube.Geocube/{method}"
        options = {"timeout": 20, "metadata": self._metadata}
        send = pb.GetVersionRequest.SerializeToString
        if method in STREAMS:
            item = getattr(pb, f"{name}ResponseItem").FromString
            return list(self.channel.unary_stream(path, send, item)(request, **options))
        answer = getattr(pb, f"{name}Response").FromString
        return self.channel.unary_unary(path, send, answer)(request, **options)

    def refused(self, method: str, **fields) -> Refused:
        """The refusal of a call, which must be refused."""
        with pytest.raises(grpc.RpcError) as caught:
            self.ask(method, **fields)
        return refusal(caught.value)

    def variable(self, name="B04", dtype="Int16", bands=("",), low=0.0, high=1.0):
        """Id of a new instance of a new variable."""
        dformat = pb.DataFormat(
            dtype=dtype, no_data=float("nan"), min_value=low, max_value=high
        )
        variable = pb.Variable(
            name=name, dformat=dformat, bands=bands, resampling_alg="NEAR"
        )
        id = self.ask("CreateVariable", variable=variable).id
        made = self.ask("InstantiateVariable", variable_id=id, instance_name="raw")
        return made.instance.id

    def aoi(self, west=3.0, south=41.0, size=1.0) -> str:
        """Id of a new square."""
        return self.ask("CreateAOI", aoi=square(west, south, size)).id

    def record(self, name="scene", aoi_id="", day=1, **tags) -> str:
        """Id of a new record."""
        record = new_record(name, aoi_id or self.aoi(), day, **tags)
        return self.ask("CreateRecords", records=[record]).ids[0]

    def index(self, uri, *datasets, managed=False):
        """Index a container."""
        container = pb.Container(uri=str(uri), managed=managed, datasets=datasets)
        return self.ask("IndexDatasets", container=container)

    def index_refused(self, uri, *datasets, managed=False) -> Refused:
        """The refusal of a container."""
        container = pb.Container(uri=str(uri), managed=managed, datasets=datasets)
        return self.refused("IndexDatasets", container=container)


class Faults(grpc.ServerInterceptor):
    """Between the port and the stand-in: makes calls fail as told, and counts them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._planned: dict[str, deque[tuple[Refusal, bool]]] = defaultdict(deque)

    def plan(self, method: str, *refusals: Refusal, done: bool = False) -> None:
        """Refuse the next calls of a method; `done`: after they were carried out."""
        self.calls.clear()
        self._planned[method] = deque((refusal, done) for refusal in refusals)

    def intercept_service(self, continuation, details):
        method = details.method.rpartition("/")[2]
        self.calls[method] += 1
        handler = continuation(details)
        if not self._planned[method]:
            return handler
        refusal, done = self._planned[method].popleft()

        def refuse(request, context):
            if done:
                handler.unary_unary(request, context)
            refusal.answer(context)

        return grpc.unary_unary_rpc_method_handler(
            refuse, handler.request_deserializer, handler.response_serializer
        )


def refusal(error: grpc.RpcError) -> Refused:
    """The refusal that an error of grpcio stands for."""
    status = rpc_status.from_call(error)
    if status is None:
        return Refused(error.code(), error.details())
    assert status.code == error.code().value[0]
    (detail,) = status.details
    info = ResourceInfo()
    assert detail.Unpack(info)
    names = (info.resource_type, info.resource_name, info.owner)
    return Refused(error.code(), status.message, *names)


@contextmanager
def new_database(stack: Stack) -> Iterator[str]:
    """DSN of an empty database, for the tests of a module: one takes half a second."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(
        postgres.dsn(stack.home, "postgres"), autocommit=True
    ) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.dsn(stack.home, name)
        admin.execute(
            sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        )


def empty(dsn: str) -> None:
    """Take out of a stand-in's database what an earlier test put in."""
    with psycopg.connect(dsn) as connection:
        # Faster than TRUNCATE, which makes new files.
        for table in (
            "datasets",
            "containers",
            "jobs",
            "records",
            "aoi",
            "instances",
            "variables",
        ):
            connection.execute(
                sql.SQL("delete from geocube.{}").format(sql.Identifier(table))
            )


@contextmanager
def standin(
    dsn: str, s3: Mapping[str, str] | None = None, **options
) -> Iterator[Geocube]:
    """A stand-in within this process."""
    with Database(dsn) as database:
        database.prepare()
        server, port = serve("127.0.0.1:0", database, Rasters(s3 or {}), **options)
        geocube = Geocube(f"127.0.0.1:{port}")
        yield geocube
        geocube.channel.close()
        server.stop(5).wait()


def square(west=3.0, south=41.0, size=1.0) -> pb.AOI:
    """A square, degrees."""
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return area(*[(west + x * size, south + y * size) for x, y in corners])


def area(*points) -> pb.AOI:
    """One polygon of one ring."""
    ring = pb.LinearRing(points=[pb.Coord(lon=x, lat=y) for x, y in points])
    return pb.AOI(polygons=[pb.Polygon(linearrings=[ring])])


def new_record(name, aoi_id, day=1, **tags) -> pb.NewRecord:
    """A record of a day of May 2024."""
    return pb.NewRecord(name=name, time=may(day), tags=tags, aoi_id=aoi_id)


def may(day: int, nanos: int = 0) -> Timestamp:
    """Midnight of a day of May 2024."""
    return Timestamp(seconds=1_714_521_600 + (day - 1) * 86_400, nanos=nanos)


def dataset(record_id, instance_id, bands=(1,), dtype="Int16", **changes) -> pb.Dataset:
    """Stored 0 to 10000, no data -1, for physical 0 to 1."""
    dformat = {"dtype": dtype, "no_data": -1, "min_value": 0, "max_value": 10_000}
    dformat |= {key: changes.pop(key) for key in list(changes) if key in dformat}
    fields = {"real_min_value": 0, "real_max_value": 1, "exponent": 1, **changes}
    return pb.Dataset(
        record_id=record_id,
        instance_id=instance_id,
        bands=bands,
        dformat=pb.DataFormat(**dformat),
        **fields,
    )


def raster(path: Path, *, bands=1, dtype="int16", crs="EPSG:32631", size=32, fill=7):
    """A small GeoTIFF."""
    profile = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": bands,
        "dtype": dtype,
        "crs": crs,
        "transform": from_origin(WEST, NORTH, 10, 10),
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.full((bands, size, size), fill, dtype))
    return path


def with_overviews(path: Path) -> Path:
    """The same GeoTIFF, with an overview."""
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], Resampling.nearest)
    return path
