# SPDX-License-Identifier: Apache-2.0
"""Native graphs: full-size products to Cloud Optimized GeoTIFFs, beside three others.

`SIZE=10980 BANDS= CASES= WAYS= THREADS=` choose the side of a Sentinel-2 band of 10 m
(the other cases shrink alike; 1500 takes a minute, but much of what it tells is the
start of Python), some bands, cases (`sentinel-2`, `landsat`), ways and threads; lists
have commas. Every way writes the same layers with the same options (blocks of 512, ZSTD
at its usual level, predictor, overviews by average, threads):

- *ours*: the native step, one process;
- *gdal_translate*: `gdal_translate -of COG`, a process a band, where it is installed;
- *rasterio*: `rasterio.shutil.copy(driver="COG")`, one process for all bands;
- *rio-cogeo*: its `cog_translate`, one process for all bands.

Ours does more: it applies the offsets of Sentinel-2, tags no-data, and reads what it
wrote to its end. Products are made once, below `.ingester/bench/graph`. Every way's
layers are checked: valid, and with the pixels that they must have.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window
from rio_cogeo import cog_validate

from agents.worker.graph.native import landsat, sentinel2

_FOLDER = Path(__file__).parents[1] / ".ingester" / "bench" / "graph"
_SELF = "benchmarks.bench_graph"
_WHOLE = 10_980
_ROWS = 1024

_GDAL_OPTIONS = {
    "BLOCKSIZE": "512",
    "COMPRESS": "ZSTD",
    "PREDICTOR": "YES",
    "OVERVIEW_RESAMPLING": "AVERAGE",
    "SPARSE_OK": "TRUE",
    "BIGTIFF": "IF_SAFER",
}

# Each is given a JSON list of pairs, source and target, and one of options.
_COPY = """
import json, sys, rasterio.shutil
pairs, options = map(json.loads, sys.argv[1:])
for source, target in pairs:
    rasterio.shutil.copy(source, target, driver="COG", **options)
"""

# GDAL tells a CRS of ground control points for JPEG 2000 that has none of them, and
# rio-cogeo 7.0.4 lays a transform through no points: "Cannot invert geotransform". A
# virtual raster of the same file has no such CRS.
_COGEO = """
import json, sys, warnings, rasterio.shutil
from rio_cogeo import cog_translate
warnings.simplefilter("ignore")
pairs, options = map(json.loads, sys.argv[1:])
for source, target in pairs:
    virtual = target + ".vrt"
    rasterio.shutil.copy(source, virtual, driver="VRT")
    cog_translate(
        virtual,
        target,
        {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 512,
         "interleave": "pixel", "compress": "ZSTD", "predictor": 2, "sparse_ok": True,
         "bigtiff": "if_safer"},
        in_memory=False,
        overview_resampling="average",
        config={"GDAL_NUM_THREADS": options["NUM_THREADS"]},
        quiet=True,
    )
"""

# Starts a command from a small process: at its start a process counts the memory of the
# one that started it as its own.
_MEASURE = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of product, and the step that makes layers of it."""

    name: str
    step: str
    """`module:function`."""
    make: Callable[[Path, int], None]
    """Writes the product into a folder, at a part of its size (10980: whole)."""
    product: str
    """Name of its folder."""
    sources: Callable[[Path], Mapping[str, Path]]
    """Layer → file of its band."""
    expected: Callable[[NDArray[np.uint16]], NDArray[np.uint16]]
    """Pixels of a band → those of our layer."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took."""

    seconds: float
    cpu_s: float
    peak_mb: float


def _run(commands: Iterable[list[str]]) -> Cost:
    """One process after the other: times added up, memory of the largest."""
    begin, cpu, peak = time.perf_counter(), 0.0, 0.0
    for command in commands:
        told = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MEASURE, *command],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        status, cpu_s, peak_kb = told.stdout.split()[-3:]
        if status != "0":
            raise AssertionError(f"{command[0]} ended with {status}: {command}")
        cpu += float(cpu_s)
        peak = max(peak, int(peak_kb) / 1024)
    return Cost(time.perf_counter() - begin, cpu, peak)


# -- ways


def ours(case: Case, bands: Mapping[str, Path], out: Path, threads: int) -> Cost:
    """The native step, in a process as the engine would start it."""
    names = ",".join(bands)
    words = ["--step", case.step, str(out), case.product, names, str(threads)]
    return _run([[sys.executable, "-m", _SELF, *words]])


def gdal_translate(
    case: Case, bands: Mapping[str, Path], out: Path, threads: int
) -> Cost:
    """GDAL's own command."""
    options = [
        word
        for key, value in {**_GDAL_OPTIONS, "NUM_THREADS": str(threads)}.items()
        for word in ("-co", f"{key}={value}")
    ]
    command = ["gdal_translate", "-q", "-of", "COG", *options]
    return _run(
        [*command, str(file), str(out / f"{band}.tif")] for band, file in bands.items()
    )


def with_rasterio(
    case: Case, bands: Mapping[str, Path], out: Path, threads: int
) -> Cost:
    """The same within rasterio's GDAL, which is another version."""
    return _run([_script(_COPY, bands, out, threads)])


