# SPDX-License-Identifier: Apache-2.0
"""Sentinel-1 backscatter: a full GRD image to a layer.

`LINES=16685 PIXELS=25788 RESOLUTION=20 THREADS=2 python -m benchmarks.bench_sigma0`
chooses sizes. An image in high resolution and one polarisation is made up; every way
calibrates it, removes its thermal noise, puts it on a map in UTM and writes a Cloud
Optimized GeoTIFF, in a process of its own:

- *step*: the native step of the graph `S1GrdSigma0`, with THREADS or with one;
- *whole arrays*: all of the image in numpy's arrays, then `rasterio.warp.reproject` of
  one array to another with thin plate splines.

They must find the same backscatter, within what GDAL's places differ.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from warnings import catch_warnings
from xml.etree import ElementTree

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform

from agents.worker.graph.cog import write_cog
from agents.worker.graph.native.geolocation import crs_of, map_of
from agents.worker.graph.native.sentinel1 import find_channels, read_annotation
from agents.worker.graph.steps.sentinel1 import s1_grd_backscatter
from tests.sentinel1 import (
    azimuth_noise,
    calibration_vector,
    make_product,
    range_noise,
)

_LINES = int(os.environ.get("LINES", "16685"))
_PIXELS = int(os.environ.get("PIXELS", "25788"))
_RESOLUTION = int(os.environ.get("RESOLUTION", "20"))
_THREADS = int(os.environ.get("THREADS", "2"))

_SEED = 20210809

# Of the mean: GDAL's places are good to an eighth of a pixel.
_DIFFERENCE = 0.01


def make(folder: Path) -> None:
    """A product of one polarisation: speckle on a smooth scene, dark edges."""
    random = np.random.default_rng(_SEED)
    columns = np.arange(_PIXELS)
    image = np.empty((_LINES, _PIXELS), dtype=np.uint16)
    for line in range(_LINES):
        scene = 120 + 60 * np.sin(columns / 900 + line / 700)
        image[line] = scene * np.sqrt(random.standard_gamma(4.4, _PIXELS) / 4.4)
    image[:, :40] = image[:, -40:] = 0
    at = [*range(0, _PIXELS - 1, 40), _PIXELS - 1]
    near = np.array(at)
    lines = [*range(0, _LINES, 667), _LINES + 667]
    third = _PIXELS // 3
    make_product(
        folder,
        {"VV": image},
        calibration="".join(
            calibration_vector(line, at, *_lists(near, line)) for line in lines
        ),
        noise="".join(range_noise(n, at, (1500 - near / 50).tolist()) for n in lines)
        + "".join(
            azimuth_noise(
                range(0, _LINES, 10),
                (1 + 0.05 * np.sin(np.arange(0, _LINES, 10) / 150 + block)).tolist(),
                (0, _LINES - 1, block * third, (block + 1) * third - 1),
            )
            for block in range(3)
        ),
    )


def _lists(at: NDArray[np.int64], line: int) -> list[list[float]]:
    return [(scale - at / 300 + line / 5000).tolist() for scale in (660, 474, 610)]


def step(work: Path, threads: int) -> Path:
    """The native step, without erosion."""
    (product,) = work.glob("*_GRDH_*")
    s1_grd_backscatter(
        work,
        {
            "product": product.name,
            "out": "step_*.tif",
            "resolution": str(_RESOLUTION),
            "threads": str(threads),
        },
    )
    return work / "step_sigma0_VV.tif"


def whole_arrays(work: Path, threads: int) -> Path:
    """Everything at once, as one would in a notebook."""
    (product,) = work.glob("*_GRDH_*")
    channel = find_channels(product)["VV"]
    annotation = read_annotation(channel)
    with rasterio.open(channel.measurement) as raster:
        digital = raster.read(1)
    power = digital.astype(np.float32) ** 2
    power -= _whole(channel.noise, "noiseRangeVector", "noiseRangeLut") * _azimuth(
        channel.noise
    )
    np.maximum(power, 0, out=power)
    power /= _whole(channel.calibration, "calibrationVector", "sigmaNought") ** 2
    power[digital == 0] = np.nan
    looks = max(1, int(_RESOLUTION / annotation.spacing_m))
    if looks > 1:
        height, width = (side // looks for side in power.shape)
        cells = power[: height * looks, : width * looks]
        cells = cells.reshape(height, looks, width, looks)
        with catch_warnings(action="ignore", category=RuntimeWarning):  # of nothing
            power = np.nanmean(cells, axis=(1, 3))
    crs = crs_of("", annotation.grid)
    onto = map_of(annotation.grid, crs, _RESOLUTION)
    found = np.full((onto.height, onto.width), np.nan, dtype=np.float32)
    reproject(
        power,
        found,
        gcps=[
            GroundControlPoint((line + 0.5) / looks, (pixel + 0.5) / looks, x, y)
            for (line, pixel, *_), x, y in zip(
                annotation.grid,
                *transform(CRS.from_epsg(4326), crs, *annotation.grid[:, 2:].T),
                strict=True,
            )
        ],
        src_crs=crs,
        dst_crs=crs,
        dst_transform=onto.transform,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
        num_threads=threads,
        SRC_METHOD="GCP_TPS",
        # What GDAL guesses from a turned image widens the kernel.
        XSCALE=1,
        YSCALE=1,
    )
    plain = work / "whole.plain.tif"
    with rasterio.open(
        plain,
        "w",
        driver="GTiff",
        count=1,
        dtype="float32",
        width=onto.width,
        height=onto.height,
        crs=crs,
        transform=onto.transform,
        nodata=np.nan,
        tiled=True,
    ) as raster:
        raster.write(found, 1)
    write_cog(plain, work / "whole.tif", no_data=None, threads=threads)
    return work / "whole.tif"


def _whole(file: Path, tag: str, values: str) -> NDArray[np.float32]:
    """A table for every pixel."""
    lines, rows = [], []
    for item in ElementTree.parse(file).getroot().iter(tag):
        lines.append(int(item.findtext("line") or 0))
        rows.append(
            np.interp(
                np.arange(_PIXELS),
                np.array((item.findtext("pixel") or "").split(), float),
                np.array((item.findtext(values) or "").split(), float),
            )
        )
    table = np.array(rows, dtype=np.float32)
    at = np.interp(np.arange(_LINES), lines, np.arange(len(lines)))
    low = np.minimum(at.astype(int), len(lines) - 2)
    part = (at - low)[:, np.newaxis].astype(np.float32)
    found: NDArray[np.float32] = table[low] * (1 - part) + table[low + 1] * part
    return found


def _azimuth(file: Path) -> NDArray[np.float32]:
    factors = np.ones((_LINES, _PIXELS), dtype=np.float32)
    for item in ElementTree.parse(file).getroot().iter("noiseAzimuthVector"):
        first, last = (int(item.findtext(f"{w}RangeSample") or 0) for w in _ENDS)
        at = np.array((item.findtext("line") or "").split(), float)
        lut = np.array((item.findtext("noiseAzimuthLut") or "").split(), float)
        factors[:, first : last + 1] = np.interp(np.arange(_LINES), at, lut)[:, None]
    return factors


_ENDS = ("first", "last")

WAYS = {"step": step, "whole arrays": whole_arrays, "step, 1 thread": step}


def run_way(way: str, work: Path) -> None:
    """In a process of its own: one way, measured; prints JSON."""
    begin = time.perf_counter()
    made = WAYS[way](work, 1 if way.endswith("1 thread") else _THREADS)
    taken = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "seconds": taken,
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_mb": _peak_mb(),
                "layer_mb": made.stat().st_size / 1e6,
                "file": str(made),
            }
        )
    )


def _peak_mb() -> float:
    """Most memory that was resident; `ru_maxrss` is that of the parent as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _measured(way: str, work: Path) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.bench_sigma0", way, str(work)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _difference(one: Path, other: Path) -> float:
    """Mean difference of two layers, as a share of their mean."""
    with rasterio.open(one) as first, rasterio.open(other) as second:
        total = apart = 0.0
        for _, window in first.block_windows(1):
            a, b = first.read(1, window=window), second.read(1, window=window)
            both = ~(np.isnan(a) | np.isnan(b))
            total += float(a[both].sum(dtype=np.float64))
            apart += float(np.abs(a - b)[both].sum(dtype=np.float64))
    return apart / total


