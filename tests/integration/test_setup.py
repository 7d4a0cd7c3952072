# SPDX-License-Identifier: Apache-2.0
"""`make` on a machine that lacks something: it says what, and how to get it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAMS = ("bash", "sh", "mkdir", "touch", "awk", "grep", "sed", "dirname", "env")


@pytest.fixture
def bare(tmp_path):
    """A folder of programs, to be the whole path: the usual ones, but no Maven."""
    for name in (*PROGRAMS, "make"):
        found = shutil.which(name)
        assert found is not None, f"{name} is missing"
        (tmp_path / name).symlink_to(found)
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    return tmp_path


def setup(path, *arguments, **variables):
    clean = {k: v for k, v in os.environ.items() if k != "KAFKA_HOME"}
    return subprocess.run(
        ["make", "setup", f"STATE={path / 'state'}", *arguments],
        cwd=ROOT,
        env={**clean, "PATH": str(path), **variables},
        capture_output=True,
        text=True,
    )


def test_missing_maven_is_named_with_the_command_that_installs_it(bare):
    done = setup(bare)
    assert done.returncode != 0
    assert "Maven is missing" in done.stderr
    assert "apt install maven" in done.stderr
    assert not (bare / "state/venv").exists()


def test_missing_python_is_named_with_the_command_that_installs_it(bare):
    done = setup(bare, "BOOT_PYTHON=python3.99")
    assert done.returncode != 0
    assert "python3.99 is missing" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_old_python_is_named_with_what_is_expected(bare):
    old = bare / "python3.10"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.1\nexit 1\n')
    old.chmod(0o755)
    done = setup(bare, "BOOT_PYTHON=python3.10")
    assert done.returncode != 0
    assert "Python 3.10.1 is too old, expected 3.11 or newer" in done.stderr
