# SPDX-License-Identifier: Apache-2.0
"""Each way in which a download fails: its class, who pays, what becomes of the task.

The numbers are those of the table of failures; how each failure is met is tested where
it is met (`test_transfer.py`, `test_faulty_providers.py`, `test_providers.py`).
"""

from datetime import timedelta

import pytest

from agents.downloader.transfer.gate import Breaker
from streams import errors, transitions
from streams.failures import MAX_SETBACKS, TREATMENT, Cost, Failure
from streams.model import Status
from streams.transitions import Course
from tests.trades import NOW, some_settings

WAITS, AGAIN, ASKED = Cost.WAIT, Cost.SYSTEM, Cost.REQUEST

ROWS = [
    ("F1 connection refused", errors.ProviderError, Failure.TRANSIENT_NET, AGAIN),
    ("F2 slow down", errors.RateLimited, Failure.RATE_LIMITED, WAITS),
    ("F2 quota used up", errors.QuotaExceeded, Failure.QUOTA, WAITS),
    ("F3 not there", errors.ProductNotFound, Failure.NOT_FOUND, ASKED),
    ("F4 on tape", errors.ProductStaging, Failure.STAGING, WAITS),
    ("F5 cut off", errors.ProviderError, Failure.TRANSIENT_NET, AGAIN),
    ("F6 stalled", errors.ProviderError, Failure.TRANSIENT_NET, AGAIN),
    ("F7 corrupt archive", errors.DamagedProduct, Failure.INTEGRITY, ASKED),
    ("F8 login page", errors.CredentialsRefused, Failure.AUTH, WAITS),
    ("F9 hostile archive", errors.DamagedProduct, Failure.INTEGRITY, ASKED),
    ("F10 disk full", errors.NodeExhausted, Failure.NODE_RESOURCE, AGAIN),
    ("F12 store down", errors.StoreUnavailable, Failure.TRANSIENT_STORAGE, AGAIN),
    ("F26 credentials", errors.CredentialsRefused, Failure.AUTH, WAITS),
    ("F27 no tokens", errors.ProviderError, Failure.TRANSIENT_NET, AGAIN),
    ("F28 not allowed to pay", errors.ProviderRefused, Failure.BAD_INPUT, ASKED),
    ("F29 node drained", errors.OrderCancelled, Failure.CANCELLED, AGAIN),
    ("F32 files missing", errors.DamagedProduct, Failure.INTEGRITY, ASKED),
]

# After so many attempts in a row that fail so, of a request with two retries.
_STATUS = {
    WAITS: {1: Status.NEW, MAX_SETBACKS + 50: Status.NEW},
    AGAIN: {1: Status.NEW, MAX_SETBACKS: Status.NEW, MAX_SETBACKS + 3: Status.RETRY},
    ASKED: {1: Status.NEW, 2: Status.NEW, 3: Status.RETRY},
}


@pytest.mark.parametrize(
    ("error", "failure", "cost"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_failure_has_its_class_and_its_consequence(error, failure, cost):
    assert error("what went wrong").failure is failure
    assert TREATMENT[failure].cost is cost
    for attempts, status in _STATUS[cost].items():
        course = Course(countdown=2)
        for _ in range(attempts):
            course = transitions.failed(
                transitions.ordered(course),
                failure,
                "",
                NOW,
                some_settings(retriable=True),
            )
        assert course.status is status


@pytest.mark.parametrize("failure", [Failure.STAGING, Failure.TRANSIENT_NET])
@pytest.mark.parametrize(
    ("asked_s", "pause"),
    [
        (0, timedelta(seconds=2)),
        (-5, timedelta(seconds=2)),
        (1, timedelta(seconds=2)),
        (600, timedelta(minutes=10)),
        (10**9, timedelta(days=1)),
    ],
)
def test_next_attempt_waits_as_the_provider_asks(asked_s, pause, failure):
    course = transitions.failed(
        transitions.ordered(Course()), failure, "", NOW, some_settings(), asked_s
    )
    assert course.not_before == NOW + pause


@pytest.mark.parametrize(
    ("failure", "opens"),
    [
        (Failure.TRANSIENT_NET, True),
        (Failure.AUTH, True),
        (Failure.QUOTA, True),
        (Failure.RATE_LIMITED, True),
        (Failure.NOT_FOUND, False),
        (Failure.STAGING, False),
        (Failure.INTEGRITY, False),
        (Failure.NODE_RESOURCE, False),
    ],
)
def test_what_says_nothing_of_the_provider_opens_no_breaker(failure, opens):
    breaker, error = Breaker("p", after=1), errors.ProviderError("")
    error.failure = failure
    breaker.told(error)
    assert breaker.is_open is opens