def main() -> None:
    """Make the product, run every way, compare."""
    if len(sys.argv) == 3:
        run_way(sys.argv[1], Path(sys.argv[2]))
        return
    with TemporaryDirectory() as folder:
        work = Path(folder)
        make(work)
        print(f"{_LINES} x {_PIXELS} to {_RESOLUTION} m, {_THREADS} threads")
        print(
            "| way | s | CPU s | peak MB | layer MB |\n| --- | --- | --- | --- | --- |"
        )
        results = {}
        kept: dict[str, Path] = {}
        for way in WAYS:
            result = results[way] = _measured(way, work)
            print(
                f"| {way} | {result['seconds']:.1f} | {result['cpu_s']:.1f} |"
                f" {result['peak_mb']:,.0f} | {result['layer_mb']:.0f} |",
                flush=True,
            )
            kept[way] = work / f"kept-{len(kept)}.tif"
            shutil.move(str(result["file"]), kept[way])
        apart = _difference(kept["step"], kept["whole arrays"])
        threads_apart = _difference(kept["step"], kept["step, 1 thread"])
        if apart > _DIFFERENCE or threads_apart:
            raise AssertionError(f"layers differ by {apart:.3%}, {threads_apart:.3%}")
        ours, theirs = results["step"], results["whole arrays"]
        print(
            f"RESULT seconds={ours['seconds']:.1f} cpu_s={ours['cpu_s']:.1f}"
            f" peak_mb={ours['peak_mb']:.0f}"
            f" times_faster={theirs['seconds'] / ours['seconds']:.2f}"
            f" times_less_memory={theirs['peak_mb'] / ours['peak_mb']:.1f}"
            f" difference={apart:.5f}"
        )


if __name__ == "__main__":
    main()
