# SPDX-License-Identifier: Apache-2.0
"""Answers other than OK: code, text and details, as the reference server gives them."""

from typing import NoReturn

import grpc
import psycopg
from google.protobuf.any_pb2 import Any
from grpc import StatusCode

from infra.geocube.errors import DETAILS, RESOURCE_INFO
from infra.geocube.pb import status_pb2

# A trailer holds 8 KiB in all.
_MESSAGE_BYTES = 3000
_DETAIL_BYTES = 1000

# Classes of SQLSTATE: the connection failed, the server shuts down.
_AWAY = ("08", "57P")


class Refusal(Exception):
    """A call's answer is a status other than OK; nothing was stored."""

    def __init__(
        self,
        code: StatusCode,
        message: str,
        about: status_pb2.ResourceInfo | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = _cut(message, _MESSAGE_BYTES)
        self.about = about

    def answer(self, context: grpc.ServicerContext) -> NoReturn:
        """End the call with it."""
        if self.about is not None:
            detail = Any(type_url=RESOURCE_INFO, value=self.about.SerializeToString())
            status = status_pb2.Status(
                code=self.code.value[0], message=self.message, details=[detail]
            )
            context.set_trailing_metadata(((DETAILS, status.SerializeToString()),))
        context.abort(self.code, self.message)


def invalid(message: str) -> Refusal:
    """The request cannot ever be right."""
    return Refusal(StatusCode.INVALID_ARGUMENT, message)


def not_found(entity: str, key: str, value: str) -> Refusal:
    """Nothing has that id, name or URI."""
    message = f"{entity} with {key}: {value}"
    return Refusal(StatusCode.NOT_FOUND, message, _about(entity, value))


def exists(entity: str, key: str, value: str, message: str = "") -> Refusal:
    """It is there already, or something else in its place."""
    message = message or f"{entity} with {key}: {value}"
    return Refusal(StatusCode.ALREADY_EXISTS, message, _about(entity, value))


def still_used(table: str, by: str, id: str) -> Refusal:
    """It cannot be deleted: rows of another table refer to it."""
    message = f"{table} and {by} with id: {id}"
    about = _about(by, id, owner=table)
    return Refusal(StatusCode.FAILED_PRECONDITION, message, about)


def unknown(message: str, sqlstate: str = "") -> Refusal:
    """What the reference does not foresee: mostly an answer of its database."""
    state = f" [{sqlstate}]" if sqlstate else ""
    return Refusal(StatusCode.UNKNOWN, f"backend.{message}{state}")


def of_database(error: psycopg.Error) -> Refusal:
    """The answer for an error of PostgreSQL."""
    text, state = str(error).strip(), error.sqlstate or ""
    lost = isinstance(error, psycopg.OperationalError) and not state
    if lost or state.startswith(_AWAY):
        return Refusal(StatusCode.UNAVAILABLE, f"backend.{text}")
    if isinstance(error, psycopg.DataError) and not state:
        state = "22021"  # psycopg itself refuses NUL in a text, and says no state
    return unknown(text, state)


def _about(entity: str, value: str, owner: str = "") -> status_pb2.ResourceInfo:
    return status_pb2.ResourceInfo(
        resource_type=entity, resource_name=_cut(value, _DETAIL_BYTES), owner=owner
    )


def _cut(text: str, limit_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    return encoded[:limit_bytes].decode(errors="ignore") + "[...]"
