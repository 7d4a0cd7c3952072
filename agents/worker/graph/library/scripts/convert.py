# SPDX-License-Identifier: Apache-2.0
"""Convert a raster's pixels to another type, a range of values onto another range."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from agents.worker.graph.beside import beside
from agents.worker.graph.dformat import DataFormat, problems, with_text
from agents.worker.graph.library.scripts.create_cog import create_cog
from agents.worker.graph.native.stored import settled
from agents.worker.graph.scripting import Options, run

Range = tuple[float, float]

BLOCK = 256


def convert(
    source: Path,
    target: Path,
    range_in: Range,
    data_format: DataFormat,
    block: int = BLOCK,
) -> None:
    """Convert every band, row of tiles by row of tiles.

    Args:
        source: a raster; the no-data value that it declares becomes the new one.
        target: Cloud Optimized GeoTIFF to be created or replaced; may be the source.
        range_in: values that become `min_value` and `max_value`.
        data_format: of the result.
        block: width and height of its tiles, pixels.

    Raises:
        ValueError: a range or a data format that makes no sense.
        RasterioIOError: the source cannot be read, or the target written.
        NodeExhausted: it cannot, and the disk is full.
    """
    _check(range_in, data_format)
    with beside(target) as folder:
        plain = folder / "plain.tif"
        with rasterio.open(source) as raster:
            with rasterio.open(plain, "w", **_profile(raster, data_format)) as made:
                for top in range(0, raster.height, block):
                    rows = min(block, raster.height - top)
                    window = Window(0, top, raster.width, rows)
                    pixels = raster.read(window=window)
                    result = converted(pixels, raster.nodata, range_in, data_format)
                    made.write(result, window=window)
                made.descriptions = raster.descriptions
                made.update_tags(**raster.tags())
        create_cog(plain, target, block)


def converted(
    pixels: NDArray[Any],
    no_data: float | None,
    range_in: Range,
    data_format: DataFormat,
) -> NDArray[Any]:
    """Pixels of a data format, of the same shape, by the rule of `settled`.

    Values outside of the range are clipped.

    Args:
        pixels: of numbers.
        no_data: their value that stands for nothing; None: there is none.
        range_in: values that become `min_value` and `max_value`.
        data_format: of the result.
    """
    values = pixels.astype(np.float64)
    missing = np.isnan(values)
    if no_data is not None:
        missing |= pixels == no_data
    low, high = data_format.min_value, data_format.max_value
    share = (values - range_in[0]) / (range_in[1] - range_in[0])
    return settled(low + share * (high - low), missing, data_format, is_clipped=True)


def _check(range_in: Range, data_format: DataFormat) -> None:
    if range_in[0] == range_in[1] or not all(map(math.isfinite, range_in)):
        raise ValueError(f"range {range_in[0]:g},{range_in[1]:g}: expected two values")
    wrong = problems(data_format)
    if data_format.dtype == "complex64":
        wrong.append("type complex64 has no range")
    if wrong:
        raise ValueError(f"data format: {', '.join(wrong)}")


def _profile(raster: rasterio.DatasetReader, data_format: DataFormat) -> dict[str, Any]:
    gcps, crs = raster.gcps
    place = (
        {"gcps": gcps, "crs": crs}
        if gcps
        else {"transform": raster.transform, "crs": raster.crs}
    )
    no_data = data_format.no_data
    has_none = math.isnan(no_data) and np.dtype(data_format.dtype).kind != "f"
    return {
        "driver": "GTiff",
        "width": raster.width,
        "height": raster.height,
        "count": raster.count,
        "dtype": data_format.dtype,
        "nodata": None if has_none else no_data,
        "SPARSE_OK": "TRUE",
        "BIGTIFF": "IF_SAFER",
        **place,
    }


def _range(text: str) -> Range:
    low, _, high = text.partition(",")
    return float(low), float(high)


def _data_format(text: str) -> DataFormat:
    return with_text(DataFormat("", 0, 0, 0, ext_min_value=0, ext_max_value=1), text)


def main() -> None:
    """Do as the options say."""
    options = Options(__doc__)
    options.add_argument("--file-in", type=Path, required=True, help="the raster")
    options.add_argument("--file-out", type=Path, help="the result (in its place)")
    options.add_argument("--range-in", required=True, help="two values: a,b")
    options.add_argument("--dformat-out", required=True, help="dtype,nodata,min,max")
    options.add_argument("--tiling", type=int, default=BLOCK, help="of the result")
    given = options.parse_args()
    convert(
        given.file_in,
        given.file_out or given.file_in,
        _range(given.range_in),
        _data_format(given.dformat_out),
        given.tiling,
    )


if __name__ == "__main__":
    run(main)
