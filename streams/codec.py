# SPDX-License-Identifier: Apache-2.0
"""Messages to bytes and back: Avro in Confluent framing. The only user of fastavro.

Framing: a zero byte, the schema's released id (4 bytes, big-endian), the Avro body. Any
Confluent deserializer reads it with the gateway as its registry.
"""

from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any, TypeVar, get_args

import fastavro
import msgspec

from streams import contract
from streams.envelope import Envelope, Record, from_headers, to_headers
from streams.errors import ContractError, UndecodableRecord, UnknownMessage
from streams.events import Event
from streams.names import type_name
from streams.orders import (
    DeadLetter,
    Heartbeat,
    IngestionRequest,
    InventoryProgress,
    InventoryRequest,
    Outgoing,
)
from streams.writer import Write, writer

Message = (
    Event
    | Outgoing
    | IngestionRequest
    | InventoryRequest
    | InventoryProgress
    | Heartbeat
    | DeadLetter
)

M = TypeVar("M", bound=Message)

_MAGIC = b"\x00"
_NATIVE = (bytes, datetime)


MESSAGES: dict[str, type[Any]] = {
    type_name(cls.__name__): cls for cls in get_args(Message)
}
"""Message type (`download-done`) → class."""

_TYPE_OF = {cls: name for name, cls in MESSAGES.items()}


def message_type(message: Message) -> str:
    """`download-done` for a `DownloadDone`."""
    return _TYPE_OF[type(message)]


def encode(message: Message) -> bytes:
    """The message's bytes, framed with the id of its newest released schema.

    Raises:
        ContractError: the message's schema was never released.
    """
    header, write = _writer(message_type(message))
    out = [header]
    write(message, out)
    return b"".join(out)


def decode(value: bytes | None) -> Message:
    """The message in these bytes, whichever released version wrote them.

    Raises:
        UndecodableRecord: the bytes are not framed Avro of a released schema.
        UnknownMessage: the schema is released, but for no message of this version.
    """
    if value is None:
        raise UndecodableRecord("value: empty, expected Avro in Confluent framing")
    if len(value) < 5 or value[:1] != _MAGIC:
        raise UndecodableRecord(
            f"value: starts with {value[:5].hex(' ')}, expected 00 and a schema id"
        )
    cls, writer, reader = _reader(int.from_bytes(value[1:5], "big"))
    body = BytesIO(value[5:])
    try:
        plain = fastavro.schemaless_reader(body, writer, reader)
        message: Message = msgspec.convert(plain, cls, builtin_types=_NATIVE)
    # Random bytes make fastavro raise whatever its decoders happen to raise.
    except Exception as error:
        raise UndecodableRecord(
            f"value: not a {cls.__name__}: {type(error).__name__}: {error}"
        ) from error
    if body.read(1):
        raise UndecodableRecord(f"value: bytes left over after a {cls.__name__}")
    return message


def pack(topic: str, key: str, envelope: Envelope[Any]) -> Record:
    """The Kafka record of an envelope."""
    headers = to_headers(envelope, message_type(envelope.message))
    return Record(topic, key.encode(), encode(envelope.message), headers)


def unpack(record: Record) -> Envelope[Message]:
    """The envelope in a Kafka record.

    Raises:
        UndecodableRecord: the value or the headers cannot be read.
        UnknownMessage: the value is no message of this version.
    """
    return from_headers(record.headers, decode(record.value))


def unpack_as(cls: type[M], record: Record) -> Envelope[M]:
    """The envelope in a Kafka record that must hold a `cls`.

    Raises:
        UndecodableRecord: as `unpack`, or another message stands there.
    """
    envelope = unpack(record)
    if not isinstance(envelope.message, cls):
        found = message_type(envelope.message)
        raise UndecodableRecord(f"value: a {found}, expected a {_TYPE_OF[cls]}")
    return envelope  # type: ignore[return-value]  # narrowed by the line above


@cache
def _writer(name: str) -> tuple[bytes, Write]:
    """Header, and what writes the body."""
    schema = contract.current()[name]
    release = contract.latest().get(contract.full_name(schema))
    if release is None:
        raise ContractError(
            f"schema '{name}' is not released; run: ingester schemas release"
        )
    header = _MAGIC + release.id.to_bytes(4, "big")
    return header, writer(contract.released(release.file))


@cache
def _reader(schema_id: int) -> tuple[type[Any], Any, Any]:
    """Class, writer's schema and, where it differs, the reader's."""
    for release in contract.releases():
        if release.id == schema_id:
            break
    else:
        raise UndecodableRecord(f"value: schema id {schema_id} was never released")
    name = type_name(release.subject.rpartition(".")[2])
    if name not in MESSAGES:
        raise UnknownMessage(f"value: '{name}' is no message of this version")
    writer = contract.released(release.file)
    newest = release == contract.latest()[release.subject]
    reader = None if newest else fastavro.parse_schema(contract.current()[name])
    return MESSAGES[name], fastavro.parse_schema(writer), reader
