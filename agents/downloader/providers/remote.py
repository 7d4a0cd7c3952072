# SPDX-License-Identifier: Apache-2.0
"""What all providers do alike whose products come over a network.

They differ in where a product is (`Locate`) and in how to speak there (`Source`).
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Final
from urllib.parse import unquote, urlsplit

from agents import plugins
from agents.downloader.members import SourceRanges, fetch_members
from agents.downloader.provider import Errand
from agents.downloader.source import Source
from agents.downloader.sources.http import STAGING_S
from agents.downloader.structure import check
from agents.downloader.transfer.gate import Gate
from agents.downloader.transfer.manners import USUAL, Manners, manners_of
from agents.downloader.transfer.partial import Partial
from agents.downloader.transfer.patience import Patience
from agents.downloader.transfer.receive import Receiver
from agents.downloader.transfer.sums import Expected
from agents.worker.archive import unpack
from agents.worker.hosts import Pace
from agents.worker.ranges import file_name, shown
from agents.worker.shelf import held
from streams.errors import (
    AccessDenied,
    DamagedProduct,
    NodeExhausted,
    ProductNotFound,
    ProductStaging,
    ProviderRefused,
)
from streams.model import Scene

_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz")

# A product as it came, unpacked, and packed again to be stored.
_OF_ARCHIVE: Final = 3
_OF_FILES: Final = 2


@dataclass(frozen=True, slots=True)
class Lot:
    """A file that is (a part of) a product; or a folder of files."""

    uri: str
    path: str = ""
    """Where it goes below the product's folder; empty: as its URI ends."""
    expected: Expected = field(default_factory=Expected)
    archive: bool = False
    """Is it unpacked?"""
    folder: bool = False
    """Is it everything whose URI begins so? May hold a `*`, then the last one that
    matches is meant: the newest, in names with dates."""
    tag: str = ""
    offline: bool = False
    """Does its provider say that it must bring it online first?"""


Locate = Callable[[Scene, Errand], Iterator[Sequence[Lot]]]
"""Where a product may be, in order of trial. Raises as `ImageProvider.fetch`."""


class Sources:
    """The sources of a provider, made when a URI needs them."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = dict(options)
        self._lock = Lock()
        self._made: dict[str, Source] = {}

    def of(self, uri: str) -> Source:
        """What reads a URI.

        Raises:
            ProviderRefused: nothing does.
        """
        scheme = urlsplit(uri).scheme
        with self._lock:
            if scheme not in self._made:
                if scheme not in plugins.names("source"):
                    raise ProviderRefused(f"{shown(uri)}: no source for '{scheme}'")
                make = plugins.load("source", scheme)
                self._made[scheme] = make(self._options)
            return self._made[scheme]


def lot_of(uri: str) -> Lot:
    """What a URI means by how it ends: an archive, a file, or a folder."""
    name = file_name(uri)
    if name.lower().endswith(_ARCHIVES):
        return Lot(uri, archive=True)
    last = name.rpartition(".")[2].lower()
    plain = "." in name and last.isalnum() and 1 < len(last) < 5 and last != "safe"
    return Lot(uri, folder=not plain or uri.endswith("/"))


class RemoteProvider:
    """Products that are somewhere else."""

    def __init__(
        self,
        locate: Locate,
        sources: Sources,
        manners: Manners,
        *,
        only: Sequence[str] = (),
        checked: bool = True,
    ) -> None:
        """A provider.

        Args:
            locate: says where a product may be.
            sources: read it there.
            manners: towards the provider.
            only: patterns of the files that are wanted of a product; none: all.
            checked: is a product compared with its own list of files?
        """
        self._locate = locate
        self._sources = sources
        self._manners = manners
        self._pace = Pace()
        self._only = tuple(only)
        self._checked = checked and not only

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Receive the product and unpack it; see `ImageProvider.fetch`.

        Raises:
            ProductNotFound: it is in none of the places.
            DamagedProduct: it is damaged or not whole.
            NodeExhausted: there is no room for it.
            ProviderError: anything else.
        """
        problems = []
        for lots in self._locate(scene, errand):
            try:
                with _staged(lots):
                    _Fetching(self, into, errand).fetch(lots)
            except ProductNotFound as error:
                problems.append(str(error))
            else:
                if self._checked:
                    check(scene, into)
                return
        raise ProductNotFound("; ".join(problems) or f"'{scene.name}': not there")


@contextmanager
def _staged(lots: Sequence[Lot]) -> Iterator[None]:
    """Whatever a provider refuses of what it has to bring online means: not yet."""
    try:
        yield
    except (AccessDenied, ProductNotFound, ProviderRefused) as error:
        if not any(lot.offline for lot in lots):
            raise
        raise ProductStaging(f"it is offline: {error}", STAGING_S) from error


