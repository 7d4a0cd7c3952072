# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests: one embedded stack a run, a system of its own a test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from infra.local import postgres, s3
from infra.local.home import Home
from infra.local.stack import Stack
from infra.minio.provision import provision_bucket
from tests.system import System

_STATE = Path(__file__).parents[1] / ".ingester"

# Two runs at once need two homes.
_HOME = Path(os.environ.get("INGESTER_TEST_HOME", _STATE / "test"))


def _stack() -> Stack:
    home = Home.at(_HOME, _STATE / "cache")
    return Stack(home, durable=False, kafka_heap_mb=512)


def _is_worker(session: pytest.Session) -> bool:
    """Is this one of several processes of one run?"""
    return hasattr(session.config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin with empty servers, whatever an earlier run left."""
    if not _is_worker(session):
        _stack().down()
        shutil.rmtree(_HOME, ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The servers stop with the run, not with the first process that has no test."""
    if not _is_worker(session):
        _stack().down()


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Kafka, PostgreSQL and S3, shared by all tests of the run."""
    shared = _stack()
    shared.up()
    return shared


@pytest.fixture
def database(stack: Stack) -> Iterator[str]:
    """DSN of an empty database."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(
        postgres.dsn(stack.home, "postgres"), autocommit=True
    ) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.dsn(stack.home, name)
        drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        admin.execute(drop)


@pytest.fixture
def bucket(stack: Stack) -> str:
    """Name of an empty bucket."""
    name = f"test-{uuid4().hex[:12]}"
    provision_bucket(name, s3.options(stack.environment()))
    return name


@pytest.fixture
def system(
    stack: Stack, database: str, bucket: str, tmp_path: Path
) -> Iterator[System]:
    """An ingester with topics, database and bucket of its own; nothing runs yet."""
    ingester = System.on(stack, database, bucket, tmp_path)
    ingester.provision()
    yield ingester
    ingester.stop()
