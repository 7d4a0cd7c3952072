# SPDX-License-Identifier: Apache-2.0
"""What every script of ours does beside its work: options, failures, whole files."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import rasterio.shutil
from rasterio._err import CPLE_BaseError  # no public name, and no RasterioError
from rasterio.errors import RasterioError, RasterioIOError

from agents.worker.graph.cog import read_through
from streams.errors import IngesterError, StepFatal


class Options(argparse.ArgumentParser):
    """Options of a script; wrong ones are a ValueError, told like other failures."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the options."""
        raise ValueError(message)


def run(work: Callable[[], None]) -> None:
    """Carry out a script's work; its failure is a line that the engine understands.

    Wrong options are no fatal failure: another configuration can help.
    """
    try:
        work()
    except StepFatal as error:
        _end(f"FATAL ERROR: {error}")
    except (IngesterError, RasterioError, OSError, ValueError) as error:
        _end(f"ERROR: {error}")


def copy(source: Path, target: Path, **options: Any) -> None:
    """Copy a raster to another format.

    Raises:
        RasterioIOError: the source cannot be read, or the target written.
    """
    try:
        rasterio.shutil.copy(source, target, **options)
    except CPLE_BaseError as error:
        raise RasterioIOError(str(error)) from error


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path for a raster that takes the place of another, whole or not at all."""
    with TemporaryDirectory(dir=target.parent, prefix=".new-") as aside:
        made = Path(aside, target.name)
        yield made
        # GDAL says nothing when the disk is full as it writes the last bytes.
        read_through(made)
        made.replace(target)


def _end(line: str) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    raise SystemExit(1)