class _Fetching:
    """One product on its way."""

    def __init__(self, by: RemoteProvider, into: Path, errand: Errand) -> None:
        self._by = by
        self._into = into
        self._errand = errand
        self._lock = Lock()
        manners = by._manners
        self._gate = Gate(
            errand.node, errand.name, manners.connections, manners.per_second
        )
        self._patience = Patience(self._gate, manners, errand.desk)
        self._copies = _OF_FILES

    def fetch(self, lots: Sequence[Lot]) -> None:
        """Everything into its place."""
        desk = self._errand.desk
        desk.done_bytes = desk.total_bytes = 0
        self._errand.room.clear()
        files = [file for lot in lots for file in self._listed(lot)]
        if self._by._only and any(file.archive for file in files):
            self._members(files)
            return
        if any(file.archive for file in files):
            self._copies = _OF_ARCHIVE
        known = sum(file.expected.size for file in files)
        if known:
            self._needs(known)
        with held(self._errand.shelf) as shelf:
            self._receive(files, shelf)

    # -- what

    def _listed(self, lot: Lot) -> Iterator[Lot]:
        """The files of a lot."""
        if "*" in lot.uri:
            lot = self._matched(lot)
        if not lot.folder:
            yield lot
            return
        root = lot.uri.rstrip("/") + "/"
        name = lot.path or file_name(root)
        found = 0
        for uri, size, tag in self._found(root):
            path = unquote(uri.removeprefix(root))
            found += 1
            if self._by._only and not _matches(path, self._by._only):
                continue
            yield Lot(uri, f"{name}/{path}", Expected(max(size, 0)), tag=tag)
        if not found:
            raise ProductNotFound(f"{shown(root)}: nothing there")

    def _matched(self, lot: Lot) -> Lot:
        """The last lot that a pattern matches; names go on after it in a folder."""
        begin = lot.uri.partition("*")[0]
        pattern = re.escape(lot.uri).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        matching = re.compile(pattern + ("(?=/)" if lot.folder else "$"))
        entries = self._found(begin)
        found = sorted(m[0] for uri, *_ in entries if (m := matching.match(uri)))
        if not found:
            raise ProductNotFound(f"{shown(lot.uri)}: nothing matches")
        return replace(lot, uri=found[-1])

    def _found(self, uri: str) -> list[tuple[str, int, str]]:
        """Everything whose URI begins so."""
        source = self._by._sources.of(uri)
        return self._patience.ask(lambda: list(source.list(uri)))

    # -- bytes

    def _needs(self, size: int) -> None:
        """Keep room for so many bytes as they come, and for what is made of them."""
        with self._lock:
            self._errand.desk.total_bytes += size
            self._errand.room.need(size * self._copies)

    def _members(self, archives: Sequence[Lot]) -> None:
        """The wanted files of archives that lie where they are."""

        def count(received: int) -> None:
            self._errand.desk.done_bytes += received
            self._errand.desk.received_bytes += received

        for archive in archives:
            source = self._by._sources.of(archive.uri)
            ranges = SourceRanges(source, self._patience, count)
            with _unpacking():
                fetch_members(
                    ranges, archive.uri, self._by._only, self._into, self._needs
                )

    def _receive(self, files: Sequence[Lot], shelf: Path) -> None:
        receiver = Receiver(
            self._gate,
            self._by._manners,
            self._errand.desk,
            self._needs,
            self._by._pace,
        )

        def one(file: Lot) -> Path:
            place = _place(shelf, file)
            if not file.expected.size and (size := _begun(place)):
                self._needs(size)  # no place is asked again how large it is
            source = self._by._sources.of(file.uri)
            return receiver.receive(source, file.uri, file.expected, place)

        if len(files) == 1:
            bodies = [one(files[0])]
        else:
            with ThreadPoolExecutor(self._by._manners.parallel) as pool:
                bodies = list(pool.map(one, files))
        for file, body in zip(files, bodies, strict=True):
            self._put(file, body)

    def _put(self, file: Lot, body: Path) -> None:
        """From the shelf to its place in the product."""
        if not file.archive:
            target = self._into / _safe(file.path or unquote(file_name(file.uri)))
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(body, target)
            return
        try:
            with _unpacking():
                unpack(body, self._into)
        except DamagedProduct as error:
            body.unlink()
            raise DamagedProduct(f"{shown(file.uri)}: {error}") from error
        self._errand.room.made(body.stat().st_size)
        body.unlink()


def _place(shelf: Path, file: Lot) -> Path:
    """Where a file is on the shelf, the same for the same file."""
    name = file.path or file_name(file.uri)
    return shelf / sha256(name.encode()).hexdigest()[:24]


def _begun(place: Path) -> int:
    """Size of a file that an earlier attempt began; 0: none did, or it is not known."""
    with closing(Partial(place)) as partial:
        return max(partial.size, 0)


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NodeExhausted.ERRNOS:
            raise
        raise NodeExhausted(f"unpacking: {os.strerror(error.errno or 0)}") from error


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(PurePosixPath(path).match(pattern) for pattern in patterns)


def _safe(path: str) -> str:
    """A path below the product's folder.

    Raises:
        DamagedProduct: it would lead elsewhere.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise DamagedProduct(f"file '{path}' would land outside")
    return path


def made(
    locate: Locate, options: Mapping[str, str], usual: Manners = USUAL
) -> RemoteProvider:
    """A provider with the options that all have: `only`, `check`, and of `Manners`.

    Raises:
        ValueError: an option cannot be understood.
    """
    checked = options.get("check", "true").lower()
    if checked not in ("true", "false"):
        raise ValueError(f"check: '{checked}', expected true or false")
    manners = manners_of(options, usual)
    return RemoteProvider(
        locate,
        Sources({**_shown_manners(manners), **options}),
        manners,
        only=options.get("only", "").split(),
        checked=checked == "true",
    )


def _shown_manners(manners: Manners) -> dict[str, str]:
    """Manners as options, for sources."""
    return {name: str(getattr(manners, name)) for name in ("stall_s", "per_second")}
