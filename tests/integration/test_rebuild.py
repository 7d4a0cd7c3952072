# SPDX-License-Identifier: Apache-2.0
"""The read model built again: beside the one that serves, or after it was lost."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import psycopg
import pytest

from infra.postgres.rebuild import rebuilding
from streams.errors import ReadModelError
from tests.areas import an_area
from tests.system import wait_for


def dsn(system):
    return system.environment["INGESTER_POSTGRES_DSN"]


@contextmanager
def sql(system):
    with psycopg.connect(dsn(system), autocommit=True) as connection:
        yield connection


def tasks(system):
    with sql(system) as connection:
        return connection.execute("select count(*) from ingester.task").fetchone()[0]


def is_migrated(system):
    with sql(system) as connection:
        found = connection.execute("select to_regclass('ingester.task')").fetchone()
        return found[0] is not None


def schemas(system):
    with sql(system) as connection:
        found = connection.execute(
            "select nspname from pg_namespace where nspname like 'ingester%' order by 1"
        )
        return [name for (name,) in found]


def positions(system):
    with sql(system) as connection:
        found = connection.execute("select * from ingester.position")
        return dict(found.fetchall())


def log_ends(system):
    ends = {}
    for entry in system.facts():
        ends[entry.partition] = entry.offset + 1
    return ends


def is_abreast(system):
    return log_ends(system).items() <= positions(system).items()


def wait_until_abreast(system):
    wait_for(lambda: is_abreast(system))


def same_as_log(system):
    return system.table() == system.replayed().table


def rebuild(system):
    done = system.command("rebuild", "projector", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def running(system):
    """A projector and a gateway at work on one area."""
    system.write(*an_area("one", 20))
    system.start("projector", "gateway")
    wait_until_abreast(system)
    return system


def test_a_damaged_read_model_is_mended_without_a_restart(running):
    projector, _ = running.processes
    with sql(running) as connection:
        connection.execute("delete from ingester.dependency where key like 'one/%'")
        connection.execute("update ingester.task set status = 'done'")
    report = rebuild(running)
    assert report["facts"] == sum(log_ends(running).values())
    assert schemas(running) == ["ingester"]
    assert same_as_log(running)
    assert {t["status"] for t in running.gateway.tasks("one")} == {"pending", "new"}

    running.write(*an_area("two", 3), *an_area("one", 30))
    wait_until_abreast(running)
    assert projector.runs
    assert same_as_log(running)
    assert len(running.gateway.tasks("one")) == 60


def test_the_old_one_serves_and_goes_on_while_the_new_one_is_built(running):
    stop = threading.Event()
    seen: list[int] = []

    def watch():
        while not stop.is_set():
            seen.append(len(running.gateway.tasks("one")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with rebuilding(dsn(running)) as building:
            running.write(*an_area("two", 3))
            wait_until_abreast(running)
            assert len(running.gateway.tasks("two")) == 6
            assert building.model.positions() == {}
        rebuild(running)
    finally:
        stop.set()
        watcher.join()
    assert set(seen) == {40}
    assert same_as_log(running)


def test_a_rebuild_that_was_killed_leaves_the_old_one_and_the_next_begins_anew(running):
    victim = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from infra.postgres.rebuild import rebuilding\n"
            "with rebuilding(sys.argv[1]):\n"
            "    print('building', flush=True)\n"
            "    time.sleep(600)\n",
            dsn(running),
        ],
        stdout=subprocess.PIPE,
    )
    assert victim.stdout
    assert victim.stdout.readline() == b"building\n"
    victim.kill()
    victim.wait()
    victim.stdout.close()
    assert schemas(running) == ["ingester", "ingester_next"]
    assert same_as_log(running)
    wait_for(lambda: is_free(running))
    rebuild(running)
    assert schemas(running) == ["ingester"]
    assert same_as_log(running)


def is_free(system):
    """Has the database noticed that whoever rebuilt is gone?"""
    try:
        with rebuilding(dsn(system)):
            return True
    except ReadModelError:
        return False


def test_two_rebuilds_at_once_are_refused(running):
    with rebuilding(dsn(running)):
        done = running.command("rebuild", "projector")
    assert done.returncode == 1
    assert "another rebuild is running" in done.stderr


def test_roles_that_may_read_may_read_the_new_one(running):
    with sql(running) as connection:
        connection.execute("drop role if exists ingester_looker")
        connection.execute("create role ingester_looker")
        connection.execute("grant usage on schema ingester to ingester_looker")
        connection.execute("grant select on ingester.task to ingester_looker")
        rebuild(running)
        connection.execute("set role ingester_looker")
        assert connection.execute("select count(*) from ingester.task").fetchone() == (
            40,
        )
        connection.execute("reset role")
        connection.execute("drop owned by ingester_looker")
        connection.execute("drop role ingester_looker")


def test_what_everybody_may_read_everybody_may_read_in_the_new_one(running):
    with sql(running) as connection:
        connection.execute("grant select on ingester.area to public")
        rebuild(running)
        asked = "select has_table_privilege('public', 'ingester.area', 'select')"
        assert connection.execute(asked).fetchone() == (True,)


def test_a_read_model_that_was_lost_comes_back_when_the_projector_starts(running):
    projector, _ = running.processes
    assert projector.stop() == 0
    with sql(running) as connection:
        connection.execute("drop schema ingester cascade")
    running.start("projector")
    wait_for(lambda: is_migrated(running) and tasks(running) == 40)
    wait_until_abreast(running)
    assert same_as_log(running)


def test_a_read_model_restored_from_a_backup_catches_up_when_the_projector_starts(
    running,
):
    projector, _ = running.processes
    assert projector.stop() == 0
    backup = positions(running)
    running.write(*an_area("two", 3))
    running.start("projector")
    wait_until_abreast(running)
    running.processes[-1].stop()
    with sql(running) as connection:  # as the backup was: before area two
        connection.execute("delete from ingester.task where area = 'two'")
        connection.execute("delete from ingester.area where name = 'two'")
        connection.execute("delete from ingester.ingestion where area = 'two'")
        connection.execute("delete from ingester.dependency where key like 'two%'")
        connection.execute("delete from ingester.attempt where area = 'two'")
        connection.execute("delete from ingester.position")
        for place in backup.items():
            connection.execute("insert into ingester.position values (%s, %s)", place)
    running.start("projector")
    wait_until_abreast(running)
    assert same_as_log(running)
    assert tasks(running) == 46
