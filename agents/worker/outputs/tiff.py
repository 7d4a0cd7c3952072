# SPDX-License-Identifier: Apache-2.0
"""The skeleton of a TIFF: whether it is laid out for the cloud, and its GDAL tags.

GDAL can write tags into a finished file only behind its pixels, which ends its being a
Cloud Optimized GeoTIFF. Here the tags are put in front of them: what follows is moved,
and every offset with it; no pixel is packed again.

Source: TIFF 6.0 (1992), sections 2 and 8; BigTIFF of libtiff; GDAL's COG driver.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

_SUBFILE, _WIDTH, _LENGTH, _TILE_WIDTH = 254, 256, 257, 322
_OFFSETS = (273, 324)
"""Of strips, and of tiles."""
_SUB_IFDS = (330, 34665, 34853)
_GDAL_METADATA = 42112

_ASCII = 2
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
_UNSIGNED = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}

# Larger images must have smaller copies of themselves, and tiles.
_OVERVIEWS_BEYOND = 512
_ALIGNED = 16

_PIECE = 1 << 20
"""Bytes that are copied at a time."""

_NO_ROOM = "its offsets have no room for more bytes"


class BadTiff(ValueError):
    """A file is no TIFF, or one that cannot be understood."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    at: int
    """Where its value stands, or the offset of it."""
    value_at: int
    """Where its value stands."""

    @property
    def size(self) -> int:
        return _SIZES.get(self.kind, 1) * self.count


@dataclass(frozen=True, slots=True)
class _Ifd:
    at: int
    pointer_at: int
    """Where its offset is written."""
    entries: tuple[_Entry, ...]
    end: int

    def find(self, *tags: int) -> _Entry | None:
        return next((e for e in self.entries if e.tag in tags), None)


class _Tiff:
    """An open TIFF."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        head = self.read(0, 16)
        mark, version = head[:2], head[2:4]
        if mark not in (b"II", b"MM"):
            raise BadTiff("no TIFF")
        self.order = "<" if mark == b"II" else ">"
        self.big = self._number(version) == 43
        if not self.big and self._number(version) != 42:
            raise BadTiff("no TIFF")
        self.word = 8 if self.big else 4
        self.entry_size = 20 if self.big else 12
        self.count_size = 8 if self.big else 2
        self.ifds = tuple(self._chain(8 if self.big else 4, set()))
        if not self.ifds:
            raise BadTiff("no image")

    def read(self, at: int, size: int) -> bytes:
        """These bytes of the file."""
        if at + size > self._size:
            raise BadTiff(f"it ends before byte {at + size}")
        self._file.seek(at)
        return self._file.read(size)

    def pack(self, number: int, size: int) -> bytes:
        """A number in so many bytes."""
        try:
            return number.to_bytes(size, "little" if self.order == "<" else "big")
        except OverflowError:
            raise BadTiff(_NO_ROOM) from None

    def numbers(self, entry: _Entry) -> NDArray[np.uint64]:
        """The values of an entry of unsigned numbers."""
        code = _UNSIGNED.get(entry.kind)
        if code is None:
            raise BadTiff(f"tag {entry.tag} has type {entry.kind}, expected offsets")
        raw = self.read(entry.value_at, entry.size)
        return np.frombuffer(raw, self.order + code).astype(np.uint64)

    def packed(self, numbers: NDArray[np.uint64], entry: _Entry) -> bytes:
        """The bytes of an entry with other numbers."""
        if numbers.size and int(numbers.max()) >> (8 * _SIZES[entry.kind]):
            raise BadTiff(_NO_ROOM)
        return numbers.astype(self.order + _UNSIGNED[entry.kind]).tobytes()

    def begin_of(self, entry: _Entry) -> int:
        """Where an entry itself stands: tag, type and count come before the value."""
        return entry.at - 4 - self.word

    def _number(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def _chain(self, pointer_at: int, seen: set[int]) -> Iterator[_Ifd]:
        """The images that a pointer leads to, and those below them."""
        while (at := self._number(self.read(pointer_at, self.word))) and at not in seen:
            seen.add(at)
            ifd = self._ifd(at, pointer_at)
            yield ifd
            for entry in ifd.entries:
                if entry.tag in _SUB_IFDS:
                    size = _SIZES[entry.kind]
                    for number in range(entry.count):
                        yield from self._chain(entry.value_at + number * size, seen)
            pointer_at = ifd.end - self.word

    def _ifd(self, at: int, pointer_at: int) -> _Ifd:
        count = self._number(self.read(at, self.count_size))
        begin = at + self.count_size
        raw = self.read(begin, count * self.entry_size)
        entries = tuple(
            self._entry(raw, begin, number * self.entry_size) for number in range(count)
        )
        return _Ifd(at, pointer_at, entries, begin + len(raw) + self.word)

    def _entry(self, raw: bytes, begin: int, start: int) -> _Entry:
        tag = self._number(raw[start : start + 2])
        kind = self._number(raw[start + 2 : start + 4])
        count = self._number(raw[start + 4 : start + 4 + self.word])
        place = start + 4 + self.word
        size = _SIZES.get(kind, 1) * count
        at = begin + place
        inside = size <= self.word
        value = self._number(raw[place : place + self.word])
        return _Entry(tag, kind, count, at, at if inside else value)


def cog_problems(file: Path) -> list[str]:
    """Why a TIFF is not laid out as a Cloud Optimized GeoTIFF; empty when it is.

    Raises:
        BadTiff: it is no TIFF.
    """
    with file.open("rb") as opened:
        tiff = _Tiff(opened)
        main, *others = tiff.ifds
        smaller = [ifd for ifd in others if _first(tiff, ifd, _SUBFILE) & 1]
        size = max(_first(tiff, main, _WIDTH), _first(tiff, main, _LENGTH))
        data = [_data_begins(tiff, ifd) for ifd in tiff.ifds]
    found = []
    if size > _OVERVIEWS_BEYOND and main.find(_TILE_WIDTH) is None:
        found.append("strips, expected tiles")
    if size > _OVERVIEWS_BEYOND and not smaller:
        found.append("no overviews")
    places = [ifd.at for ifd in tiff.ifds]
    pixels = min((d for d in data if d), default=max(places) + 1)
    if places != sorted(places) or max(places) > pixels:
        found.append("headers behind pixels")
    there = [d for d, ifd in zip(data, tiff.ifds, strict=True) if d and ifd in smaller]
    if there and data[0] and data[0] < max(there):
        found.append("overviews behind the image")
    return found


def _first(tiff: _Tiff, ifd: _Ifd, tag: int) -> int:
    entry = ifd.find(tag)
    return int(tiff.numbers(entry)[0]) if entry and entry.count else 0


def _data_begins(tiff: _Tiff, ifd: _Ifd) -> int:
    """The first byte of an image's pixels; 0: it has none."""
    entry = ifd.find(*_OFFSETS)
    if entry is None:
        return 0
    offsets = tiff.numbers(entry)
    offsets = offsets[offsets > 0]
    return int(offsets.min()) if offsets.size else 0


