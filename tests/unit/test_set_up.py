# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_set_up_runs_before_any_package_is_installed():
    """`make setup` fetches Kafka's jars while packages are being installed."""
    bare = [sys.executable, "-S", "-c", "import infra.local.jars"]
    subprocess.run(bare, cwd=ROOT, check=True)
