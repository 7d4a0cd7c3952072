# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests: one embedded stack a run, a system of its own a test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from infra.local import postgres, s3
from infra.local.home import Home
from infra.local.stack import Stack
from infra.minio.client import connect
from infra.minio.provision import provision_bucket
from tests.system import System

# The machine may be busy: how long an example takes says nothing.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

_STATE = Path(__file__).parents[1] / ".ingester"

# Where this run's servers live; told to the processes of a parallel run.
_HOME = "INGESTER_TEST_HOME"


def _stack(home: Path) -> Stack:
    return Stack(Home.at(home, _STATE / "cache"), durable=False, kafka_heap_mb=512)


def _end(home: Path) -> None:
    """Stop what runs in a home, and remove it."""
    if home.exists():
        _stack(home).down()
        shutil.rmtree(home)


def _is_worker(session: pytest.Session) -> bool:
    """Is this one of several processes of one run?"""
    return hasattr(session.config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    """A home for this run's servers; those of runs that died are cleared away."""
    if not _is_worker(session):
        homes = _STATE / "test"
        for left in homes.glob("[0-9]*"):
            if not psutil.pid_exists(int(left.name)):
                _end(left)
        os.environ[_HOME] = str(homes / str(os.getpid()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The servers stop with the run, not with the first process that has no test."""
    if not _is_worker(session):
        _end(Path(os.environ[_HOME]))


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Kafka, PostgreSQL and S3, shared by all tests of the run."""
    shared = _stack(Path(os.environ[_HOME]))
    shared.up()
    return shared


@contextmanager
def _fresh_database(stack: Stack) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(
        postgres.dsn(stack.home, "postgres"), autocommit=True
    ) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.dsn(stack.home, name)
        drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        admin.execute(drop)


@contextmanager
def _fresh_bucket(stack: Stack) -> Iterator[str]:
    """A bucket, removed after its test: the server reserves space for each."""
    name, options = f"test-{uuid4().hex[:12]}", s3.options(stack.environment())
    provision_bucket(name, options)
    yield name
    client = connect(options)
    for found in client.list_objects(name, recursive=True):
        client.remove_object(name, str(found.object_name))
    client.remove_bucket(name)


@contextmanager
def _fresh_system(stack: Stack, folder: Path) -> Iterator[System]:
    with _fresh_database(stack) as dsn, _fresh_bucket(stack) as bucket:
        ingester = System.on(stack, dsn, bucket, folder)
        ingester.provision()
        yield ingester
        ingester.stop()


@pytest.fixture
def database(stack: Stack) -> Iterator[str]:
    """DSN of an empty database."""
    with _fresh_database(stack) as dsn:
        yield dsn


@pytest.fixture
def bucket(stack: Stack) -> Iterator[str]:
    """Name of an empty bucket."""
    with _fresh_bucket(stack) as name:
        yield name


@pytest.fixture
def system(stack: Stack, tmp_path: Path) -> Iterator[System]:
    """An ingester with topics, database and bucket of its own; nothing runs yet."""
    with _fresh_system(stack, tmp_path) as ingester:
        yield ingester


@pytest.fixture(scope="module")
def shared_system(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """The same, for all tests of a module."""
    with _fresh_system(stack, tmp_path_factory.mktemp("system")) as ingester:
        yield ingester
