# SPDX-License-Identifier: Apache-2.0
"""Who said it, when, caused by what: an envelope, as CloudEvents headers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from msgspec import Struct, to_builtins

from streams.errors import UndecodableRecord

M = TypeVar("M")

Headers = tuple[tuple[str, bytes], ...]

_ALIKE: Headers = (
    ("ce_specversion", b"1.0"),
    ("content-type", b"application/avro"),
)
_REQUIRED = ("ce_type", "ce_id", "ce_source", "ce_time")


class Envelope(Struct, Generic[M], frozen=True, gc=False):
    """A message with its circumstances."""

    message: M
    id: str
    """The same for the same message sent twice."""
    time: datetime
    """When it was so, UTC."""
    source: str
    """The agent or tool that says it, for example `/agents/downloader`."""
    subject: str = ""
    """What it is about: a task id or an area."""
    cause: str = ""
    """Id of the message that led to this one."""
    correlation: str = ""
    """Id of the ingestion request at the beginning of it all."""


class Record(Struct, frozen=True, gc=False):
    """A Kafka record, as bytes. Position and time are known once it was read."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = -1
    offset: int = -1

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def to_headers(envelope: Envelope[M], message_type: str) -> Headers:
    """CloudEvents 1.0 binary-mode headers; empty attributes are left out."""
    attributes = (
        ("ce_id", envelope.id),
        ("ce_type", message_type),
        ("ce_source", envelope.source),
        ("ce_time", to_builtins(envelope.time)),
        ("ce_subject", envelope.subject),
        ("ce_causationid", envelope.cause),
        ("ce_correlationid", envelope.correlation),
    )
    return (*_ALIKE, *[(key, value.encode()) for key, value in attributes if value])


def from_headers(headers: Iterable[tuple[str, bytes]], message: M) -> Envelope[M]:
    """The envelope that these headers and this message make.

    Raises:
        UndecodableRecord: a required CloudEvents attribute is missing or malformed.
    """
    found = {key: value.decode("utf-8", "replace") for key, value in headers if value}
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise UndecodableRecord(f"headers: {', '.join(missing)} missing")
    return Envelope(
        message,
        id=found["ce_id"],
        time=_time(found["ce_time"]),
        source=found["ce_source"],
        subject=found.get("ce_subject", ""),
        cause=found.get("ce_causationid", ""),
        correlation=found.get("ce_correlationid", ""),
    )


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UndecodableRecord(
            f"header ce_time: '{text}' is not an RFC 3339 time"
        ) from error
    if time.tzinfo is None:
        raise UndecodableRecord(f"header ce_time: '{text}' has no time zone")
    return time.astimezone(UTC)
