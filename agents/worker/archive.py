# SPDX-License-Identifier: Apache-2.0
"""Folders as zip archives: packed so that the same files give the same bytes, and
unpacked so that no archive can do harm.
"""

import errno
import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
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
    ZlibError,
    LZMAError,
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
    """Unpacked over packed size of one entry of more than a megabyte."""
    entries: int = 100_000


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
        try:
            with zipfile.ZipFile(archive) as zipped:
                _extract(zipped, Path(aside), limits or Limits())
        except _UNREADABLE as error:
            raise DamagedProduct(f"archive '{archive.name}': {error}") from error
        except OSError as error:
            if error.errno not in _DAMAGE:
                raise
            raise DamagedProduct(f"archive '{archive.name}': {error}") from error
        for entry in Path(aside).iterdir():
            if (into / entry.name).exists():
                raise DamagedProduct(
                    f"archive '{archive.name}': '{entry.name}' is there already"
                )
        for entry in list(Path(aside).iterdir()):
            entry.rename(into / entry.name)


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


def _extract(zipped: zipfile.ZipFile, into: Path, limits: Limits) -> None:
    entries = zipped.infolist()
    if not entries:
        raise zipfile.BadZipFile("it is empty")
    if len(entries) > limits.entries:
        raise zipfile.BadZipFile(f"more than {limits.entries} entries")
    left = limits.total_bytes
    seen: set[str] = set()
    for entry in entries:
        _check(entry, seen, limits)
        if entry.is_dir():
            (into / entry.filename).mkdir(parents=True, exist_ok=True)
        else:
            left -= _write(zipped, entry, into, left)


def _check(entry: zipfile.ZipInfo, seen: set[str], limits: Limits) -> None:
    name = entry.filename
    first, parts = name.partition("/")[0], PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or ":" in first:
        raise zipfile.BadZipFile(f"entry '{name}' would land outside")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise zipfile.BadZipFile(f"entry '{name}' is a link")
    plain = str(PurePosixPath(name)).casefold()
    if plain in seen and not entry.is_dir():
        raise zipfile.BadZipFile(f"entry '{name}' comes twice")
    seen.add(plain)
    big = entry.file_size > _BLOCK
    if big and entry.file_size > limits.ratio * max(entry.compress_size, 1):
        raise zipfile.BadZipFile(f"entry '{name}' grows more than {limits.ratio} times")


def _write(
    zipped: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path, at_most: int
) -> int:
    """Unpack one entry; its size, counted and not believed."""
    target = into / entry.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with zipped.open(entry) as source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > at_most:
                raise zipfile.BadZipFile("it grows beyond the limit")
            file.write(block)
    return written
