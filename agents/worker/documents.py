# SPDX-License-Identifier: Apache-2.0
"""JSON documents in the object store: named by what they hold, so never overwritten."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.worker.store import ObjectStore

_POSTED = ".documents"
INVENTORIES = ".inventories"
"""Folder of results: nobody asks for them once their progress is forgotten."""


class Documents:
    """Documents below the root of the layers. No area's name begins with a dot."""

    def __init__(self, store: ObjectStore, root: str) -> None:
        self._store = store
        self._root = root.rstrip("/")

    def keep_posted(self, text: bytes) -> str:
        """URI of a document that a user posted; the same text has the same."""
        digest = hashlib.sha256(text).hexdigest()
        return self._keep(f"{self._root}/{_POSTED}/{digest}.json", text)

    def keep_result(self, inventory: str, text: bytes) -> str:
        """URI of an inventory's result; done twice, it may have two."""
        digest = hashlib.sha256(text).hexdigest()[:16]
        return self._keep(f"{self._root}/{INVENTORIES}/{inventory}/{digest}.json", text)

    def read(self, uri: str) -> bytes:
        """Text of a document.

        Raises:
            ObjectNotFound: it is not there.
            StoreError: the store does not answer, or refuses.
        """
        with TemporaryDirectory() as folder:
            file = Path(folder, "document")
            self._store.get(uri, file)
            return file.read_bytes()

    def _keep(self, uri: str, text: bytes) -> str:
        with TemporaryDirectory() as folder:
            file = Path(folder, "document")
            file.write_bytes(text)
            self._store.put(uri, file)
        return uri
