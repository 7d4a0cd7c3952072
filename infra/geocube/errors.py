# SPDX-License-Identifier: Apache-2.0
"""Answers of the Geocube other than OK, and the table that makes them errors of ours.

Source: docs/reference of the index, "error model". The server has few codes, so some
decisions need the text as well: a broken database and a value that it refuses are both
UNKNOWN, a storage outage and a wrong request are both INVALID_ARGUMENT. The patterns
below are the only place that reads a message.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode

from infra.geocube.pb import status_pb2
from streams.errors import IndexConflict, IndexerError, IndexRefused, IndexUnavailable

DETAILS = "grpc-status-details-bin"
RESOURCE_INFO = "type.googleapis.com/google.rpc.ResourceInfo"


@dataclass(frozen=True, slots=True)
class Resource:
    """What an answer is about; the message can be mangled, this is exact."""

    kind: str
    """`AOI`, `Record`, `Container`, `dataset`, …; for a refused deletion, what is
    still there."""
    name: str
    """Mostly an id or a URI; cut at 1000 bytes by the server."""
    owner: str = ""
    """For a refused deletion: the table that was to be deleted from."""


class Declined(Exception):
    """The server's answer to one call is a status other than OK. Stays in this room."""

    def __init__(
        self, code: StatusCode, message: str, resource: Resource | None = None
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.resource = resource or Resource("", "")

    @property
    def may_pass(self) -> bool:
        """Asking the same again can succeed, and is worth a bounded number of tries."""
        match self.code:
            case StatusCode.UNAVAILABLE | StatusCode.DEADLINE_EXCEEDED:
                return True
            case StatusCode.INTERNAL | StatusCode.CANCELLED:
                return True  # never the server's own: the connection broke
            case StatusCode.RESOURCE_EXHAUSTED:
                return not _TOO_LARGE.search(self.message)
            case StatusCode.UNKNOWN:
                return not _WRONG_DATA.search(self.message)
            case StatusCode.INVALID_ARGUMENT:
                return bool(_STORAGE.search(self.message))
        return False


_TOO_LARGE = re.compile("message larger than max", re.IGNORECASE)
# SQLSTATE classes: 22 value out of range or malformed, 23 constraint, 42 syntax,
# 54 limit of the program (a record's tags beyond 2704 bytes).
_WRONG_DATA = re.compile(r"\[(?:22|23|42|54)\w{3}\]|badly formatted storage uri")
_STORAGE = re.compile(r"cannot be opened|is not reachable")

# Our credentials are not the layer's fault: tried again later, at the system's cost.
_CREDENTIALS = (StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED)


def declined(error: grpc.RpcError) -> Declined:
    """What the server, or grpcio in its place, answered."""
    if not isinstance(error, grpc.Call):
        return Declined(StatusCode.UNKNOWN, str(error))
    return Declined(error.code(), error.details() or "", _resource(error))


def _resource(call: grpc.Call) -> Resource | None:
    trailer = dict(call.trailing_metadata() or ()).get(DETAILS)
    if not isinstance(trailer, bytes):
        return None
    try:
        for detail in status_pb2.Status.FromString(trailer).details:
            if detail.type_url == RESOURCE_INFO:
                info = status_pb2.ResourceInfo.FromString(detail.value)
                return Resource(info.resource_type, info.resource_name, info.owner)
    except DecodeError:
        return None  # somebody else's details: code and message still stand
    return None


def ours(what: str, answer: Declined) -> IndexerError:
    """The error of ours for an answer, naming the thing it is about."""
    text = f"{what}: {answer}"
    if answer.code in _CREDENTIALS:
        return IndexUnavailable(f"{text}; check INGESTER_GEOCUBE_TOKEN")
    if answer.may_pass:
        return IndexUnavailable(text)
    if answer.code is StatusCode.ALREADY_EXISTS:
        return IndexConflict(text)
    return IndexRefused(text)


@contextmanager
def named(what: str) -> Iterator[None]:
    """Answers that nobody handled inside leave as errors of ours about `what`."""
    try:
        yield
    except Declined as answer:
        raise ours(what, answer) from answer
