# SPDX-License-Identifier: Apache-2.0
"""Objects of the store that are answered whole: documents, pictures, logs of steps."""

import asyncio
import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.worker.store import ObjectStore

_DOCUMENTS_REMEMBERED = 2000


class StoredObjects:
    """Reads them. Documents are remembered, the recent ones: they never change."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._cached = lru_cache(_DOCUMENTS_REMEMBERED)(self._get)

    async def read(self, uri: str) -> dict[str, Any]:
        """The JSON document under a URI."""
        text = await asyncio.to_thread(self._cached, uri)
        document: dict[str, Any] = json.loads(text)
        return document

    async def content(self, uri: str) -> bytes:
        """An object's bytes.

        Raises:
            ObjectNotFound: there is none.
        """
        return await asyncio.to_thread(self._get, uri)

    def _get(self, uri: str) -> bytes:
        with TemporaryDirectory() as folder:
            target = Path(folder, "object")
            self._store.get(uri, target)
            return target.read_bytes()
