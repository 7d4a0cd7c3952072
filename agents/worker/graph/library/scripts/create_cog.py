# SPDX-License-Identifier: Apache-2.0
"""Write a raster as a Cloud Optimized GeoTIFF, if wanted in another projection."""

from pathlib import Path

from rasterio.enums import Resampling

from agents.worker.graph.cog import BLOCK, write_cog
from agents.worker.graph.scripting import Options, copy, replacing, run


def create_cog(
    source: Path, target: Path, block: int = BLOCK, projection: str = ""
) -> None:
    """Copy a raster to a Cloud Optimized GeoTIFF.

    Args:
        source: any raster that GDAL reads.
        target: to be created or replaced; may be the source.
        block: width and height of its tiles, pixels.
        projection: CRS to warp to, for example `EPSG:32632`; empty: as it is.

    Raises:
        ValueError: a block size that no TIFF can have.
        RasterioIOError: the source cannot be read, or the target written.
        NodeExhausted: it cannot, and the disk is full.
    """
    if block <= 0 or block % 16:
        raise ValueError(f"block size {block}, expected a multiple of 16")
    if projection:
        with replacing(target) as made:
            copy(
                source,
                made,
                driver="COG",
                BLOCKSIZE=block,
                COMPRESS="ZSTD",
                PREDICTOR="YES",
                SPARSE_OK="TRUE",
                BIGTIFF="IF_SAFER",
                TARGET_SRS=projection,
            )
    else:
        write_cog(source, target, no_data=None, overviews=Resampling.cubic, block=block)


def main() -> None:
    """Do as the options say."""
    options = Options(__doc__)
    options.add_argument("--filepath", type=Path, required=True, help="the raster")
    options.add_argument("--fileout", type=Path, help="the result (in its place)")
    options.add_argument("--blocksize", type=int, default=BLOCK, help="of its tiles")
    options.add_argument("--projection", default="", help="CRS to warp to (its own)")
    given = options.parse_args()
    create_cog(
        given.filepath,
        given.fileout or given.filepath,
        given.blocksize,
        given.projection,
    )


if __name__ == "__main__":
    run(main)
