# SPDX-License-Identifier: Apache-2.0
"""Operators' commands on a running gateway, and what they see of a task."""

import json

import pytest

from streams.events import DownloadFailed
from streams.failures import Failure
from tests.areas import an_area, facts
from tests.system import wait_for

AREA = "one"
SCENES = [f"{AREA}/s{n:03}" for n in range(6)]


@pytest.fixture(scope="module")
def gateway(shared_system):
    """An area of six scenes, each failed once for all, and a gateway."""
    system = shared_system
    failed = [
        DownloadFailed(
            *(AREA, task, 1, "w1", Failure.STEP_FATAL, "no such product"),
            duration_s=3.5,
            log=f"s3://b/{task}/steps-1.log",
        )
        for task in SCENES
    ]
    system.write(*an_area(AREA, 6), *facts(failed))
    system.start("projector", "gateway")
    wait_for(lambda: len(statuses(system, "failed")) == 12)
    return system


def statuses(system, status):
    """Tasks of the area that stand so."""
    tasks = system.gateway.tasks(AREA)
    return [task["id"] for task in tasks if task["status"] == status]


def done(system, *arguments):
    ended = system.command(*arguments)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


def test_a_task_is_reopened_and_its_life_tells_who_and_why(gateway):
    task = SCENES[0]
    assert "1 granted" in done(gateway, "reopen", task, "--why", "product is back")
    life = done(gateway, "task", task)
    for told in ("no such product", "product is back", "attempt 2", "w1"):
        assert told in life
    (wish,) = json.loads(done(gateway, "task", task, "--json"))["wishes"]
    assert (wish["wish"], wish["why"]) == ("reopen", "product is back")
    assert wish["by"]


def test_log_and_duration_of_an_attempt_are_shown(gateway):
    task = SCENES[3]
    log = f"s3://b/{task}/steps-1.log"
    (attempt,) = json.loads(done(gateway, "task", task, "--json"))["attempts"]
    assert (attempt["log"], attempt["duration_s"]) == (log, 3.5)
    life = done(gateway, "task", task)
    assert log in life
    assert "3.5 s" in life
    assert f"its steps said: {log}" in done(gateway, "explain", task)
    (step,) = json.loads(done(gateway, "explain", task, "--json"))
    assert step["log"] == log


def test_a_refusal_names_its_reason_and_ends_with_1(gateway):
    ended = gateway.command("retry", SCENES[1], "--why", "again")
    assert ended.returncode == 1
    assert "cannot retry a task that is failed; expected retry" in ended.stderr


def test_an_unknown_task_is_told(gateway):
    ended = gateway.command("fail", f"{AREA}/nothing", "--why", "typo")
    assert ended.returncode == 2
    assert "there is none of that id" in ended.stderr
    assert gateway.command("task", f"{AREA}/nothing").returncode == 2


def test_many_tasks_are_counted_first_and_only_with_consent(gateway):
    before = set(statuses(gateway, "failed"))
    ended = gateway.command("reopen", "--area", AREA, "--all", "--why", "all back")
    assert ended.returncode == 1  # nobody answers the question
    assert "tasks of area 'one'?" in ended.stderr
    assert set(statuses(gateway, "failed")) == before


def test_tasks_are_chosen_by_filters(gateway):
    arguments = ("--area", AREA, "--pattern", "s005", "--why", "that one", "--yes")
    answer = json.loads(done(gateway, "reopen", *arguments, "--json"))
    assert (answer["granted"], answer["refused"]) == (1, [])
    assert SCENES[5] in statuses(gateway, "pending")
    assert SCENES[4] in statuses(gateway, "failed")


def test_what_is_meant_must_be_clear(gateway):
    both = gateway.command("fail", SCENES[0], "--area", AREA, "--why", "x")
    neither = gateway.command("fail", "--why", "x")
    all_of_all = gateway.command("fail", "--area", AREA, "--why", "x")
    assert [both.returncode, neither.returncode, all_of_all.returncode] == [2, 2, 2]
    assert "expected filters, or --all" in all_of_all.stderr


def test_a_task_is_forced_into_a_status(gateway):
    task = SCENES[2]
    done(gateway, "force", task, "--to", "pending", "--why", "by hand")
    assert task in statuses(gateway, "pending")


def test_those_that_stand_so_are_forced_and_no_others(gateway):
    before = set(statuses(gateway, "failed"))
    arguments = ("--area", AREA, "--status", "retry", "--to", "pending")
    answer = json.loads(
        done(gateway, "force", *arguments, "--why", "none is", "--yes", "--json")
    )
    assert (answer["granted"], answer["refused"]) == (0, [])
    assert set(statuses(gateway, "failed")) == before != set()


def test_an_area_is_paused_limited_and_resumed(gateway):
    done(gateway, "pause", AREA, "--why", "night")
    assert gateway.gateway.area(AREA)["state"] == "paused"
    done(gateway, "limit", AREA, "--downloads", "7", "--why", "slowly")
    done(gateway, "limit", AREA, "--processes", "3", "--why", "slowly")
    limits = gateway.gateway.area(AREA)["limits"]
    assert (limits["downloads"], limits["processes"]) == (7, 3)
    done(gateway, "resume", AREA, "--why", "morning")
    assert gateway.gateway.area(AREA)["state"] == "active"


def test_a_task_is_explained_to_the_one_that_everything_waits_for(gateway):
    steps = json.loads(done(gateway, "explain", f"{SCENES[4]}/t004", "--json"))
    assert [step["task"] for step in steps] == [f"{SCENES[4]}/t004", SCENES[4]]
    assert steps[-1]["hold"] == "given_up"
    told = done(gateway, "explain", f"{SCENES[4]}/t004")
    assert "its scene 'one/s004' failed" in told
    assert "ingester reopen one/s004 --why" in told
    assert gateway.command("explain", "one/none").returncode == 2


def test_an_area_is_cancelled_with_consent(gateway):
    assert gateway.command("cancel", AREA, "--why", "done").returncode == 1
    assert gateway.gateway.area(AREA)["state"] == "active"
    done(gateway, "cancel", AREA, "--why", "done", "--yes")
    assert gateway.gateway.area(AREA)["state"] == "cancelled"
    ended = gateway.command("resume", AREA, "--why", "no")
    assert ended.returncode == 1
    assert "cancelled, which is final" in ended.stderr
