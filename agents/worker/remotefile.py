# SPDX-License-Identifier: Apache-2.0
"""A file read by byte ranges, as a file object for `zipfile`."""

import io

from agents.worker.ranges import LARGEST, Ranges, shown
from streams.errors import DamagedProduct

# The end of a zip: its record, and before it the directory, which has some 70 entries
# of 250 bytes in an archive of an SLC product.
_TAIL = 32 << 10

# What is fetched when more is read than was asked for ahead: the directory of an
# archive with very many entries.
_BLOCK = 64 << 10

# What is fetched at a time of bytes that are read from their start on.
_PIECE = 8 << 20


class RemoteFile(io.RawIOBase):
    """Seekable and readable; fetches what is read, and what it is told ahead."""

    def __init__(self, ranges: Ranges, uri: str) -> None:
        """Opens with one request, for the end of the file."""
        self._ranges = ranges
        self._uri = uri
        tail, self.size = ranges.tail(uri, _TAIL)
        self._pieces = {self.size - len(tail): tail}
        self._position = 0
        self._left = LARGEST * 2
        self._follows = 0

    def fetch(self, start: int, end: int) -> None:
        """Get these bytes in one request, for reads to come; drops earlier ones."""
        start, end = max(start, 0), min(end, self.size)
        if self._piece(start, end) is None and start < end:
            self._keep(start, end)

    def follow(self, start: int, end: int) -> None:
        """These bytes will be read in their order, however many they are.

        They are fetched some megabytes at a time.
        """
        end = min(end, self.size)
        self._left += max(end - start, 0)
        self._follows = end

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; nothing is fetched."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        if origin[whence] + offset < 0:
            raise OSError(f"{shown(self._uri)}: sought before its start")
        self._position = origin[whence] + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer at the end of the file only."""
        end = self.size if size < 0 else min(self._position + size, self.size)
        if end <= self._position:
            return b""
        piece = self._piece(self._position, end)
        if piece is None:
            ahead = self._position + _BLOCK
            if self._position < self._follows:
                ahead = min(self._position + _PIECE, self._follows)
            self._keep(self._position, min(max(ahead, end), self.size))
            piece = self._piece(self._position, end)
        assert piece is not None
        start, content = piece
        read = content[self._position - start : end - start]
        self._position = end
        return read

    def _piece(self, start: int, end: int) -> tuple[int, bytes] | None:
        """A piece that holds all these bytes, and where it starts."""
        for begin, content in self._pieces.items():
            if begin <= start and end <= begin + len(content):
                return begin, content
        return None

    def _keep(self, start: int, end: int) -> None:
        held = self._held(start)
        begin = start + len(held)
        self._left -= end - begin
        if self._left < 0:
            raise DamagedProduct(f"{shown(self._uri)}: too much of it had to be read")
        content = held + self._ranges.read(self._uri, begin, end - begin)
        tail = max(self._pieces)
        self._pieces = {start: content, tail: self._pieces[tail]}

    def _held(self, start: int) -> bytes:
        """What is there from a byte on."""
        for begin, content in self._pieces.items():
            if begin <= start < begin + len(content):
                return content[start - begin :]
        return b""
