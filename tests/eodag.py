# SPDX-License-Identifier: Apache-2.0
"""The provider and the search `eodag` on the real library: `make test-eodag`.

Sixty packages that nothing else needs: they have an environment of their own in the
state folder, made once.
"""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_VENV = _ROOT / ".ingester" / "cache" / "eodag"


def main() -> int:
    """Make the environment when it is not there, and run the tests; their status."""
    python = _VENV / "bin" / "python"
    if not (_VENV / ".ready").exists():
        sys.stderr.write(f"making {_VENV}, once\n")
        uv = [str(Path(sys.executable).with_name("uv")), "-q"]
        subprocess.run(
            [*uv, "venv", "--clear", "-p", sys.executable, _VENV], check=True
        )
        install = [*uv, "pip", "install", "-p", python]
        subprocess.run([*install, "-r", _ROOT / "requirements.lock"], check=True)
        subprocess.run([*install, "-e", f"{_ROOT}[eodag]"], check=True)
        (_VENV / ".ready").touch()
    suite = ["-m", "pytest", "-q", "tests/integration/test_eodag.py", *sys.argv[1:]]
    return subprocess.run([python, *suite], cwd=_ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
