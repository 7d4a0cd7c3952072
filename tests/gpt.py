# SPDX-License-Identifier: Apache-2.0
"""A stand-in for SNAP's `gpt`: it follows a graph and writes what it would write.

It processes no signal. Rasters hold a known parallelogram in a frame of 0, and every
result says from what it was made: the operators and the files, one in the other.
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

VALUE = 0.25
ROWS, COLUMNS = 120, 160


def program(file: Path) -> Path:
    """The stand-in as a program."""
    root = str(Path(__file__).parents[1])
    file.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {root!r})\n"
        "from tests.gpt import main\nmain()\n"
    )
    file.chmod(0o700)
    return file


def inside():
    """Where the rasters are valid."""
    import numpy as np

    row, column = np.mgrid[:ROWS, :COLUMNS]
    return (row >= 20) & (row < 100) & (column >= 20 + row // 2) & (column < 130)


def main() -> None:
    """Run the graph of the command line."""
    graph, *words = sys.argv[1:]
    pairs = [word[2:].partition("=") for word in words if word.startswith("-P")]
    text = Path(graph).read_text()
    for name, _, value in pairs:
        text = text.replace(f"${{{name}}}", value)
    left = re.findall(r"\$\{\w+\}", re.sub("<!--.*?-->", "", text, flags=re.DOTALL))
    if left:
        sys.exit(f"Error: no value for {', '.join(left)}")
    made: dict[str, str] = {}
    for node in ElementTree.fromstring(text).iter("node"):
        operator = node.findtext("operator", "")
        sources = [made[str(s.get("refid"))] for s in node.find("sources") or ()]
        file = Path(node.findtext("parameters/file", ""))
        if operator == "Read":
            made[str(node.get("id"))] = _read(file)
        elif operator == "Write":
            _write(file, node.findtext("parameters/formatName", ""), sources[0])
        else:
            made[str(node.get("id"))] = f"{operator}({', '.join(sources)})"


def _read(file: Path) -> str:
    if file.suffix == ".SAFE":
        return file.name if (file / "manifest.safe").is_file() else _missing(file)
    if not (file.is_file() and file.with_suffix(".data").is_dir()):
        _missing(file)
    return f"{file.stem}={file.read_text()}"


def _missing(file: Path) -> str:
    sys.exit(f"Error: [NodeId: read] product {file} does not exist")


def _write(file: Path, kind: str, origin: str) -> None:
    if kind == "BEAM-DIMAP":
        file.write_text(origin)
        file.with_suffix(".data").mkdir(exist_ok=True)
        file.with_suffix(".data").joinpath("i.img").write_bytes(bytes(8))
        return
    # Most graphs write none: they need not wait for the loading.
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin

    profile = {
        "driver": "GTiff",
        "width": COLUMNS,
        "height": ROWS,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:32632",
        "transform": from_origin(500_000, 6_100_000, 20, 20),
    }
    with rasterio.open(file, "w", **profile) as raster:
        raster.write(np.where(inside(), VALUE, 0).astype("float32"), 1)
        raster.update_tags(ORIGIN=origin)
