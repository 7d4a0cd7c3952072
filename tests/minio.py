# SPDX-License-Identifier: Apache-2.0
"""The contract suite of object stores on a real MinIO server: `make test-minio`.

The server is built by Go from its last community source (about five minutes on two
cores, the first time) and kept in the state folder.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.minio.client import border, connect
from streams.errors import IngesterError
from tests.system import free_port, wait_for

MODULE = "github.com/minio/minio@latest"

_FOLDER = Path(__file__).parents[1] / ".ingester" / "cache" / "minio"

_STOP_S = 30


def main() -> int:
    """Build MinIO when it is not there, and run the suite on it; its exit status."""
    program = _build()
    with TemporaryDirectory(prefix="minio-") as data, _server(program, data) as where:
        suite = [sys.executable, "-m", "pytest", "-q", "tests/contract/test_stores.py"]
        only = ["-k", "outside", *sys.argv[1:]]
        return subprocess.run([*suite, *only], env=os.environ | where).returncode


def _build() -> Path:
    """The server's program.

    Raises:
        SystemExit: Go is missing, or the build failed.
    """
    program = _FOLDER / "minio"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise SystemExit(
            "MinIO is built by Go, which is missing; install it "
            "(apt-get install golang-go, or https://go.dev/dl) and try again"
        )
    _say(f"building {MODULE}, once: about five minutes")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    go = ["nice", "go", "install", MODULE]
    done = subprocess.run(go, env=os.environ | {"GOBIN": str(_FOLDER)})
    if done.returncode:
        raise SystemExit(f"'{' '.join(go)}' ended with status {done.returncode}")
    return program


@contextmanager
def _server(program: Path, data: str) -> Iterator[dict[str, str]]:
    """A server on loopback, and the variables that name it to the suite."""
    address = f"127.0.0.1:{free_port()}"
    where = {
        "INGESTER_TEST_S3_ENDPOINT": f"http://{address}",
        "INGESTER_TEST_S3_ACCESS_KEY": secrets.token_urlsafe(12),
        "INGESTER_TEST_S3_SECRET_KEY": secrets.token_urlsafe(24),
    }
    environment = os.environ | {
        "MINIO_ROOT_USER": where["INGESTER_TEST_S3_ACCESS_KEY"],
        "MINIO_ROOT_PASSWORD": where["INGESTER_TEST_S3_SECRET_KEY"],
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    log = _FOLDER / "minio.log"
    with log.open("wb") as output:
        argv = [program, "server", data, "--address", address, "--quiet"]
        server = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)
    try:
        wait_for(lambda: _answers(server, where, log))
        yield where
    finally:
        server.terminate()
        server.wait(_STOP_S)


def _answers(
    server: "subprocess.Popen[bytes]", where: dict[str, str], log: Path
) -> bool:
    """Does it know our account?

    Raises:
        SystemExit: it ended.
    """
    if server.poll() is not None:
        raise SystemExit(f"MinIO does not start: {log.read_text()[-2000:]}")
    options = {
        "endpoint": where["INGESTER_TEST_S3_ENDPOINT"],
        "access_key": where["INGESTER_TEST_S3_ACCESS_KEY"],
        "secret_key": where["INGESTER_TEST_S3_SECRET_KEY"],
    }
    try:
        with border("MinIO"):
            connect(options, retries=0).list_buckets()
    except IngesterError:
        return False
    return True


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
