# SPDX-License-Identifier: Apache-2.0
"""Objects in a folder, created once, read-only and never replaced."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.files.digest import measured
from infra.files.disk import disk
from streams.errors import (
    InvalidRequest,
    ObjectConflict,
    ObjectNotFound,
    StoreUnavailable,
)

SCHEME = "file://"

# Folders in which objects are written before they are linked to their names. `list`
# does not see one until it is so old that a process must have left it that was killed:
# then what is in it is found with the orphans, and can be removed with them.
ASIDE = ".part-"
_LEFT_S = 24 * 3600.0

_EXPECTED = "expected an absolute path or file:///path"


class FileStore:
    """The `ObjectStore` of absolute paths and `file:///` URIs.

    Text after `file://` is the path as it is: no percent-decoding. The file system must
    know hard links (Linux' own and NFS do): link(2) gives a name to a complete file,
    and only when nothing has that name. Folders are never removed: a writer may be
    about to use them.
    """

    def put(self, uri: str, source: Path) -> tuple[int, str]:
        """Create the object; see `ObjectStore.put`."""
        target, ours = path_of(uri), measured(source)
        with _border(uri):
            if not target.exists():
                _create(target, source)
        there = self.stat(uri)
        if there is None:
            raise StoreUnavailable(f"{uri}: not there after it was written")
        if there != ours:
            raise ObjectConflict(
                f"{uri}: {there[0]} bytes with SHA-256 {there[1]} are there already, "
                f"expected {ours[0]} bytes with {ours[1]}"
            )
        return there

    def get(self, uri: str, target: Path) -> tuple[int, str]:
        """Copy the object to `target`; see `ObjectStore.get`."""
        source = path_of(uri)
        with TemporaryDirectory(dir=target.parent, prefix=ASIDE) as folder:
            part = Path(folder, "object")
            with _border(uri), disk(target.parent):
                if not source.is_file():
                    raise ObjectNotFound(f"{uri}: no file there")
                shutil.copyfile(source, part)
            found = measured(part)
            os.replace(part, target)
        return found

    def stat(self, uri: str) -> tuple[int, str] | None:
        """Size and SHA-256; reads the file."""
        path = path_of(uri)
        with _border(uri):
            return measured(path) if path.is_file() else None

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """Objects below; see `ObjectStore.list`."""
        start = prefix.removeprefix(SCHEME)
        if not start.startswith("/"):
            raise InvalidRequest(prefix, [_EXPECTED])
        scheme = prefix[: len(prefix) - len(start)]
        with _border(prefix):
            for path, status in _files(_folder_of(start)):
                if path.startswith(start):
                    modified = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield f"{scheme}{path}", status.st_size, modified

    def delete(self, uri: str) -> bool:
        """Remove the object; see `ObjectStore.delete`."""
        path = path_of(uri)
        with _border(uri):
            there = path.is_file()
            path.unlink(missing_ok=True)
        return there

    def reading_url(self, uri: str, lifetime: timedelta) -> str:
        """For whoever sees the folder; see `ObjectStore.reading_url`."""
        return path_of(uri).as_uri()


def open_store(options: Mapping[str, str]) -> FileStore:
    """The store of paths and `file://` URIs (entry point `file`); it has no options."""
    if options:
        raise InvalidRequest("object store file", [f"no options known: {[*options]}"])
    return FileStore()


def path_of(uri: str) -> Path:
    """Path of an object.

    Raises:
        InvalidRequest: not an absolute path to a file, spelled in the one shortest way.
    """
    path = uri.removeprefix(SCHEME)
    if not path.startswith("/") or "\0" in path:
        raise InvalidRequest(uri, [_EXPECTED])
    if not {"", ".", ".."}.isdisjoint(path[1:].split("/")):
        raise InvalidRequest(uri, ["path: empty, or with an empty, '.' or '..' part"])
    return Path(path)


@contextmanager
def _border(subject: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{subject}: {error.strerror}") from error


def _create(target: Path, source: Path) -> None:
    """A durable, read-only copy of `source`, under its name only when complete."""
    _make_folder(target.parent)
    with TemporaryDirectory(dir=target.parent, prefix=ASIDE) as folder:
        part = Path(folder, "object")
        shutil.copyfile(source, part)
        part.chmod(part.stat().st_mode & ~0o222)
        _sync(part)
        try:
            os.link(part, target)
        except FileExistsError:
            return  # somebody was faster; `put` looks at what they wrote
    _sync(target.parent)


def _make_folder(folder: Path) -> None:
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in new:
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder_of(start: str) -> str:
    """The deepest folder that holds every path beginning with `start`."""
    return start.rpartition("/")[0] + "/"


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of each file below a folder; none when there is no folder."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                # Deleted since the folder was read: no object any more.
                with suppress(FileNotFoundError):
                    yield entry.path, entry.stat()
            elif not entry.name.startswith(ASIDE) or _is_left(entry):
                yield from _files(entry.path)


def _is_left(folder: os.DirEntry[str]) -> bool:
    """Does nobody write in a folder any more?"""
    with suppress(FileNotFoundError):
        return time.time() - folder.stat().st_mtime > _LEFT_S
    return False
