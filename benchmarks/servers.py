# SPDX-License-Identifier: Apache-2.0
"""An ingester of its own on the benchmarks' servers, in `.ingester/bench`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

from infra.local import postgres, s3
from infra.local.home import Home
from infra.local.stack import Stack
from infra.minio.provision import provision_bucket
from tests.system import System

_STATE = Path(__file__).parents[1] / ".ingester"


@contextmanager
def own_system(folder: Path) -> Iterator[System]:
    """Servers and a system on them, until the block ends."""
    stack = Stack(Home.at(_STATE / "bench", _STATE / "cache"), kafka_heap_mb=512)
    stack.up()
    try:
        name = f"bench_{uuid4().hex[:12]}"
        admin_dsn = postgres.dsn(stack.home, "postgres")
        with psycopg.connect(admin_dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        bucket = name.replace("_", "-")
        provision_bucket(bucket, s3.options(stack.environment()))
        dsn = postgres.dsn(stack.home, name)
        system = System.on(stack, dsn, bucket, folder)
        system.provision()
        try:
            yield system
        finally:
            system.stop()
    finally:
        stack.down()


def broker_of(system: System) -> psutil.Process:
    """The process that listens where the system finds Kafka."""
    port = int(system.settings.kafka_bootstrap.rpartition(":")[2])
    (pid,) = (
        found.pid
        for found in psutil.net_connections("tcp")
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port
    )
    return psutil.Process(pid)