def with_rio_cogeo(
    case: Case, bands: Mapping[str, Path], out: Path, threads: int
) -> Cost:
    """rio-cogeo, as its command would do it, but for the driver's own options."""
    return _run([_script(_COGEO, bands, out, threads)])


def _script(code: str, bands: Mapping[str, Path], out: Path, threads: int) -> list[str]:
    pairs = [(str(file), str(out / f"{band}.tif")) for band, file in bands.items()]
    options = {**_GDAL_OPTIONS, "NUM_THREADS": str(threads)}
    return [sys.executable, "-c", code, json.dumps(pairs), json.dumps(options)]


WAYS: dict[str, Callable[[Case, Mapping[str, Path], Path, int], Cost]] = {
    "ours": ours,
    "gdal_translate": gdal_translate,
    "rasterio": with_rasterio,
    "rio-cogeo": with_rio_cogeo,
}


# -- products


def _write(path: Path, width: int, height: int, swath: bool, **profile: object) -> None:
    """Land with fields and noise: it compresses as real bands do, to about a half."""
    random = np.random.default_rng(20180101)
    x = np.linspace(0, 40, width, dtype="f4")
    profile |= {"width": width, "height": height, "count": 1, "dtype": "uint16"}
    profile |= {"crs": "EPSG:32631", "transform": from_origin(4e5, 5e6, 10, 10)}
    with (
        rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"),
        rasterio.open(path, "w", **profile) as raster,
    ):
        for top in range(0, height, _ROWS):
            rows = min(_ROWS, height - top)
            y = np.linspace(0, 40, height, dtype="f4")[top : top + rows, None]
            hills = 700 * np.sin(x + 0.3 * np.sin(3 * y)) * np.cos(0.8 * y)
            fields = 300 * np.sin(7 * x + 2 * y) * np.sin(5 * y - x)
            noise = 40 * random.standard_normal((rows, width), dtype="f4")
            pixels = np.clip(2500 + hills + fields + noise, 1, 10_000)
            if swath:  # of Landsat: a slanted square in a frame of fill
                pixels *= np.abs(x - 20 + 0.2 * (y - 20)) < 15
            window = Window(0, top, width, rows)
            raster.write(pixels.astype("u2"), 1, window=window)


def make_sentinel2(folder: Path, size: int) -> None:
    """Level 1C, each band in its resolution, JPEG 2000 in tiles of 1024."""
    images = folder / "GRANULE" / "L1C_T31TDH" / "IMG_DATA"
    images.mkdir(parents=True)
    offsets = "".join(
        f"<RADIO_ADD_OFFSET band_id='{number}'>-1000</RADIO_ADD_OFFSET>"
        for number in range(len(sentinel2.BANDS))
    )
    (folder / "MTD_MSIL1C.xml").write_text(
        f"<p><QUANTIFICATION_VALUE>10000</QUANTIFICATION_VALUE>{offsets}</p>"
    )
    parts = {1: ("B02", "B03", "B04", "B08"), 6: ("B01", "B09", "B10")}
    parts[2] = tuple(b for b in sentinel2.BANDS if b not in (*parts[1], *parts[6]))
    for part, bands in parts.items():
        first, *others = (images / f"T31TDH_20180101T105441_{b}.jp2" for b in bands)
        _write(
            first,
            size // part,
            size // part,
            swath=False,
            driver="JP2OpenJPEG",
            QUALITY=100,
            REVERSIBLE="YES",
            RESOLUTIONS=6,
            BLOCKXSIZE=1024,
            BLOCKYSIZE=1024,
        )
        for other in others:
            os.link(first, other)


def make_landsat(folder: Path, size: int) -> None:
    """Level 1 of Landsat 8, 7800 x 7700 pixels of 30 m, deflated tiles of 256."""
    folder.mkdir(parents=True)
    width, height = 7800 * size // _WHOLE, 7700 * size // _WHOLE
    form = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256}
    form |= {"compress": "deflate", "predictor": 2, "nodata": 0}
    first, pan = folder / f"{folder.name}_B1.TIF", folder / f"{folder.name}_B8.TIF"
    _write(first, width, height, swath=True, **form)
    _write(pan, 2 * width, 2 * height, swath=True, **form)
    for number in (2, 3, 4, 5, 6, 7, 9, 10, 11):
        os.link(first, folder / f"{folder.name}_B{number}.TIF")


def _of_sentinel2(folder: Path) -> Mapping[str, Path]:
    return sentinel2.read_product(folder).files


def _of_landsat(folder: Path) -> Mapping[str, Path]:
    return landsat.read_product(folder).files


CASES = (
    Case(
        "sentinel-2",
        "agents.worker.graph.steps.sentinel2:extract_s2_bands",
        make_sentinel2,
        "S2A_MSIL1C_20180101T105441_N0500_R051_T31TDH_20230812T124911",
        _of_sentinel2,
        lambda pixels: sentinel2.harmonised(pixels, -1000),
    ),
    Case(
        "landsat",
        "agents.worker.graph.steps.landsat:extract_landsat_bands",
        make_landsat,
        "LC08_L1TP_196021_20230502_20230502_02_T1",
        _of_landsat,
        lambda pixels: pixels,
    ),
)


