# SPDX-License-Identifier: Apache-2.0
"""Bursts of products read before, kept in the object store: products never change."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.catalogue.bursts.burst import Burst
from agents.worker.store import ObjectStore
from streams.errors import ObjectConflict, ObjectNotFound

VERSION = 1
"""Of what is kept; another number where `Burst` or how it is computed changes."""


class BurstMemory:
    """One object a product, `<root>/.bursts/<version>/<product>.json`.

    What was read from places that a request named is for requests that name the same:
    `<product>.<digest of the places>.json`. Nobody gets bursts of another's files.

    No area has a dot in its name, so these are never taken for layers of one. Unlike a
    layer, an object here stands for nothing that is not elsewhere: one that cannot be
    read is made anew.

    Both methods may raise `StoreError`.
    """

    def __init__(self, store: ObjectStore, root: str) -> None:
        self._store = store
        self._root = f"{root.rstrip('/')}/.bursts/{VERSION}"

    def recall(
        self, product: str, places: Sequence[str] = ()
    ) -> tuple[Burst, ...] | None:
        """The bursts of a product; None when they are not known, or not readable.

        Args:
            product: its name.
            places: templates of the request that they were read by; empty: those of
                the service.
        """
        with TemporaryDirectory() as folder:
            copy = Path(folder, "bursts.json")
            try:
                self._store.get(self._uri(product, places), copy)
            except ObjectNotFound:
                return None
            return _read(copy.read_bytes(), product)

    def keep(
        self, product: str, bursts: Sequence[Burst], places: Sequence[str] = ()
    ) -> None:
        """Keep the bursts of a product; instead of what is there, if that differs."""
        uri = self._uri(product, places)
        with TemporaryDirectory() as folder:
            source = Path(folder, "bursts.json")
            source.write_bytes(_written(product, bursts))
            try:
                self._store.put(uri, source)
            except ObjectConflict:
                # It could not be read, or it would not have been computed again.
                self._store.delete(uri)
                self._store.put(uri, source)

    def _uri(self, product: str, places: Sequence[str]) -> str:
        digest = sha256(json.dumps(list(places)).encode()).hexdigest()[:16]
        name = f"{product}.{digest}" if places else product
        return f"{self._root}/{name}.json"


def _written(product: str, bursts: Sequence[Burst]) -> bytes:
    kept = {"product": product, "bursts": [asdict(burst) for burst in bursts]}
    return json.dumps(kept, sort_keys=True, indent=1).encode()


def _read(text: bytes, product: str) -> tuple[Burst, ...] | None:
    """None when the text is not what `_written` gives for this product."""
    try:
        kept = json.loads(text)
        bursts = tuple(Burst(**burst) for burst in kept["bursts"])
    except (ValueError, TypeError, KeyError):
        return None
    return bursts if _written(product, bursts) == text else None
