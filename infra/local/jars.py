# SPDX-License-Identifier: Apache-2.0
"""Kafka's jars, fetched once by Maven."""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from infra.local.java import find_java
from streams.errors import StackError

_LINES_SHOWN = 15
_TIMEOUT_S = 900


def kafka_jars(cache: Path) -> Path:
    """Folder with Kafka's jars: of `KAFKA_HOME`, or fetched into the cache.

    Raises:
        StackError: they are not there and cannot be fetched.
    """
    if asked := os.environ.get("KAFKA_HOME"):
        return Path(asked, "libs")
    pom = (files("infra.local") / "pom.xml").read_bytes()
    cache = cache.absolute()  # Maven takes a relative path from the pom's folder
    folder = cache / f"kafka-{hashlib.sha256(pom).hexdigest()[:12]}"
    if not folder.exists():
        _fetch(pom, folder, cache)
    return folder


def _fetch(pom: bytes, folder: Path, cache: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError(
            "Maven is missing, which fetches Kafka; install it (Debian, Ubuntu: "
            "sudo apt install maven; macOS: brew install maven) or set KAFKA_HOME to "
            "a Kafka that is there"
        )
    aside = cache / f".{folder.name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    (aside / "pom.xml").write_bytes(pom)
    done = subprocess.run(
        [
            maven,
            "--batch-mode",
            "--quiet",
            f"--file={aside / 'pom.xml'}",
            f"-Dmaven.repo.local={cache / 'maven'}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={aside / 'libs'}",
        ],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        env={**os.environ, **_java_home()},
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-_LINES_SHOWN:])
        raise StackError(f"Maven could not fetch Kafka:\n{last}")
    (aside / "libs").rename(folder)
    shutil.rmtree(aside)


def _java_home() -> dict[str, str]:
    """Maven runs on a Java too: on ours where the system has none."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return {}
    return {"JAVA_HOME": str(find_java().path.parent.parent)}


if __name__ == "__main__":
    kafka_jars(Path(sys.argv[1]))
