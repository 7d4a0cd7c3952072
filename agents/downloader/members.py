# SPDX-License-Identifier: Apache-2.0
"""Some files of an archive that lies somewhere else, without the rest of it."""

import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from agents.downloader.source import Source
from agents.downloader.transfer.patience import Patience
from agents.worker.archive import members, unpack_members
from agents.worker.ranges import shown
from agents.worker.remotefile import RemoteFile
from streams.errors import DamagedProduct, ProductNotFound, ProviderError

# A local header: 30 bytes, the name, and what the writer added. What is guessed short
# costs one more request.
_HEADER, _EXTRA = 30, 128

_UNREADABLE: Final = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError)


class SourceRanges:
    """The `Ranges` of a source, each asked for with patience."""

    def __init__(
        self, source: Source, patience: Patience, count: Callable[[int], None]
    ) -> None:
        self._source = source
        self._patience = patience
        self._count = count

    def tail(self, uri: str, length: int) -> tuple[bytes, int]:
        """See `Ranges.tail`; two requests."""
        size = self._patience.ask(lambda: self._size(uri))
        length = min(length, size)
        return self.read(uri, size - length, length), size

    def read(self, uri: str, start: int, length: int) -> bytes:
        """See `Ranges.read`."""
        if not length:
            return b""
        content = self._patience.ask(lambda: self._read(uri, start, length))
        self._count(length)
        return content

    def _size(self, uri: str) -> int:
        with closing(self._source.open(uri, 0, 1, "")) as opened:
            size = opened.size
            if size < 0 or opened.end not in (1, size):
                raise DamagedProduct(f"{shown(uri)}: it cannot be read in parts")
            return size

    def _read(self, uri: str, start: int, length: int) -> bytes:
        content = bytearray()
        with closing(self._source.open(uri, start, start + length, "")) as opened:
            if opened.start != start:
                raise DamagedProduct(f"{shown(uri)}: it cannot be read in parts")
            for block in opened.blocks():
                content += block
                if len(content) >= length:
                    break
        if len(content) != length:
            raise ProviderError(
                f"{shown(uri)}: {len(content)} bytes came of {length} asked for"
            )
        return bytes(content)


def fetch_members(
    ranges: SourceRanges,
    uri: str,
    wanted: Sequence[str],
    into: Path,
    needs: Callable[[int], None],
) -> None:
    """Unpack the wanted files of a zip: its directory and these are all that is read.

    Args:
        ranges: read it.
        uri: of the zip.
        wanted: patterns of paths, as `annotation/*.xml`.
        into: a folder that exists.
        needs: is told the size of the files before they are read; keeps room for them,
            or raises `NodeExhausted`.

    Raises:
        ProductNotFound: none of them is in it.
        DamagedProduct: it is no zip, or cannot be read in parts, or means harm.
        ProviderError: as `Source`, after all tries.
    """
    remote = RemoteFile(ranges, uri)
    try:
        zipped = zipfile.ZipFile(remote)
    except _UNREADABLE as error:
        raise DamagedProduct(f"{shown(uri)}: {error}") from error

    def ahead(entry: zipfile.ZipInfo) -> None:
        start = entry.header_offset
        header = _HEADER + len(entry.filename.encode()) + _EXTRA
        remote.follow(start, start + header + entry.compress_size)

    with zipped:
        entries = members(zipped, remote.size, wanted)
        if not entries:
            raise ProductNotFound(f"{shown(uri)}: no {' '.join(wanted)} in it")
        needs(sum(entry.file_size for entry in entries))
        unpack_members(zipped, remote.size, into, entries, ahead)
