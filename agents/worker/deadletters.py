# SPDX-License-Identifier: Apache-2.0
"""What cannot be handled, kept whole with its cause, for an operator."""

from datetime import datetime
from importlib.metadata import version

from streams.codec import pack
from streams.envelope import Envelope, Record
from streams.orders import DeadLetter
from streams.topics import DEAD_LETTERS, key_of


def dead_letter(record: Record, error: Exception, agent: str, at: datetime) -> Record:
    """The record to write to the dead letters for a record that cannot be handled."""
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
        cause=type(error).__name__,
        message=str(error),
        agent=agent,
        version=version("kafka-geocube-ingester"),
    )
    envelope = Envelope(
        letter, id=f"{record}/dead-letter", time=at, source=f"/agents/{agent}"
    )
    return pack(DEAD_LETTERS.name, key_of(letter), envelope)
