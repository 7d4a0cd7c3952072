# SPDX-License-Identifier: Apache-2.0
"""What tests of providers share: a scene, an errand, products."""

import io
import random
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agents.downloader.provider import Errand
from agents.worker.desk import Desk
from agents.worker.room import Room
from streams.model import Scene

SCENE = Scene("P", "x", datetime(2024, 1, 1, tzinfo=UTC), fields={"YEAR": "2024"})

QUICK = {
    "stall_s": "0.5",
    "longest_pause_s": "0.05",
    "per_second": "100000",
    "part_bytes": "20000",
}
"""Options for servers that fail at once; pauses are short."""


def errand(folder: Path, name: str = "p", task: str = "t", **changes: object) -> Errand:
    """An errand whose shelf and node are below a folder."""
    node, desk = folder / "node", Desk()
    values = {
        "area": "demo",
        "desk": desk,
        "shelf": node / ".kept" / task / name,
        "node": node,
        "room": Room().promise(folder, lambda: desk.done_bytes),
        "name": name,
    }
    return Errand(**{**values, **changes})


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that cannot be compressed, the same every time."""
    return random.Random(seed).randbytes(size)


def archive(files: Mapping[str, bytes], *, packed: bool = False) -> bytes:
    """A zip, compressed or not."""
    made = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", how) as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return made.getvalue()


def found(folder: Path) -> dict[str, bytes]:
    """Path → content of every file below."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
