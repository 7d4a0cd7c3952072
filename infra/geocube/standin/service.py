# SPDX-License-Identifier: Apache-2.0
"""The stand-in on its port: calls by name, their guard, their errors."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import grpc
import psycopg
from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin import aois, containers, datasets, jobs, records, variables
from infra.geocube.standin.answers import Refusal, of_database
from infra.geocube.standin.database import Database
from infra.geocube.standin.rasters import Rasters
from infra.geocube.wire import REQUEST_LIMIT_BYTES, SERVICE

VERSION = "1.0.3"

# More than the connections to the database: some of the calls read files.
_THREADS = 16

_BEARER = "Bearer "

_OPTIONS = (
    ("grpc.max_receive_message_length", REQUEST_LIMIT_BYTES),
    ("grpc.max_send_message_length", -1),
    # A port that is taken is an error, not shared.
    ("grpc.so_reuseport", 0),
)


class Call(NamedTuple):
    """One method of the interface."""

    answer: Callable[[Database, Any], Any]
    """A message; for a stream, all of them."""
    request: Any
    """Class of its request."""
    streams: bool = False


def calls(rasters: Rasters) -> dict[str, Call]:
    """The methods that are served; any other is UNIMPLEMENTED."""
    return {
        "Version": Call(_version, pb.GetVersionRequest),
        "CreateAOI": Call(aois.create, pb.CreateAOIRequest),
        "GetAOI": Call(aois.get, pb.GetAOIRequest),
        "CreateRecords": Call(records.create, pb.CreateRecordsRequest),
        "GetRecords": Call(records.get, pb.GetRecordsRequest, streams=True),
        "ListRecords": Call(records.list_, pb.ListRecordsRequest, streams=True),
        "AddRecordsTags": Call(records.add_tags, pb.AddRecordsTagsRequest),
        "RemoveRecordsTags": Call(records.remove_tags, pb.RemoveRecordsTagsRequest),
        "DeleteRecords": Call(records.delete, pb.DeleteRecordsRequest),
        "CreateVariable": Call(variables.create, pb.CreateVariableRequest),
        "InstantiateVariable": Call(
            variables.instantiate, pb.InstantiateVariableRequest
        ),
        "GetVariable": Call(variables.get, pb.GetVariableRequest),
        "ListVariables": Call(variables.list_, pb.ListVariablesRequest, streams=True),
        "GetContainers": Call(containers.get, pb.GetContainersRequest),
        "IndexDatasets": Call(
            partial(containers.index, rasters), pb.IndexDatasetsRequest
        ),
        "ListDatasets": Call(datasets.list_, pb.ListDatasetsRequest),
        "DeleteDatasets": Call(jobs.delete_datasets, pb.DeleteDatasetsRequest),
        "GetJob": Call(jobs.get, pb.GetJobRequest),
    }


def serve(
    address: str,
    database: Database,
    rasters: Rasters,
    token: str = "",
    interceptors: Sequence[grpc.ServerInterceptor] = (),
) -> tuple[grpc.Server, int]:
    """The server, started, and its port; the caller stops it.

    Args:
        address: `host:port`; port 0: any free one.
        database: prepared.
        rasters: what containers are opened with.
        token: asked of every call; empty: none.
        interceptors: between the port and the calls.

    Raises:
        RuntimeError: the port cannot be had.
    """
    server = grpc.server(
        ThreadPoolExecutor(_THREADS), options=_OPTIONS, interceptors=list(interceptors)
    )
    handlers = {
        name: _handler(call, database, token) for name, call in calls(rasters).items()
    }
    service = grpc.method_handlers_generic_handler(SERVICE, handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def _version(
    database: Database, request: pb.GetVersionRequest
) -> pb.GetVersionResponse:
    return pb.GetVersionResponse(Version=VERSION)


def _handler(call: Call, database: Database, token: str) -> Any:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            _check_bearer(context.invocation_metadata(), token)
            return call.answer(database, request)
        except Refusal as refusal:
            refusal.answer(context)
        except psycopg.Error as error:
            of_database(error).answer(context)

    def answers(request: Any, context: grpc.ServicerContext) -> Any:
        yield from answer(request, context)

    if call.streams:
        return grpc.unary_stream_rpc_method_handler(
            answers, call.request.FromString, _bytes
        )
    return grpc.unary_unary_rpc_method_handler(answer, call.request.FromString, _bytes)


def _check_bearer(metadata: Iterable[tuple[str, str | bytes]], token: str) -> None:
    if not token:
        return
    given = str(dict(metadata).get("authorization", ""))
    if not given.startswith(_BEARER):
        raise Refusal(StatusCode.UNAUTHENTICATED, f'missing "{_BEARER}" prefix')
    if given.removeprefix(_BEARER) != token:
        raise Refusal(StatusCode.UNAUTHENTICATED, "invalid token")


def _bytes(message: Any) -> bytes:
    found: bytes = message.SerializeToString()
    return found
