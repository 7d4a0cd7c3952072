# SPDX-License-Identifier: Apache-2.0
"""stac-fastapi with PostgreSQL, as many real catalogues run it: `make test-stac`.

It is installed beside the project, in the state folder (90 MB, a minute); its database
needs PostGIS, which no wheel has (`apt-get install postgresql-15-postgis-3`).
`INGESTER_TEST_STAC_FASTAPI` is a Python that has it, `INGESTER_TEST_POSTGIS_BIN` the
folder of a PostgreSQL's programs, by default where Debian puts them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from tests import netherlands
from tests.system import free_port, wait_for

PACKAGES = ("stac-fastapi.pgstac==7.2.0", "pypgstac[psycopg]~=0.9", "uvicorn~=0.54.0")

_FOLDER = Path(__file__).parents[1] / ".ingester" / "cache" / "stac-fastapi"


def main() -> int:
    """Install stac-fastapi when it is not there, and run its tests; their status."""
    if not (_programs() / "initdb").exists():
        raise SystemExit(f"no PostgreSQL at {_programs()}: see {__file__}")
    python = _FOLDER / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", _FOLDER])
        _run([python, "-m", "pip", "install", "-q", *PACKAGES])
    suite = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/integration/test_stac_fastapi.py",
    ]
    only = sys.argv[1:]
    where = {"INGESTER_TEST_STAC_FASTAPI": str(python)}
    return subprocess.run([*suite, *only], env=os.environ | where).returncode


COLLECTION = {
    "type": "Collection",
    "id": netherlands.COLLECTION,
    "stac_version": "1.0.0",
    "description": "Landsat over the Netherlands",
    "license": "proprietary",
    "links": [],
    "extent": {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [["2013-01-01T00:00:00Z", None]]},
    },
}


def _python() -> Path:
    python = os.environ.get("INGESTER_TEST_STAC_FASTAPI")
    if not python:
        pytest.skip("stac-fastapi is not here: `make test-stac` brings it")
    return Path(python)


def _programs() -> Path:
    return Path(
        os.environ.get("INGESTER_TEST_POSTGIS_BIN", "/usr/lib/postgresql/15/bin")
    )


@contextmanager
def stac_fastapi() -> Iterator[str]:
    """The server; its URL."""
    python = _python()
    folder = Path(tempfile.mkdtemp(prefix="pgstac-"))
    try:
        with _postgres(folder) as database:
            environment = {**os.environ, **database}
            _load(python, folder, environment)
            with _server(python, environment) as url:
                yield url
    finally:
        shutil.rmtree(folder)


@contextmanager
def _postgres(folder: Path) -> Iterator[dict[str, str]]:
    # PostgreSQL does not run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    data, port = folder / "data", str(free_port())
    _run(
        [*as_user, _programs() / "initdb", "-D", data, "-U", "postgres", "-A", "trust"]
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {folder}"
    control = [*as_user, _programs() / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
    _run([*control, "-o", options, "start"])
    try:
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": port,
            "PGUSER": "postgres",
            "PGPASSWORD": "unused",
            "PGDATABASE": "postgres",
        }
    finally:
        _run([*control, "-m", "immediate", "stop"])


def _load(python: Path, folder: Path, environment: dict[str, str]) -> None:
    (folder / "collections.json").write_text(json.dumps(COLLECTION))
    lines = [
        json.dumps(
            {**item, "collection": netherlands.COLLECTION, "stac_version": "1.0.0"}
        )
        for item in netherlands.items()
    ]
    (folder / "items.json").write_text("\n".join(lines))
    pypgstac = python.with_name("pypgstac")
    _run([pypgstac, "migrate"], environment)
    for table in ("collections", "items"):
        _run([pypgstac, "load", table, folder / f"{table}.json"], environment)


@contextmanager
def _server(python: Path, environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    application = "stac_fastapi.pgstac.app:create_app"
    process = subprocess.Popen(
        [python, "-m", "uvicorn", "--factory", application, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(process, url))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"stac-fastapi ended with {process.returncode}")
    try:
        return urllib3.request("GET", url, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _run(command: list[object], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        list(map(str, command)),
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}"


if __name__ == "__main__":
    sys.exit(main())
