# SPDX-License-Identifier: Apache-2.0
"""Where a file is made before it takes its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.worker.workdir import disk_is_full
from streams.errors import NodeExhausted

# GDAL removes a TIFF that it cannot write to its end, and nobody could see that it was
# for want of room.
KEEP_HALVES = {"GTIFF_DELETE_ON_ERROR": "NO"}


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """An empty folder beside a file, removed with all it holds when the block ends.

    Raises:
        NodeExhausted: the block failed, and the disk is full.
    """
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        try:
            yield Path(name)
        except NodeExhausted:
            raise
        # Asked while that which fills the disk is still there.
        except Exception as error:
            if disk_is_full(Path(name)):
                raise NodeExhausted(f"{error}; the disk is full") from error
            raise
