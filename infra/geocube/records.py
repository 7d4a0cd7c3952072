# SPDX-License-Identifier: Apache-2.0
"""Records: what was seen where and when; the index hangs datasets on them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from infra.geocube.pb import geocube_pb2 as pb
from streams.errors import IndexRefused

# Letters, digits, `-`, `:` and `_`, in segments separated by `/`: no dot, no space.
_NAME = re.compile(r"[A-Za-z0-9\-:_]+(/[A-Za-z0-9\-:_]+)*")

# The index's unique row (name, tags, time) must fit a third of a PostgreSQL page. It is
# compressed first, but whether that helps depends on the text: we do not count on it.
ROW_LIMIT_BYTES = 2704

# What AddRecordsTags stores faithfully: the reference server pastes keys and values
# into SQL text, where quotes fail (or worse) and backslashes vanish.
_PASTEABLE = re.compile(r"[A-Za-z0-9 \-:._+/]*")


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record that should be in the index."""

    name: str
    time: datetime
    """Acquisition, with its zone."""
    tags: Mapping[str, str]
    """Part of its identity: the same name and time with other tags is another one."""
    aoi_id: str
    """Not part of its identity."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the index."""

    id: str
    name: str
    time: datetime
    """UTC, to the microsecond."""
    tags: Mapping[str, str]
    aoi_id: str


class Identity(NamedTuple):
    """What makes two records the same to us."""

    name: str
    time: datetime
    tags: frozenset[tuple[str, str]]


def identity(record: NewRecord | Record, ignoring_tags: frozenset[str]) -> Identity:
    """Name, instant and tags of a record, leaving out tags that change in its life."""
    tags = frozenset(
        (key, value) for key, value in record.tags.items() if key not in ignoring_tags
    )
    return Identity(record.name, record.time.astimezone(UTC), tags)


def problems(record: NewRecord) -> list[str]:
    """Everything that keeps a record out of the index, known without asking it."""
    found = []
    if not _NAME.fullmatch(record.name):
        found.append(f"name '{record.name}', expected letters, digits, '-:_' and '/'")
    if record.time.tzinfo is None:
        found.append(f"time {record.time} has no zone")
    for key, value in sorted(record.tags.items()):
        if re.search(r"[*?\0]", key + value):
            found.append(f"tag '{key}': '{value}' contains one of '*', '?', NUL")
    size = row_bytes(record.name, record.tags)
    if size > ROW_LIMIT_BYTES:
        found.append(f"name and tags take {size} bytes, limit {ROW_LIMIT_BYTES}")
    return found


def row_bytes(name: str, tags: Mapping[str, str]) -> int:
    """Size of a record's row in the index before compression.

    Row header, name, tags (a count, then two offsets per tag), time; text is UTF-8,
    each column aligned on 4 or 8 bytes.
    """
    texts = sum(len(text.encode()) for tag in tags.items() for text in tag)
    name_column = 4 + len(name.encode())
    tags_column = 4 + 4 + 8 * len(tags) + texts
    return 8 + name_column + tags_column + 3 + 7 + 8


def check_pasteable(tags: Mapping[str, str]) -> None:
    """Raises IndexRefused for tags that AddRecordsTags would not store faithfully."""
    for key, value in tags.items():
        if not _PASTEABLE.fullmatch(key) or not _PASTEABLE.fullmatch(value):
            raise IndexRefused(
                f"tag '{key}': '{value}', expected letters, digits, space and '-:._+/'"
            )


def to_pb(record: NewRecord) -> pb.NewRecord:
    """The message for a new record."""
    return pb.NewRecord(
        name=record.name,
        time=timestamp(record.time),
        tags=dict(sorted(record.tags.items())),
        aoi_id=record.aoi_id,
    )


def from_pb(message: pb.Record) -> Record:
    """The record of a message."""
    return Record(
        id=message.id,
        name=message.name,
        time=message.time.ToDatetime(UTC),
        tags=dict(message.tags),
        aoi_id=message.aoi_id,
    )


def timestamp(time: datetime) -> Timestamp:
    """The message for an instant, which has microseconds at most."""
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC))
    return stamp


def common_tags(
    records: Iterable[NewRecord], ignoring: frozenset[str]
) -> dict[str, str]:
    """Tags that all the records share, fit for a filter that compares exactly."""
    shared = set.intersection(*(set(record.tags.items()) for record in records))
    return {key: value for key, value in sorted(shared) if key not in ignoring}