@dataclass(frozen=True, slots=True)
class _Insertion:
    """Bytes put into a TIFF: an entry of its first image, and the text it names."""

    slot: int
    """Where the entry goes; the image's end when it is written over another."""
    end: int
    """Of the image's entries, where the text goes."""
    entry: int
    """Bytes of the entry that are new."""
    text: int

    def moved(self, at: int) -> int:
        """Where a byte of the source stands afterwards."""
        if at >= self.end:
            return at + self.entry + self.text
        return at + self.entry if at >= self.slot else at


def write_tagged(source: Path, target: Path, items: Mapping[str, str]) -> None:
    """A copy of a TIFF with these GDAL tags added, or in place of those of their name.

    The same source and items give the same bytes. A Cloud Optimized GeoTIFF stays one.

    Raises:
        BadTiff: it is no TIFF, or a classic one of 4 GB.
    """
    with source.open("rb") as opened:
        tiff = _Tiff(opened)
        main = tiff.ifds[0]
        old = main.find(_GDAL_METADATA)
        text = _metadata(tiff.read(old.value_at, old.size) if old else b"", items)
        new = 0 if old else tiff.entry_size
        padded = text + bytes(-(len(text) + new) % _ALIGNED)
        put = _Insertion(_slot(tiff, main), main.end, new, len(padded))
        entry = (
            tiff.pack(_GDAL_METADATA, 2)
            + tiff.pack(_ASCII, 2)
            + tiff.pack(len(text), tiff.word)
            + tiff.pack(main.end + new, tiff.word)
        )
        changes = dict(_offsets(tiff, put))
        if old:
            changes[tiff.begin_of(old)] = entry
        else:
            changes[main.at] = tiff.pack(len(main.entries) + 1, tiff.count_size)
        opened.seek(0)
        with target.open("w+b") as made:
            # Pixels may stand before the image's entries: never all of it at once.
            _copy(opened, made, put.slot)
            made.write(b"" if old else entry)
            _copy(opened, made, main.end - put.slot)
            made.write(padded)
            shutil.copyfileobj(opened, made, _PIECE)
            for at, content in changes.items():
                made.seek(put.moved(at))
                made.write(content)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    for left in range(size, 0, -_PIECE):
        target.write(source.read(min(left, _PIECE)))


def _slot(tiff: _Tiff, ifd: _Ifd) -> int:
    """Where an entry for the tags belongs: they stand in order of number."""
    after = (tiff.begin_of(e) for e in ifd.entries if e.tag > _GDAL_METADATA)
    return next(after, ifd.end - tiff.word)


def _offsets(tiff: _Tiff, put: _Insertion) -> Iterator[tuple[int, bytes]]:
    """Everything in the file that is an offset, as it will be; by its place."""
    for ifd in tiff.ifds:
        yield ifd.pointer_at, tiff.pack(put.moved(ifd.at), tiff.word)
        for entry in ifd.entries:
            if entry.value_at != entry.at:
                yield entry.at, tiff.pack(put.moved(entry.value_at), tiff.word)
            if entry.tag in _OFFSETS:
                numbers = tiff.numbers(entry)
                # A block without pixels has the offset 0.
                behind = numbers >= put.end
                numbers[behind] += np.uint64(put.moved(put.end) - put.end)
                yield entry.value_at, tiff.packed(numbers, entry)


def _metadata(old: bytes, items: Mapping[str, str]) -> bytes:
    """The XML in which GDAL keeps tags, with ours."""
    body = old.rstrip(b"\0").decode("utf-8", "replace").strip()
    body = body.removeprefix("<GDALMetadata>").removesuffix("</GDALMetadata>").strip()
    for name in items:
        ours = rf"\s*<Item name={re.escape(quoteattr(name))}>.*?</Item>"
        body = re.sub(ours, "", body, flags=re.DOTALL)
    lines = [body] if body else []
    # GDAL unescapes the texts once more after reading the XML.
    lines += [
        f"  <Item name={quoteattr(name)}>{escape(escape(text))}</Item>"
        for name, text in items.items()
    ]
    return "\n".join(("<GDALMetadata>", *lines, "</GDALMetadata>\n\0")).encode()
