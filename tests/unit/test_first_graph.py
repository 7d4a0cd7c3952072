# SPDX-License-Identifier: Apache-2.0
"""The graph that `docs/how-to/write-a-graph.md` begins with does what it says."""

import io
import re
import textwrap
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from streams.model import Scene, Tile
from streams.orders import ProcessOrder, Source
from tests.landsat import LEVEL_1, make_product
from tests.processes import a_processor
from tests.trades import (
    AREA,
    Index,
    carried_out,
    ordered,
    put_layer,
    some_settings,
    stored,
)

PAGE = Path(__file__).parents[2] / "docs/how-to/write-a-graph.md"

DAY = datetime(2023, 5, 2, tzinfo=UTC)


def written_down(folder):
    """Graph and script of the page, as files."""
    text = PAGE.read_text("utf-8")
    graph, script = re.findall(r"^(?: {4}.*\n|\n(?= {4}))+", text, re.MULTILINE)[:2]
    folder.mkdir()
    (folder / "ndvi.json").write_text(textwrap.dedent(graph))
    (folder / "ndvi.py").write_text(textwrap.dedent(script))


def zipped(product):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in product.iterdir():
            archive.write(file, file.name)
    return packed.getvalue()


def test_first_graph_makes_an_index_of_a_landsat_product(tmp_path):
    written_down(tmp_path / "graphs")
    product = make_product(tmp_path / "made", bands=["B4", "B5"])
    with (
        rasterio.open(product / f"{LEVEL_1}_B4.TIF") as red,
        rasterio.open(product / f"{LEVEL_1}_B5.TIF") as near,
    ):
        low, high = (band.read(1).astype("float32") for band in (red, near))
    source = put_layer(tmp_path, "product.zip", zipped(product), "__product__", "*")
    order = ProcessOrder(
        AREA,
        f"{AREA}/{LEVEL_1}/{LEVEL_1}",
        1,
        "i1",
        some_settings(tile_graph="ndvi.json"),
        Source(Tile(LEVEL_1, LEVEL_1, DAY), Scene(LEVEL_1, "landsat", DAY), (source,)),
    )
    index = Index()
    with a_processor(tmp_path, index) as trade:
        carried_out(trade, ordered(order))
    ((layers,),) = (told.entries for told in index.told)
    assert layers.layer.name == "ndvi"
    (key,) = (key for key in stored(tmp_path) if key.endswith("_ndvi.tif"))
    with rasterio.open(tmp_path / "store" / key) as layer:
        found = layer.read(1)
    with np.errstate(invalid="ignore"):
        expected = np.rint((high - low) / (high + low) * 10_000)
    assert np.array_equal(found, np.where(low == 0, -32768, expected))
