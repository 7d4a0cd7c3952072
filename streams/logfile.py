# SPDX-License-Identifier: Apache-2.0
"""A task log as a file: a JSON object a line, to keep, to send, to replay elsewhere."""

from datetime import datetime
from typing import Any

import msgspec

from streams.codec import MESSAGES, message_type
from streams.envelope import Envelope
from streams.errors import UndecodableRecord
from streams.replay import Positioned
from streams.topics import TASKS


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    partition: int
    offset: int
    type: str
    id: str
    time: datetime
    source: str
    data: msgspec.Raw
    subject: str = ""
    cause: str = ""
    correlation: str = ""


def write_line(entry: Positioned) -> bytes:
    """The fact as a line of a log file, with its end of line."""
    fact = entry.fact
    line = _Line(
        partition=entry.partition,
        offset=entry.offset,
        type=message_type(fact.message),
        id=fact.id,
        time=fact.time,
        source=fact.source,
        data=msgspec.Raw(msgspec.json.encode(fact.message)),
        subject=fact.subject,
        cause=fact.cause,
        correlation=fact.correlation,
    )
    return msgspec.json.encode(line) + b"\n"


def read_line(text: bytes) -> Positioned:
    """The fact in a line of a log file.

    Raises:
        UndecodableRecord: the line holds no fact.
    """
    try:
        line = msgspec.json.decode(text, type=_Line)
        if line.type not in TASKS.messages:
            raise UndecodableRecord(f"log file: '{line.type}' is no fact")
        message: Any = msgspec.json.decode(line.data, type=MESSAGES[line.type])
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"log file: {error}") from error
    fact = Envelope(
        message,
        id=line.id,
        time=line.time,
        source=line.source,
        subject=line.subject,
        cause=line.cause,
        correlation=line.correlation,
    )
    return Positioned(line.partition, line.offset, fact)
