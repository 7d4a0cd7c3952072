# SPDX-License-Identifier: Apache-2.0
"""The panchromatic and the multispectral image of a Pléiades or SPOT product."""

from collections.abc import Iterator
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from agents.worker.graph.library.scripts.create_cog import create_cog
from agents.worker.graph.scripting import Options, run
from streams.errors import StepFatal

VOLUMES = {"PHR": "VOL_PHR.XML", "SPOT": "SPOT_VOL.XML"}
"""Constellation → file that lists what a product holds."""

_KIND = "SPECTRAL_PROCESSING"


def extract_dimap(workdir: Path, constellation: str, targets: dict[str, Path]) -> None:
    """Write each image as a Cloud Optimized GeoTIFF, numbers kept.

    Args:
        workdir: the product is in it, at any depth.
        constellation: one of `VOLUMES`.
        targets: `P` and `MS` → file.

    Raises:
        ValueError: an unknown constellation.
        StepFatal: no product, one that cannot be read, or not each image once.
        RasterioIOError: a target cannot be written.
    """
    if constellation not in VOLUMES:
        known = ", ".join(VOLUMES)
        raise ValueError(f"constellation '{constellation}', expected one of {known}")
    volumes = sorted(workdir.rglob(VOLUMES[constellation]))
    if not volumes:
        raise StepFatal(f"no {VOLUMES[constellation]} in the product")
    found = [image for volume in volumes for image in _images(volume)]
    for kind, target in targets.items():
        of_kind = [name for name, processing in found if processing == kind]
        if len(of_kind) != 1:
            raise StepFatal(
                f"the product has {len(of_kind)} images of kind {kind}, expected 1;"
                f" it has {', '.join(kind for _, kind in found) or 'none'}"
            )
        create_cog(Path(of_kind[0]), target)


def _images(volume: Path) -> Iterator[tuple[str, str]]:
    """Name for GDAL and kind of each image; a volume of one image opens as that."""
    try:
        with rasterio.open(volume) as opened:
            names = opened.subdatasets or [str(volume)]
        for name in names:
            with rasterio.open(name) as image:
                yield name, image.tags().get(_KIND, "unknown")
    except RasterioError as error:
        raise StepFatal(f"{volume.name}: {error}") from error


def main() -> None:
    """Do as the options say."""
    options = Options(__doc__)
    options.add_argument("--workdir", type=Path, required=True, help="of the product")
    options.add_argument("--file-ms-out", type=Path, required=True, help="result")
    options.add_argument("--file-pan-out", type=Path, required=True, help="result")
    options.add_argument("--constellation", required=True, help=", ".join(VOLUMES))
    given = options.parse_args()
    targets = {"P": given.file_pan_out, "MS": given.file_ms_out}
    extract_dimap(given.workdir, given.constellation, targets)


if __name__ == "__main__":
    run(main)
