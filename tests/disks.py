# SPDX-License-Identifier: Apache-2.0
"""Real disks that are small, in a name space of their own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def on_a_disk(megabytes: int, folder: Path, *argv: str) -> list[str]:
    """The words of a command that has a new, empty disk in a folder that is there."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mounted = f"mount -t tmpfs -o size={megabytes}m none '{folder}' && exec \"$@\""
    return [*words, mounted, "sh", *argv]


def run_on_a_disk(megabytes: int, folder: Path, script: str, *arguments: object) -> str:
    """The last line of what Python says there."""
    argv = on_a_disk(
        megabytes, folder, sys.executable, "-c", script, *map(str, arguments)
    )
    ended = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]
