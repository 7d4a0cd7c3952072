# SPDX-License-Identifier: Apache-2.0
"""The invariants of the fold, over histories made up in `tests.histories`.

`CI=true` runs at least 10,000 of them; `INGESTER_TEST_HISTORIES` says another number.
"""

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from streams import pages
from streams.failures import Failure
from streams.model import AreaState, Status, download_task
from streams.orders import AreaDone
from tests.histories import (
    History,
    check_crashes,
    check_doubled_log,
    check_nothing_stuck,
    check_released,
    check_replay,
    saved_when_broken,
)
from tests.world import AREA, World

HISTORIES = int(
    os.environ.get("INGESTER_TEST_HISTORIES")
    or (10_000 if os.environ.get("CI") == "true" else 1_000)
)

# Each part has a seed of its own and may run in a process of its own.
PARTS = 8

_SETTINGS = settings(
    max_examples=HISTORIES // PARTS,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("part", range(PARTS))
def test_invariants_hold_in_every_history(part, monkeypatch):
    """Workers alone in every fourth part, operators too in the others.

    Chains have pages in half of the parts.
    """
    monkeypatch.setattr(pages, "AT_MOST", 2 if part % 2 else pages.AT_MOST)

    @seed(part)
    @_SETTINGS
    @given(data=st.data())
    def holds(data):
        history = History(data, wishes=part % 4 != 0)
        with saved_when_broken(history.world, f"invariants-{part}"):
            history.run(data.draw(st.integers(0, 60)))
            history.finish()
            check_nothing_stuck(history.world)
            check_released(history.world, history.released, history.made_up)
            check_replay(history.world)
            check_doubled_log(history.world)
            start = data.draw(st.integers(0, len(history.world.log)))
            check_crashes(history.world, start, history.made_up)
            check_area_done(history.world)

    holds()


def check_area_done(world: World) -> None:
    """It is said when, and only when, everything has ended."""
    area = world.area()
    parked = area.downloads.retry + area.processes.retry
    waiting = area.downloads.new + area.processes.new
    ended = {row.course.status for row in world.tasks()} <= {
        Status.DONE,
        Status.FAILED,
    }
    said = [n for n in world.outgoing if isinstance(n, AreaDone)]
    assert bool(area.ended_by) == ended == (not parked and not waiting)
    if waiting and not parked:
        assert area.state is AreaState.CANCELLED
    if ended:
        assert said[-1] == AreaDone(AREA, area.downloads, area.processes)


@given(order=st.permutations(range(5)), fails=st.sets(st.integers(0, 4)))
def test_chain_is_by_date_whatever_the_order_of_arrival(order, fails):
    """With nothing ordered yet, late or early arrival makes no difference."""
    world = World()
    world.accept()
    for number in order:
        world.scene(f"s{number}", number, {"t": "c1"})
    for number in range(5):
        world.done(download_task(AREA, f"s{number}"))
    living = []
    for number in range(5):
        task = f"{AREA}/s{number}/t"
        row = world.task(task)
        assert row.course.status is Status.PENDING
        assert row.previous == (living[-1] if living else "")
        assert row.reference == (living[0] if living else "")
        if number in fails:
            world.failed(task, Failure.STEP_FATAL)
        else:
            world.done(task)
            living.append(task)
