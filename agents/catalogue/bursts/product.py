# SPDX-License-Identifier: Apache-2.0
"""A Sentinel-1 product where it lies: a SAFE folder, or an archive of one."""

import zipfile
from lzma import LZMAError
from struct import error as StructError
from typing import Protocol
from zlib import error as ZlibError

from agents.catalogue.bursts import manifest
from agents.catalogue.bursts.annotation import read_annotation
from agents.catalogue.bursts.burst import Burst, bursts_of
from agents.worker.ranges import LARGEST, Ranges, file_name, shown, whole
from agents.worker.remotefile import RemoteFile
from streams.errors import DamagedProduct, ProductNotFound

# A SAFE archive has about 60.
_MOST_ENTRIES = 10_000

# A local header: 30 bytes, the name, and what the writer added. What is guessed short
# costs one more request.
_HEADER, _EXTRA = 30, 128

# What `zipfile` raises for archives that it cannot read: a RuntimeError for encrypted
# ones and for unknown methods, ValueError for numbers that make no sense, OSError when
# it seeks before the start and for damaged bz2.
_UNREADABLE = (
    zipfile.BadZipFile,
    ZlibError,
    LZMAError,
    StructError,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)


class Product(Protocol):
    """The files of one product."""

    def read(self, path: str) -> bytes:
        """A file, by its path in the SAFE folder; errors as of `Ranges`."""
        ...


class Folder:
    """A SAFE folder: on disk, in a bucket, below a URL."""

    def __init__(self, ranges: Ranges, uri: str) -> None:
        self._ranges = ranges
        self._uri = uri.rstrip("/")

    def read(self, path: str) -> bytes:
        """See `Product.read`."""
        return whole(self._ranges, f"{self._uri}/{path}")


class Archive:
    """A zip of a SAFE folder, read in place: its directory, and the files wanted."""

    def __init__(self, ranges: Ranges, uri: str, product: str) -> None:
        """Read the directory.

        Args:
            ranges: read the archive.
            uri: of the archive.
            product: name, for an archive that holds several.
        """
        self._uri = uri
        self._file = RemoteFile(ranges, uri)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _UNREADABLE as error:
            raise DamagedProduct(f"{shown(uri)}: {error}") from error
        entries = self._zip.infolist()
        if len(entries) > _MOST_ENTRIES:
            raise DamagedProduct(f"{shown(uri)}: more than {_MOST_ENTRIES} entries")
        self._entries = {entry.filename: entry for entry in entries}
        self._root = self._root_of(product)

    def read(self, path: str) -> bytes:
        """See `Product.read`; one request a file."""
        entry = self._entries.get(self._root + path)
        if entry is None:
            raise DamagedProduct(f"{shown(self._uri)}: no '{path}' in it")
        if max(entry.file_size, entry.compress_size) > LARGEST:
            raise DamagedProduct(f"{shown(self._uri)}: '{path}': more than {LARGEST} B")
        start, name = entry.header_offset, len(entry.filename.encode())
        end = start + _HEADER + name + _EXTRA + entry.compress_size
        self._file.fetch(start, end)
        try:
            # Never unpacks more than the size that was checked.
            return self._zip.read(entry)
        except _UNREADABLE as error:
            raise DamagedProduct(f"{shown(self._uri)}: '{path}': {error}") from error

    def _root_of(self, product: str) -> str:
        """Where the product is in the archive, with a slash at its end or empty."""
        roots = [
            name.removesuffix(manifest.NAME)
            for name in self._entries
            if name.rpartition("/")[2] == manifest.NAME
        ]
        named = [root for root in roots if file_name(root) == f"{product}.SAFE"]
        if len(named or roots) != 1:
            raise DamagedProduct(
                f"{shown(self._uri)}: {len(named or roots)} {manifest.NAME} in it, "
                "expected one"
            )
        return (named or roots)[0]


def read_bursts(product: Product, orbit: int = 0) -> tuple[Burst, ...]:
    """The bursts of a product: its manifest and one annotation a sub-swath are read.

    Args:
        product: where it lies.
        orbit: absolute, in its name; 0: whatever it is.

    Raises:
        ProductNotFound: it is not there.
        DamagedProduct: no bursts can be read from it.
        ProviderError: ask again.
    """
    safe = manifest.read_manifest(product.read(manifest.NAME))
    if orbit not in (0, safe.orbit):
        raise DamagedProduct(f"a product of orbit {safe.orbit}, expected {orbit}")
    paths = safe.one_of_each_swath()
    if not paths:
        raise DamagedProduct("no annotation of an IW or EW SLC product in its manifest")
    try:
        annotations = [read_annotation(path, product.read(path)) for path in paths]
    except ProductNotFound as error:
        raise DamagedProduct(f"its manifest lists more than it has: {error}") from error
    return bursts_of(annotations, safe.orbits)
