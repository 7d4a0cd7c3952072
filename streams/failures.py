# SPDX-License-Identifier: Apache-2.0
"""The closed set of failure classes, and what each of them means for its task."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Failure(StrEnum):
    """Why an attempt failed. `TREATMENT` says what happens next."""

    NOT_FOUND = "NOT_FOUND"
    STAGING = "STAGING"
    AUTH = "AUTH"
    QUOTA = "QUOTA"
    RATE_LIMITED = "RATE_LIMITED"
    TRANSIENT_NET = "TRANSIENT_NET"
    TRANSIENT_STORAGE = "TRANSIENT_STORAGE"
    NODE_RESOURCE = "NODE_RESOURCE"
    INTEGRITY = "INTEGRITY"
    BAD_INPUT = "BAD_INPUT"
    STEP_TRANSIENT = "STEP_TRANSIENT"
    STEP_FATAL = "STEP_FATAL"
    STEP_FAILED = "STEP_FAILED"
    INDEX_CONFLICT = "INDEX_CONFLICT"
    LOST = "LOST"
    CANCELLED = "CANCELLED"
    BUG = "BUG"


class Cost(StrEnum):
    """Who pays for trying again."""

    SYSTEM = "SYSTEM"
    """Tried again by itself, up to `MAX_SETBACKS` times; then as REQUEST."""

    WAIT = "WAIT"
    """Tried again by itself as long as it takes: time must pass, or somebody act."""

    REQUEST = "REQUEST"
    """Tried again while the request's `retry_count` lasts, if it is retriable."""

    NEVER = "NEVER"
    """Trying again cannot help: the task fails at once."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a failure class means, in words and for the fold."""

    meaning: str
    cost: Cost


TREATMENT: dict[Failure, Treatment] = {
    Failure.NOT_FOUND: Treatment("no provider has the product", Cost.REQUEST),
    Failure.STAGING: Treatment("the product is being brought online", Cost.WAIT),
    Failure.AUTH: Treatment("the provider refuses our credentials", Cost.WAIT),
    Failure.QUOTA: Treatment("the provider's quota is used up", Cost.WAIT),
    Failure.RATE_LIMITED: Treatment("the provider asks to slow down", Cost.WAIT),
    Failure.TRANSIENT_NET: Treatment("the network or a server failed", Cost.SYSTEM),
    Failure.TRANSIENT_STORAGE: Treatment("the object store failed", Cost.SYSTEM),
    Failure.NODE_RESOURCE: Treatment(
        "the worker lacks disk, memory or an engine", Cost.SYSTEM
    ),
    Failure.INTEGRITY: Treatment("the product is damaged or incomplete", Cost.REQUEST),
    Failure.BAD_INPUT: Treatment("the order cannot be carried out", Cost.REQUEST),
    Failure.STEP_TRANSIENT: Treatment("a step asked to be run again", Cost.SYSTEM),
    Failure.STEP_FATAL: Treatment("a step said that no retry can help", Cost.NEVER),
    Failure.STEP_FAILED: Treatment("a step failed", Cost.REQUEST),
    Failure.INDEX_CONFLICT: Treatment(
        "the index holds something else under that name", Cost.REQUEST
    ),
    Failure.LOST: Treatment("the worker fell silent", Cost.SYSTEM),
    Failure.CANCELLED: Treatment("the worker was asked to stop", Cost.SYSTEM),
    Failure.BUG: Treatment("an error of the ingester itself", Cost.REQUEST),
}

# Fifteen tries is what users of the Go ingester know; with the back-off below they
# span about five hours, long enough for a provider's night of maintenance.
MAX_SETBACKS = 15

_FIRST_DELAY = timedelta(seconds=2)
_LONGEST_DELAY = timedelta(minutes=30)

# An archive of tapes may need a day; nobody who asks for more is believed.
_LONGEST_ASKED = timedelta(days=1)


def back_off(attempts: int, asked_s: float = 0.0) -> timedelta:
    """Pause after so many failed attempts (≥ 1): 2 s, doubling up to 30 min.

    Not less than what the one who refused asked for, a day at most.
    """
    doublings = min(attempts - 1, 20)
    asked = min(timedelta(seconds=max(asked_s, 0.0)), _LONGEST_ASKED)
    return max(min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY), asked)
