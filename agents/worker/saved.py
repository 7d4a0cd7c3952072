# SPDX-License-Identifier: Apache-2.0
"""Layers between a work folder and the store: saved with their digest, fetched with it.

`SAFE`, `dim`, `data` and `*` are folders here and zips there; what was stored as `*`
can be fetched as `SAFE`: both are the same object.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.worker.archive import Limits, pack, unpack
from agents.worker.layers import FOLDERS
from agents.worker.store import ObjectStore
from streams.errors import DamagedProduct, StepFailed
from streams.model import Action, Layer

# Our own archives, known by their digest, may shrink as much as they like: rasters that
# are empty for the most part do.
_OURS = Limits(ratio=math.inf)


@dataclass(frozen=True, slots=True)
class LocalLayer:
    """A layer in a work folder."""

    name: str
    extension: str
    base: str
    """File name without extension."""
    folder: Path

    @property
    def path(self) -> Path:
        """The file or folder; for `dim` the file beside the folder."""
        suffix = "" if self.extension in ("", "*") else f".{self.extension}"
        return self.folder / (self.base + suffix)


def save(local: LocalLayer, uri: str, store: ObjectStore, action: Action) -> Layer:
    """Store a layer; what the fact will say of it.

    Raises:
        StepFailed: the layer was not made.
        StoreError: the store did not take it.
    """
    with TemporaryDirectory(dir=local.folder.parent, prefix=".packing-") as aside:
        source = local.path
        if local.extension in FOLDERS:
            source = Path(aside, "layer.zip")
            pack(source, local.folder, _entries(local))
        elif not source.is_file():
            raise missing(local, source.name)
        size, digest = store.put(uri, source)
    return Layer(local.name, local.extension, uri, size, digest, action)


def fetch(layer: Layer, local: LocalLayer, store: ObjectStore) -> None:
    """Bring a layer into the work folder.

    Raises:
        DamagedProduct: the object is not the one that the fact listed.
        StoreError: the store does not give it.
    """
    with TemporaryDirectory(dir=local.folder.parent, prefix=".fetching-") as aside:
        fetched = Path(aside, "object")
        size, digest = store.get(layer.uri, fetched)
        if (size, digest) != (layer.size_bytes, layer.sha256):
            raise DamagedProduct(
                f"{layer.uri}: {size} bytes with SHA-256 {digest}, the log says "
                f"{layer.size_bytes} bytes with {layer.sha256}"
            )
        if local.extension in FOLDERS:
            _place(fetched, Path(aside, "unpacked"), local)
        else:
            fetched.rename(local.path)


def _entries(local: LocalLayer) -> list[str]:
    """What belongs to a folder-like layer."""
    if local.extension == "*":
        return sorted(entry.name for entry in local.folder.iterdir())
    names = [local.path.name]
    if local.extension == "dim":
        names.append(f"{local.base}.data")
    for name in names:
        if not (local.folder / name).exists():
            raise missing(local, name)
    return names


def _place(archive: Path, unpacked: Path, local: LocalLayer) -> None:
    """Unpack, and move what is named like the layer, else all of it, to its place."""
    unpacked.mkdir()
    unpack(archive, unpacked, _OURS)
    found = unpacked / local.path.name
    if not found.exists():
        unpacked.rename(local.path)
        return
    shutil.move(found, local.path)
    beside = unpacked / f"{local.base}.data"
    if local.extension == "dim" and beside.exists():
        shutil.move(beside, local.folder / beside.name)


def missing(local: LocalLayer, name: str) -> StepFailed:
    """What to raise when a graph did not make a file of a layer."""
    return StepFailed(f"layer '{local.name}': the graph made no '{name}'")
