# SPDX-License-Identifier: Apache-2.0
"""Files of this machine and of what is mounted on it: below some folders alone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from streams.errors import ProductNotFound, ProviderError, ProviderRefused

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileOpened:
    """The `Opened` of a file."""

    file: BinaryIO
    size: int
    start: int
    end: int
    tag: str
    sums: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[bytes]:
        """See `Opened.blocks`."""
        left = self.end - self.start
        with _border(self.file.name):
            while block := self.file.read(min(_BLOCK, left)):
                left -= len(block)
                yield block

    def close(self) -> None:
        """See `Opened.close`."""
        self.file.close()


class FileSource:
    """The `Source` of `file://` URIs."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Files below folders; links in them are followed.

        A URI may come from whoever described the product: without this limit it could
        name the secrets of this machine.
        """
        self._folders = tuple(folders)

    def open(self, uri: str, start: int, end: int | None, tag: str) -> FileOpened:
        """See `Source.open`."""
        path = self._allowed(_path(uri))
        with _border(str(path)):
            # A device or a pipe would never end.
            if not path.is_file():
                raise ProductNotFound(f"{path}: no file there")
            status = path.stat()
            now = f"{status.st_mtime_ns}-{status.st_size}"
            if tag not in ("", now):
                start, end = 0, None
            file = path.open("rb")
            file.seek(start)
        stop = status.st_size if end is None else min(end, status.st_size)
        return FileOpened(file, status.st_size, start, stop, now)

    def list(self, uri: str) -> Iterator[tuple[str, int, str]]:
        """See `Source.list`."""
        begin = _path(uri)
        inside = uri.endswith("/")
        root = self._allowed(begin if inside else begin.parent)
        with _border(str(root)):
            for path in sorted(root.rglob("*")) if root.is_dir() else ():
                if path.is_file() and str(path).startswith(f"{begin}{'/' * inside}"):
                    status = path.stat()
                    tag = f"{status.st_mtime_ns}-{status.st_size}"
                    yield path.as_uri(), status.st_size, tag

    def _allowed(self, path: Path) -> Path:
        if ".." in path.parts or not any(map(path.is_relative_to, self._folders)):
            raise ProviderRefused(
                f"{path}: expected a place below a folder that the options 'urls' or "
                "'folders' of its provider name"
            )
        return path


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


@contextmanager
def _border(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProviderError(f"{what}: {error.strerror}") from error


def open_source(options: Mapping[str, str]) -> FileSource:
    """Files below the folders in which templates of `urls` begin, and of `folders`.

    `folders` are separated by commas.
    """
    begun = (_begun(template) for template in options.get("urls", "").split())
    named = (folder.strip() for folder in options.get("folders", "").split(","))
    return FileSource([Path(f).absolute() for f in (*begun, *named) if f])


def _begun(template: str) -> str:
    """The folder that a template writes out; empty: none, or it is of no file."""
    known = re.split(r"[{*]", template)[0]
    if not known.startswith(("/", "file://")):
        return ""
    return unquote(urlsplit(known).path).rpartition("/")[0]
