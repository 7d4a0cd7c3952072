# SPDX-License-Identifier: Apache-2.0
"""Folders as archives: packed so that the same files give the same bytes, and unpacked,
zip or tar, so that no archive can do harm.
"""

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO, Final, cast
from zlib import error as ZlibError

from streams.errors import DamagedProduct

# Compressed already, as most rasters are: doing it again costs time, gains nothing.
_COMPRESSED = frozenset(
    {".jp2", ".tif", ".tiff", ".jpg", ".png", ".zip", ".gz", ".tgz", ".7z", ".nc"}
)

# The earliest date a zip can carry: dates must not make two archives differ.
_DATE = (1980, 1, 1, 0, 0, 0)

_BLOCK = 1 << 20

# What `zipfile` raises for archives that it cannot read: a RuntimeError for encrypted
# ones, a ValueError for names that are not what they say.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    ZlibError,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
)

# The file system refuses names that only a damaged or hostile archive has; an OSError
# without a number is how `bz2` calls its data damaged.
_DAMAGE = frozenset(
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, None}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may grow to."""

    total_bytes: int = 64 << 30
    """All entries together, unpacked. The largest Sentinel-1 product has 8 GB."""
    ratio: float = 200
    """Unpacked over packed size: of the archive, and of each entry of a zip; what has a
    megabyte at most may grow as it likes."""
    entries: int = 100_000

    def of(self, packed: int) -> int:
        """Bytes that an archive of this size may grow to."""
        return int(min(self.total_bytes, max(self.ratio * packed, _BLOCK)))


def pack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Write files and folders to a new archive, in order of name.

    Args:
        archive: to be created; may lie in the folder.
        folder: where the names are.
        names: of its entries, packed with everything below them.
    """
    files = sorted(
        file for name in names for file in _files(folder / name) if file != archive
    )
    with zipfile.ZipFile(archive, "x") as zipped:
        for file in files:
            _add(zipped, file, file.relative_to(folder).as_posix())


def unpack(archive: Path, into: Path, limits: Limits | None = None) -> None:
    """Unpack an archive into a folder that exists; all of it, or nothing.

    Raises:
        DamagedProduct: the archive is cut off, corrupt or empty, an entry would land
            outside the folder, is a link or comes twice, or it grows beyond the limits.
    """
    with TemporaryDirectory(dir=into, prefix=".unpacking-") as aside:
        with _reading(f"archive '{archive.name}'"), archive.open("rb") as opened:
            _unpack(opened, Path(aside), limits or Limits())
        for entry in Path(aside).iterdir():
            if (into / entry.name).exists():
                raise DamagedProduct(
                    f"archive '{archive.name}': '{entry.name}' is there already"
                )
        for entry in list(Path(aside).iterdir()):
            entry.rename(into / entry.name)


def members(
    zipped: zipfile.ZipFile, packed: int, wanted: Sequence[str]
) -> list[zipfile.ZipInfo]:
    """The files of an archive that match patterns.

    Args:
        zipped: opened, from wherever it is.
        packed: size of the archive.
        wanted: patterns of paths, as `annotation/*.xml`, compared from the right.

    Raises:
        DamagedProduct: it has too many entries, or says that they are too large.
    """
    limits = Limits()
    with _reading("archive"):
        found = [
            entry
            for entry in _entries(zipped, limits)
            if not entry.is_dir()
            and any(PurePosixPath(entry.filename).match(p) for p in wanted)
        ]
        if sum(entry.file_size for entry in found) > limits.of(packed):
            raise zipfile.BadZipFile("it grows beyond the limit")
    return found


