# SPDX-License-Identifier: Apache-2.0
"""What every script of ours does beside its work: options, failures, whole files."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # no public name, and no RasterioError
from rasterio.errors import RasterioError, RasterioIOError

from agents.worker.graph.beside import KEEP_HALVES, beside
from agents.worker.graph.cog import read_through
from agents.worker.graph.engines.process import EX_OSERR
from streams.errors import IngesterError, NodeExhausted, StepFatal


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
    except NodeExhausted as error:
        _end(f"ERROR: {error}", EX_OSERR)
    except (IngesterError, RasterioError, OSError, ValueError) as error:
        _end(f"ERROR: {error}")


def copy(source: Path, target: Path, **options: Any) -> None:
    """Copy a raster to another format.

    Raises:
        RasterioIOError: the source cannot be read, or the target written.
    """
    try:
        with rasterio.Env(**KEEP_HALVES):
            rasterio.shutil.copy(source, target, **options)
    except CPLE_BaseError as error:
        raise RasterioIOError(str(error)) from error


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path for a raster that takes the place of another, whole or not at all.

    Raises:
        NodeExhausted: the block failed, and the disk is full.
    """
    with beside(target) as folder:
        made = folder / target.name
        yield made
        # GDAL says nothing when the disk is full as it writes the last bytes.
        read_through(made)
        made.replace(target)


def _end(line: str, status: int = 1) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    raise SystemExit(status)
