# SPDX-License-Identifier: Apache-2.0
"""Each way in which work fails: its class, who pays, what becomes of the task.

The numbers are those of `docs/reference/failures.md`; how each failure is met is tested
where it is met, by tests that name the number.
"""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agents.downloader.transfer.gate import Breaker
from streams import errors, transitions
from streams.events import AttemptExpired
from streams.failures import MAX_SETBACKS, TREATMENT, Cost, Failure
from streams.model import Status
from streams.orders import AreaNeedsAttention
from streams.transitions import Course
from tests.trades import NOW, some_settings
from tests.world import AREA, World, tile

ROOT = Path(__file__).parents[2]

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
    ("F11 disk full of files", errors.NodeExhausted, Failure.NODE_RESOURCE, AGAIN),
    ("F12 store down", errors.StoreUnavailable, Failure.TRANSIENT_STORAGE, AGAIN),
    ("F14 input not there", errors.ObjectNotFound, Failure.BAD_INPUT, ASKED),
    ("F15 index away", errors.IndexUnavailable, Failure.TRANSIENT_NET, AGAIN),
    ("F16 index has another", errors.IndexConflict, Failure.INDEX_CONFLICT, ASKED),
    ("F17 index refuses", errors.IndexRefused, Failure.BAD_INPUT, ASKED),
    ("F18 step failed", errors.StepFailed, Failure.STEP_FAILED, ASKED),
    ("F18 step asks again", errors.StepTransient, Failure.STEP_TRANSIENT, AGAIN),
    ("F18 step gives up", errors.StepFatal, Failure.STEP_FATAL, Cost.NEVER),
    ("F24 kills its worker", errors.OrderKillsWorker, Failure.BUG, ASKED),
    ("F26 credentials", errors.CredentialsRefused, Failure.AUTH, WAITS),
    ("F27 no tokens", errors.ProviderError, Failure.TRANSIENT_NET, AGAIN),
    ("F28 not allowed to pay", errors.ProviderRefused, Failure.BAD_INPUT, ASKED),
    ("F29 node drained", errors.OrderCancelled, Failure.CANCELLED, AGAIN),
    ("F31 out of memory", errors.StepFailed, Failure.STEP_FAILED, ASKED),
    ("F32 files missing", errors.DamagedProduct, Failure.INTEGRITY, ASKED),
    ("F34 area cancelled", errors.OrderCancelled, Failure.CANCELLED, AGAIN),
]

# After so many attempts in a row that fail so, of a request with two retries.
_STATUS = {
    WAITS: {1: Status.NEW, MAX_SETBACKS + 50: Status.NEW},
    AGAIN: {1: Status.NEW, MAX_SETBACKS: Status.NEW, MAX_SETBACKS + 3: Status.RETRY},
    ASKED: {1: Status.NEW, 2: Status.NEW, 3: Status.RETRY},
    Cost.NEVER: {1: Status.FAILED},
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


@pytest.mark.parametrize("retriable", [True, False])
def test_lost_attempts_have_an_end_and_a_history(retriable):
    """F19, F20, F24, F25: the last word is a class, a reason and a notice."""
    world = World()
    world.accept(retriable=retriable, alarm_after=0)
    world.scene("s1", 1, {"t": "c"})
    world.done(f"{AREA}/s1")
    notices = []
    for attempt in range(1, MAX_SETBACKS + 2):
        world.started(tile(1), attempt)
        told = world.tell(AttemptExpired(AREA, tile(1), attempt, "w1"))
        notices += [n for n in told.outgoing if isinstance(n, AreaNeedsAttention)]
    course = world.task(tile(1)).course
    assert course.status is (Status.RETRY if retriable else Status.FAILED)
    assert (course.failure, course.losses) == (Failure.LOST, MAX_SETBACKS + 1)
    assert "w1" in course.message
    if retriable:
        assert notices


def _said_by(path: Path) -> Iterator[str]:
    """Names and first words of the tests of a file, and what they are tried with."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{node.name} {ast.get_docstring(node) or ''}"


def _named() -> set[str]:
    """Failures and scenarios that some test names."""
    said: list[str] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        said += _said_by(path)
    text = "\n".join(said)
    scenarios = re.findall(r"[Ss]cenario[ _](\d+)", text)
    return {*re.findall(r"\bF\d+\b", text), *scenarios}


def test_every_failure_and_every_scenario_is_named_by_a_test():
    page = (ROOT / "docs/reference/failures.md").read_text("utf-8")
    listed = re.findall(r"^\| (F?\d+) \|", page, re.MULTILINE)
    assert len(listed) == 34 + 16
    assert set(listed) - _named() == set()


def test_failures_have_the_classes_that_the_page_says():
    page = (ROOT / "docs/reference/failures.md").read_text("utf-8")
    classes = dict(re.findall(r"^\| (F\d+) \| [^|]+ \| ([^|]+) \|", page, re.MULTILINE))
    for row, _, failure, _ in ROWS:
        assert failure.value in classes[row.split()[0]].split(", "), row