def unpack_members(
    zipped: zipfile.ZipFile,
    packed: int,
    into: Path,
    entries: Sequence[zipfile.ZipInfo],
    before: Callable[[zipfile.ZipInfo], None],
) -> None:
    """Unpack some entries of an archive, with the care that `unpack` takes.

    Args:
        zipped: opened, from wherever it is.
        packed: size of the archive.
        into: a folder that exists.
        entries: of `members`.
        before: told each entry before it is read.

    Raises:
        DamagedProduct: as `unpack`.
    """
    with _reading("archive"):
        _extract(zipped, entries, packed, into, Limits(), before)


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Whatever an archive is that cannot be read, it is damaged."""
    try:
        yield
    except _UNREADABLE as error:
        raise DamagedProduct(f"{what}: {error}") from error
    except OSError as error:
        if error.errno not in _DAMAGE:
            raise
        raise DamagedProduct(f"{what}: {error}") from error


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _add(zipped: zipfile.ZipFile, file: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    stored = file.suffix.lower() in _COMPRESSED
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    info._compresslevel = 1  # type: ignore[attr-defined]  # speed; no public name
    info.file_size = file.stat().st_size
    with file.open("rb") as source, zipped.open(info, "w") as target:
        shutil.copyfileobj(source, target, _BLOCK)


def _unpack(archive: BinaryIO, into: Path, limits: Limits) -> None:
    begin = archive.read(_TAR_MAGIC[0] + len(_TAR_MAGIC[1]))
    archive.seek(0)
    packed = os.fstat(archive.fileno()).st_size
    for magic, decompressed in _COMPRESSED_TAR.items():
        if begin.startswith(magic):
            with decompressed(archive) as tar:
                _extract_tar(tar, packed, into, limits)
            return
    if begin.endswith(_TAR_MAGIC[1]):
        _extract_tar(archive, packed, into, limits)
    else:
        with zipfile.ZipFile(archive) as zipped:
            entries = _entries(zipped, limits)
            if not entries:
                raise zipfile.BadZipFile("it is empty")
            _extract(zipped, entries, packed, into, limits)


# How a compressed tar begins, and what reads it: `tarfile` itself would not compare the
# checksums. Where a plain one says what it is.
_COMPRESSED_TAR: Final[dict[bytes, Callable[[BinaryIO], IO[bytes]]]] = {
    b"\x1f\x8b": lambda archive: cast("IO[bytes]", gzip.GzipFile(fileobj=archive)),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_TAR_MAGIC: Final = (257, b"ustar")


class _Bounded:
    """A tar as it is read, which grows no more than it may."""

    def __init__(self, tar: IO[bytes], at_most: int) -> None:
        self._tar = tar
        self._left = at_most
        self.entry = _HEADER
        """Bytes that may come before the next entry: a header may have any length, and
        is read into memory."""

    def read(self, size: int) -> bytes:
        """The next bytes."""
        block = self._tar.read(size)
        self._left -= len(block)
        self.entry -= len(block)
        if min(self._left, self.entry) < 0:
            raise zipfile.BadZipFile("it grows beyond the limit")
        return block


_HEADER: Final = 1 << 20


def _extract_tar(archive: IO[bytes], packed: int, into: Path, limits: Limits) -> None:
    """Unpack a tar as it is read, once."""
    left = limits.of(packed)
    bounded = _Bounded(archive, left + limits.entries * _ENTRY)
    seen: set[str] = set()
    count = 0
    with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r|") as tar:
        while entry := tar.next():
            count += 1
            if count > limits.entries:
                raise zipfile.BadZipFile(f"more than {limits.entries} entries")
            if not (entry.isfile() or entry.isdir()):
                raise zipfile.BadZipFile(f"entry '{entry.name}' is no file, no folder")
            _check_name(entry.name, seen, folder=entry.isdir())
            bounded.entry = entry.size + _HEADER
            left -= _extract_entry(tar, entry, into, left)
        if not count:
            raise zipfile.BadZipFile("it is empty")
        _check_end(tar)
    bounded.entry = left + limits.entries * _ENTRY
    while bounded.read(_BLOCK):  # to where the checksum is
        pass


# Its header and its padding.
_ENTRY: Final = 1024


def _extract_entry(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, into: Path, at_most: int
) -> int:
    """Unpack one entry; its size."""
    if entry.isdir():
        (into / entry.name).mkdir(parents=True, exist_ok=True)
        return 0
    source = tar.extractfile(entry)
    assert source is not None
    written = _copy(source, into / entry.name, at_most)
    if written != entry.size:
        raise zipfile.BadZipFile(f"entry '{entry.name}' is cut off")
    return written


def _check_end(tar: tarfile.TarFile) -> None:
    """A tar ends with blocks of zeros; the library does not miss them."""
    assert tar.fileobj is not None
    if tar.fileobj.tell() == tar.offset:  # there was nothing to read where they begin
        raise zipfile.BadZipFile("it is cut off")


def _entries(zipped: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    entries = zipped.infolist()
    if len(entries) > limits.entries:
        raise zipfile.BadZipFile(f"more than {limits.entries} entries")
    return entries


def _extract(
    zipped: zipfile.ZipFile,
    entries: Sequence[zipfile.ZipInfo],
    packed: int,
    into: Path,
    limits: Limits,
    before: Callable[[zipfile.ZipInfo], None] = lambda entry: None,
) -> None:
    """Unpack entries of a zip."""
    left = limits.of(packed)
    seen: set[str] = set()
    for entry in entries:
        _check(entry, seen, limits)
        if entry.is_dir():
            (into / entry.filename).mkdir(parents=True, exist_ok=True)
        else:
            before(entry)
            left -= _write(zipped, entry, into, left)


def _check(entry: zipfile.ZipInfo, seen: set[str], limits: Limits) -> None:
    name = entry.filename
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise zipfile.BadZipFile(f"entry '{name}' is a link")
    _check_name(name, seen, folder=entry.is_dir())
    big = entry.file_size > _BLOCK
    if big and entry.file_size > limits.ratio * max(entry.compress_size, 1):
        raise zipfile.BadZipFile(f"entry '{name}' grows more than {limits.ratio} times")


def _write(
    zipped: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path, at_most: int
) -> int:
    """Unpack one entry; its size, counted and not believed."""
    with zipped.open(entry) as source:
        return _copy(source, into / entry.filename, at_most)


def _copy(source: IO[bytes], target: Path, at_most: int) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > at_most:
                raise zipfile.BadZipFile("it grows beyond the limit")
            file.write(block)
    return written


def _check_name(name: str, seen: set[str], *, folder: bool) -> None:
    first, parts = name.partition("/")[0], PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or ":" in first:
        raise zipfile.BadZipFile(f"entry '{name}' would land outside")
    plain = str(PurePosixPath(name)).casefold()
    if plain in seen and not folder:
        raise zipfile.BadZipFile(f"entry '{name}' comes twice")
    seen.add(plain)