# -- the benchmark


def _product(case: Case, size: int) -> Path:
    folder = _FOLDER / f"{case.name}-{size}" / case.product
    if not folder.exists():
        _run([[sys.executable, "-m", _SELF, "--make", case.name, str(size)]])
    return folder


def _make(case: Case, size: int) -> None:
    aside = _FOLDER / f"{case.name}-{size}-aside"
    shutil.rmtree(aside, ignore_errors=True)
    case.make(aside / case.product, size)
    aside.rename(_FOLDER / f"{case.name}-{size}")


def _check(case: Case, bands: Mapping[str, Path], out: Path, way: str) -> None:
    """Layers are valid, and hold what the bands hold, or what ours makes of it."""
    for band, source in bands.items():
        layer = out / f"{band}.tif"
        valid, errors, _ = cog_validate(layer, quiet=True)
        with rasterio.open(source) as before, rasterio.open(layer) as after:
            window = Window(before.width // 2, before.height // 2, 300, 300)
            there = before.read(1, window=window)
            wanted = case.expected(there) if way == "ours" else there
            same = np.array_equal(wanted, after.read(1, window=window))
        if not valid or not same:
            raise AssertionError(
                f"{case.name}, {way}: layer {band}: {errors or 'wrong'}"
            )


def _measure(case: Case, ways: Iterable[str], size: int, threads: int) -> list[str]:
    """A line of the table for each way; gives what is to be told as the result."""
    product = _product(case, size)
    files = case.sources(product)
    asked = _listed("BANDS")
    bands = {b: files[b] for b in sorted(files) if not asked or b in asked}
    if not bands:
        raise SystemExit(f"BANDS {', '.join(asked)}: {case.name} has {sorted(files)}")
    costs = {}
    for way in ways:
        out = product.parent / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        (out / case.product).symlink_to(product)
        cost = costs[way] = WAYS[way](case, bands, out, threads)
        _check(case, bands, out, way)
        written = sum(file.stat().st_size for file in out.glob("*.tif")) / 1e6
        print(
            f"{case.name:12}{way:16}{len(bands):6}{cost.seconds:10.1f}{cost.cpu_s:9.1f}"
            f"{cost.peak_mb:9.0f}{written:9.0f}",
            flush=True,
        )
        shutil.rmtree(out)
    return _told(case.name.replace("-", ""), costs)


def _told(name: str, costs: Mapping[str, Cost]) -> list[str]:
    """Seconds, CPU seconds and MB of every way, and ours against the best other."""
    told = []
    for way, cost in costs.items():
        key = f"{name}_{way.replace('-', '_')}"
        told += [f"{key}_s={cost.seconds:.1f}", f"{key}_cpu_s={cost.cpu_s:.1f}"]
        told.append(f"{key}_mb={cost.peak_mb:.0f}")
    others = [cost for way, cost in costs.items() if way != "ours"]
    if others and "ours" in costs:
        mine = costs["ours"]
        best = min(cost.seconds for cost in others)
        least = min(cost.cpu_s for cost in others)
        told.append(f"{name}_ratio={best / mine.seconds:.2f}")
        told.append(f"{name}_cpu_ratio={least / mine.cpu_s:.2f}")
    return told


def _listed(variable: str, known: Iterable[str] = ()) -> list[str]:
    """The words of a variable, all of them known; empty: none."""
    words = [word for word in os.environ.get(variable, "").split(",") if word]
    unknown = [word for word in words if known and word not in known]
    if unknown:
        raise SystemExit(
            f"{variable} {', '.join(unknown)}, expected among {', '.join(known)}"
        )
    return words


def main() -> None:
    """Measure every case in every way, print the table and the result."""
    size = int(os.environ.get("SIZE", str(_WHOLE)))
    threads = int(os.environ.get("THREADS", str(len(os.sched_getaffinity(0)))))
    asked = _listed("CASES", [case.name for case in CASES])
    there = [way for way in WAYS if way != "gdal_translate" or shutil.which(way)]
    ways = _listed("WAYS", there) or there
    load = os.getloadavg()[0]
    print(f"size {size}, {threads} threads, load average {load:.1f} before")
    print(
        f"{'case':12}{'way':16}{'bands':>6}{'seconds':>10}{'CPU s':>9}{'MB':>9}", end=""
    )
    print(f"{'MB out':>9}")
    told = []
    for case in CASES:
        if not asked or case.name in asked:
            told += _measure(case, ways, size, threads)
    print("RESULT", f"size={size}", f"threads={threads}", *told)


def _step(target: str, out: str, product: str, bands: str, threads: str) -> None:
    """In a process of its own: run a native step."""
    module, _, function = target.partition(":")
    arguments = {"product": product, "out": "*.tif", "bands": bands, "threads": threads}
    getattr(import_module(module), function)(Path(out), arguments)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--step", *words]:
            _step(*words)
        case ["--make", name, size]:
            _make(next(case for case in CASES if case.name == name), int(size))
        case _:
            main()
