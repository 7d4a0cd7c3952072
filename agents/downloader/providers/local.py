# SPDX-License-Identifier: Apache-2.0
"""Products of a folder: archives and folders, at the top or below YYYY/MM/DD."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.downloader.provider import Errand
from agents.downloader.structure import check
from agents.worker.archive import unpack
from streams.errors import NodeExhausted, ProductNotFound, ProviderError
from streams.model import Scene

_SUFFIXES = ("", ".SAFE", ".zip", ".SAFE.zip")


class LocalProvider:
    """A folder of products."""

    def __init__(self, folder: Path, *, checked: bool = False) -> None:
        self._folder = folder
        self._checked = checked

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Copy or unpack the product named like the scene; see `ImageProvider.fetch`.

        Raises:
            ProductNotFound: nothing is named so.
            DamagedProduct: the archive cannot be unpacked, or is not whole.
            NodeExhausted: the disk is full.
            ProviderError: the folder cannot be read.
        """
        product = next((p for p in self._places(scene) if p.exists()), None)
        if product is None:
            raise ProductNotFound(f"no product '{scene.name}' below {self._folder}")
        try:
            if product.is_dir():
                shutil.copytree(product, into / product.name, copy_function=_copy)
            else:
                unpack(product, into)
        except OSError as error:
            raise _problem(product, error) from error
        if self._checked:
            check(scene, into)

    def _places(self, scene: Scene) -> Iterator[Path]:
        day = Path(*(scene.fields.get(k, "") for k in ("YEAR", "MONTH", "DAY")))
        for folder in (self._folder / day, self._folder):
            for suffix in _SUFFIXES:
                yield folder / f"{scene.name}{suffix}"


def _copy(source: str, target: str) -> None:
    """Copy a file; a failure ends the whole copy: `copytree` would hide its cause."""
    try:
        shutil.copy2(source, target)
    except OSError as error:
        raise _problem(Path(source), error) from error


def _problem(product: Path, error: OSError) -> ProviderError | NodeExhausted:
    if error.errno in NodeExhausted.ERRNOS:
        return NodeExhausted(f"copying {product}: {error.strerror}")
    return ProviderError(f"copying {product}: {error}")


def make(options: Mapping[str, str]) -> LocalProvider:
    """A provider of the products below the option `folder`.

    With `check=true` a product must have every file that it lists.
    """
    checked = options.get("check", "false").lower() == "true"
    return LocalProvider(Path(options["folder"]).absolute(), checked=checked)
