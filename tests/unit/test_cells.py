# SPDX-License-Identifier: Apache-2.0
"""Every cell of the reference's tables: a status and what comes in, normal and forced.

What comes in, in our words:

    PENDING   an operator asks for another try         task-retry-asked
    DONE      a worker succeeded                       …-done
    RETRY     a worker failed, a retry may help        …-failed, STEP_FAILED
    FAILED    a worker failed for good                 …-failed, STEP_FATAL
    fail      an operator gives the task up            task-fail-asked
    reopen    (ours) an operator wants it back         task-reopen-asked

A worker cannot say NEW. `-`: refused, the table stays as it is. K: as in the reference.
X: different on purpose, the reason beside it.
"""

import pytest

from streams.events import (
    AreaPaused,
    TaskFailAsked,
    TaskForceAsked,
    TaskReopenAsked,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import Status
from streams.orders import CommandRefused
from tests.world import AREA, World, ordered

SCENE = f"{AREA}/s1"
TILE = f"{AREA}/s1/t"

NEW, PENDING, DONE = Status.NEW, Status.PENDING, Status.DONE
RETRY, FAILED = Status.RETRY, Status.FAILED
REFUSED = None

KINDS = pytest.mark.parametrize("kind", ["scene", "tile"])
COUNTDOWNS = pytest.mark.parametrize("countdown", [0, 1])


def a_task(kind: str, status: Status, countdown: int) -> tuple[World, str]:
    """A world with a task of that kind in that status, with so many retries left.

    A scene is NEW only while its area is paused: it waits for nothing.
    """
    world = World()
    spent = status is RETRY
    world.accept(retriable=True, retry_count=countdown + spent)
    if kind == "scene" and status is NEW:
        world.tell(AreaPaused(AREA, "me", ""))
    world.scene("s1", 1, {"t": "c"})
    world.listed()
    task = SCENE
    if kind == "tile":
        task = TILE
        if status is not NEW:
            world.done(SCENE)
    bring(world, task, status, countdown)
    assert world.status(task) is status
    return world, task


def bring(world: World, task: str, status: Status, countdown: int) -> None:
    match status:
        case Status.DONE:
            world.done(task)
        case Status.FAILED:
            world.failed(task, Failure.STEP_FATAL)
        case Status.RETRY:
            # Retries are used up one by one: none can be left in RETRY.
            for _ in range(countdown + 2):
                world.failed(task)


def told(world: World, task: str, word: str) -> Status | None:
    """The status that a word leads to; REFUSED when it changes nothing."""
    before = dict(world.table)
    about = (AREA, task, world.task(task).course.attempt)
    match word:
        case "PENDING":
            done = world.tell(TaskRetryAsked(*about, "me", "why"))
        case "DONE":
            done = world.done(task)
        case "RETRY":
            done = world.failed(task)
        case "FAILED":
            done = world.failed(task, Failure.STEP_FATAL)
        case "fail":
            done = world.tell(TaskFailAsked(*about, "me", "why"))
        case "reopen":
            done = world.tell(TaskReopenAsked(*about, "me", "why"))
        case forced:
            status = Status(forced.removeprefix("force ").lower())
            done = world.tell(TaskForceAsked(*about, status, "me", "why"))
    if world.table == before:
        is_wish = word in ("PENDING", "fail", "reopen") or word.startswith("force")
        refusals = [n for n in done.outgoing if isinstance(n, CommandRefused)]
        assert len(refusals) == is_wish
        assert all(refusal.reason for refusal in refusals)
        return REFUSED
    return world.status(task)


WORDS = ("PENDING", "DONE", "RETRY", "FAILED", "fail", "reopen")

# One row a status, one column a word; the same for scenes and tiles.
NORMAL: dict[Status, tuple[Status | None, ...]] = {
    #         PENDING   DONE     RETRY    FAILED   fail     reopen
    NEW: (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    PENDING: (REFUSED, DONE, PENDING, FAILED, FAILED, REFUSED),  # RETRY: countdown 1
    DONE: (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    RETRY: (PENDING, DONE, REFUSED, FAILED, FAILED, REFUSED),
    FAILED: (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, PENDING),  # X: can come back
}


@KINDS
@COUNTDOWNS
@pytest.mark.parametrize("status", NORMAL)
@pytest.mark.parametrize("word", WORDS)
def test_cell_of_the_normal_table(kind, countdown, status, word):
    """A10, A11: K."""
    expected = NORMAL[status][WORDS.index(word)]
    if (status, word) == (PENDING, "RETRY") and countdown == 0:
        expected = RETRY
    world, task = a_task(kind, status, countdown)
    assert told(world, task, word) is expected


FORCED_WORDS = (
    "force NEW",
    "force PENDING",
    "force DONE",
    "force RETRY",
    "force FAILED",
)

# X: NEW and RETRY cannot be forced: in the reference they write a word that no rule
# knows of, and the task waits for nobody.
# X: a result that is published cannot be unsaid: nothing is forced on DONE (A25).
# X: DONE cannot be forced on FAILED: the tile would be done outside of its chain.
FORCED: dict[Status, tuple[Status | None, ...]] = {
    #         NEW      PENDING  DONE     RETRY    FAILED
    NEW: (REFUSED, REFUSED, DONE, REFUSED, FAILED),
    PENDING: (REFUSED, PENDING, DONE, REFUSED, FAILED),
    DONE: (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    RETRY: (REFUSED, PENDING, DONE, REFUSED, FAILED),
    FAILED: (REFUSED, PENDING, REFUSED, REFUSED, REFUSED),
}


@KINDS
@COUNTDOWNS
@pytest.mark.parametrize("status", FORCED)
@pytest.mark.parametrize("word", FORCED_WORDS)
def test_cell_of_the_forced_table(kind, countdown, status, word):
    """A12: K in spirit: each is a wish in the log, with who and why."""
    world, task = a_task(kind, status, countdown)
    assert told(world, task, word) is FORCED[status][FORCED_WORDS.index(word)]


# -- what goes with a transition


@KINDS
def test_automatic_retry_costs_one_and_keeps_its_error(kind):
    """K: the countdown. X: the error of a retried attempt is not lost."""
    world, task = a_task(kind, PENDING, 1)
    assert ordered(world.failed(task, message="oops")) == [task]
    assert world.task(task).course.countdown == 0
    assert world.task(task).course.message == "oops"


@KINDS
def test_manual_retry_costs_nothing(kind):
    """X: in the reference the countdown goes below zero."""
    world, task = a_task(kind, RETRY, 0)
    assert told(world, task, "PENDING") is PENDING
    assert world.task(task).course.countdown == 0


@KINDS
def test_success_forgets_the_error(kind):
    """X: in the reference a task that is done still shows an old error."""
    world, task = a_task(kind, RETRY, 0)
    world.done(task)
    assert world.task(task).course.message == ""


@KINDS
@pytest.mark.parametrize("status", [DONE, FAILED])
def test_report_of_an_older_attempt_is_void(kind, status):
    """X: the reference takes a late FAILED for the current attempt's."""
    world, task = a_task(kind, PENDING, 1)
    world.failed(task)
    before = dict(world.table)
    report = world.done if status is DONE else world.failed
    report(task, attempt=1)
    assert world.table == before


@KINDS
def test_retry_told_twice_is_one_retry(kind):
    """X: in the reference each copy uses up a retry and sends another order."""
    world, task = a_task(kind, PENDING, 1)
    world.failed(task)
    world.repeat(world.log[-1])
    assert world.task(task).course.countdown == 0
    assert world.task(task).course.attempt == 2


def test_scene_that_is_done_releases_its_tiles():
    world, task = a_task("scene", PENDING, 0)
    assert ordered(world.done(task)) == [TILE]


def test_scene_that_fails_fails_its_tiles_with_the_reason():
    """X: in the reference they fail without a word."""
    world, task = a_task("scene", PENDING, 0)
    world.failed(task, Failure.STEP_FATAL)
    assert world.status(TILE) is FAILED
    assert world.task(TILE).course.message == "its scene failed"


def test_tile_is_not_forced_before_its_scene_is_there():
    """X: the reference orders a tile whose scene was not downloaded."""
    world, task = a_task("tile", NEW, 0)
    assert told(world, task, "force PENDING") is REFUSED
