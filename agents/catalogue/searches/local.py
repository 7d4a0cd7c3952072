# SPDX-License-Identifier: Apache-2.0
"""A folder of products as a catalogue: folders, `.SAFE` folders and `.zip` archives.

The folder is walked; what is named like a product of the sensor is one. Its footprint
comes from its metadata where it has some, else from the extent of one of its rasters.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from agents.catalogue.search import Query
from streams.errors import SearchError
from streams.model import Scene

_SUFFIXES = (".SAFE.zip", ".zip", ".SAFE")
_RASTERS = (".tif", ".tiff", ".jp2")

# A product may lie below YYYY/MM/DD; deeper is inside a product.
_DEPTH = 4


class LocalSearch:
    """Products below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def supports(self, constellation: str) -> bool:
        """Any: what a folder holds is seen by looking."""
        return True

    def search(self, query: Query) -> Iterator[Scene]:
        """Products of the sensor below the folder, whatever their date.

        Raises:
            SearchError: the folder is not there, or a product in it cannot be read.
        """
        if not self._folder.is_dir():
            raise SearchError(f"local search: '{self._folder}' is not a folder")
        for path in _candidates(self._folder, 0):
            fields = query.sensor.fields(product_name(path))
            if fields is not None:
                yield _scene(path, fields, query)


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


def _scene(path: Path, fields: dict[str, str], query: Query) -> Scene:
    return Scene(
        name=fields["SCENE"],
        constellation=query.sensor.constellation,
        date=datetime.fromisoformat(fields["DATETIME"]),
        footprint=_footprint(path),
        fields=fields,
        tags=query.sensor.tags(fields),
    )


def _footprint(path: Path) -> str:
    try:
        return _outline(path).wkt
    except (OSError, RasterioError, zipfile.BadZipFile, ValueError) as error:
        raise SearchError(f"local search: product '{path}': {error}") from error


def _outline(path: Path) -> shapely.Polygon:
    members = _members(path)
    for name in members:
        if name.rpartition("/")[2].startswith("MTD_MSI"):
            outline = _from_sentinel2(_read(path, name))
            if outline is not None:
                return outline
    for name in members:
        if name.lower().endswith(_RASTERS):
            return _from_raster(_openable(path, name))
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


def _from_sentinel2(metadata: bytes) -> shapely.Polygon | None:
    """`Global_Footprint` of MTD_MSIL1C.xml or MTD_MSIL2A.xml: latitude first."""
    root = ElementTree.fromstring(metadata)
    found = root.find(".//Global_Footprint/EXT_POS_LIST")
    if found is None or not found.text:
        return None
    numbers = [float(text) for text in found.text.split()]
    return shapely.Polygon(list(zip(numbers[1::2], numbers[0::2], strict=True)))


def _from_raster(name: str) -> shapely.Polygon:
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
