# SPDX-License-Identifier: Apache-2.0
"""A folder of products as a catalogue: folders, `.SAFE` folders and `.zip` archives.

The folder is walked; what is named like a product of the sensor is one. What else is
known of it comes from its metadata where it has some, else its footprint is the extent
of one of its rasters.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from agents.catalogue.found import Listing, scene_of
from agents.catalogue.search import Query
from agents.catalogue.searches.metadata import READERS
from streams.errors import DamagedProduct, SearchError
from streams.model import LeftOut, Scene

_SUFFIXES = (".SAFE.zip", ".zip", ".SAFE")
_RASTERS = (".tif", ".tiff", ".jp2")

# A product may lie below YYYY/MM/DD; deeper is inside a product.
_DEPTH = 4

_UNREADABLE = (
    OSError,
    RasterioError,
    zipfile.BadZipFile,
    ValueError,
    LookupError,
    DamagedProduct,
)


class LocalSearch:
    """Products below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def supports(self, constellation: str) -> bool:
        """Any: what a folder holds is seen by looking."""
        return True

    def search(self, query: Query) -> Iterator[Scene | LeftOut]:
        """Products of the sensor below the folder, whatever their date.

        Raises:
            SearchError: the folder is not there, or a product in it cannot be read.
        """
        if not self._folder.is_dir():
            raise SearchError(f"local search: '{self._folder}' is not a folder")
        for path in _candidates(self._folder, 0):
            if query.sensor.fields(product_name(path)) is not None:
                yield scene_of(_listing(path), query.sensor)


def product_name(path: Path) -> str:
    """Name of the product that a folder or archive holds."""
    for suffix in _SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        yield Path(entry.path)
        if entry.is_dir() and depth < _DEPTH and entry.name.isdigit():
            yield from _candidates(Path(entry.path), depth + 1)


def _listing(path: Path) -> Listing:
    try:
        listing = _read_product(path)
        size = {"size_bytes": str(_size(path))}
        return replace(listing, metadata={**listing.metadata, **size})
    except _UNREADABLE as error:
        raise SearchError(f"local search: product '{path}': {error}") from error


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _read_product(path: Path) -> Listing:
    members = _members(path)
    name = product_name(path)
    for pattern, read in READERS:
        found = [m for m in members if pattern.fullmatch(m.rpartition("/")[2])]
        if found:
            listing = read(name, _read(path, min(found, key=len)))
            if listing.footprint:
                return listing
    for member in members:
        if member.lower().endswith(_RASTERS):
            return Listing(name, footprint=_extent(_openable(path, member)).wkt)
    raise ValueError("no raster and no known metadata in it")


def _members(path: Path) -> list[str]:
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist())
    return sorted(
        file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()
    )


def _read(path: Path, member: str) -> bytes:
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    return (path / member).read_bytes()


def _openable(path: Path, member: str) -> str:
    return f"/vsizip/{path}/{member}" if path.is_file() else str(path / member)


def _extent(name: str) -> shapely.Polygon:
    """Extent of a raster, in degrees."""
    with rasterio.open(name) as raster:
        if raster.crs is None:
            raise ValueError(f"'{name}' has no coordinate reference system")
        west, south, east, north = transform_bounds(
            raster.crs, "EPSG:4326", *raster.bounds
        )
    return shapely.Polygon.from_bounds(west, south, east, north)


def make(options: Mapping[str, str]) -> LocalSearch:
    """A search of the folder in the option `folder`."""
    return LocalSearch(Path(options["folder"]).absolute())
