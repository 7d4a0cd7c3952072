# SPDX-License-Identifier: Apache-2.0
"""A picture of what a graph has made, for people."""

from collections.abc import Mapping
from pathlib import Path

from rasterio.errors import RasterioError

from agents.worker.graph.native.quicklook import DRIVERS, picture, write_picture
from streams.errors import StepFailed, StepFatal


def make_quicklook(workdir: Path, arguments: Mapping[str, str]) -> None:
    """Write a small picture of the first layers, of several choices, that are there.

    Args:
        workdir: folder of the layers and of the picture.
        arguments: `layers`, file name of a layer with `*` for its name; `choices`, one
            layer (grey) or three (red, green, blue) with blanks between, choices with
            commas between; `out`, the picture, `png` (no-data is transparent) or `jpg`
            (black); `size`, its longest side in pixels, 0: no picture (512).

    Raises:
        StepFatal: an argument is wrong.
        StepFailed: a layer cannot be read, or the picture written.
    """
    size = arguments.get("size") or "512"
    if not size.isdecimal():
        raise StepFatal(f"size '{size}', expected a number of pixels")
    target = workdir / arguments["out"]
    if target.suffix.removeprefix(".").lower() not in DRIVERS:
        raise StepFatal(f"out '{target.name}', expected one of {', '.join(DRIVERS)}")
    found = _found(workdir, arguments["layers"], arguments["choices"])
    if not found or not int(size):
        return
    try:
        write_picture(picture(found, int(size)), target)
    except RasterioError as error:
        raise StepFailed(f"picture '{target.name}': {error}") from error


def _found(workdir: Path, pattern: str, choices: str) -> list[Path]:
    """The files of the first choice that is whole; none when there is no such."""
    for choice in choices.split(","):
        names = choice.split()
        if len(names) not in (1, 3):
            raise StepFatal(f"choice '{choice.strip()}', expected one layer or three")
        files = [workdir / pattern.replace("*", name) for name in names]
        if all(file.exists() for file in files):
            return files
    return []
