# SPDX-License-Identifier: Apache-2.0
"""What the agents ask of an object store. Objects are created once, never replaced."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from streams.errors import InvalidRequest


class ObjectStore(Protocol):
    """Immutable objects under URIs. Safe to share between threads.

    Every method may raise `StoreUnavailable` (ask again), `InvalidRequest` (the URI is
    none of this store) and `StoreError` (refused, for example for want of rights).
    """

    def put(self, uri: str, source: Path) -> tuple[int, str]:
        """Create the object from a file and verify it; its size and SHA-256.

        The same bytes again under the same URI are a success that changes nothing.

        Raises:
            ObjectConflict: other bytes are there; they stay.
        """
        ...

    def get(self, uri: str, target: Path) -> tuple[int, str]:
        """Copy the object to a file, which appears only when complete.

        Returns:
            Size in bytes and SHA-256 of what was written.

        Raises:
            ObjectNotFound: there is none.
            NodeExhausted: the disk of the file is full.
        """
        ...

    def stat(self, uri: str) -> tuple[int, str] | None:
        """Size and SHA-256 of the object, None when there is none."""
        ...

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """URI, size and time of creation of every object whose URI begins so."""
        ...

    def delete(self, uri: str) -> bool:
        """Remove the object: the janitor's right alone. False when there was none."""
        ...

    def reading_url(self, uri: str, lifetime: timedelta) -> str:
        """A URL by which whoever has it may read the object, for so long.

        Nothing is sent to the store: the object may not be there.
        """
        ...


class Stores:
    """Several stores as one: the scheme of a URI says which."""

    def __init__(self, stores: Mapping[str, ObjectStore]) -> None:
        self._stores = dict(stores)

    def put(self, uri: str, source: Path) -> tuple[int, str]:
        """See `ObjectStore.put`."""
        return self._of(uri).put(uri, source)

    def get(self, uri: str, target: Path) -> tuple[int, str]:
        """See `ObjectStore.get`."""
        return self._of(uri).get(uri, target)

    def stat(self, uri: str) -> tuple[int, str] | None:
        """See `ObjectStore.stat`."""
        return self._of(uri).stat(uri)

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """See `ObjectStore.list`."""
        return self._of(prefix).list(prefix)

    def delete(self, uri: str) -> bool:
        """See `ObjectStore.delete`."""
        return self._of(uri).delete(uri)

    def reading_url(self, uri: str, lifetime: timedelta) -> str:
        """See `ObjectStore.reading_url`."""
        return self._of(uri).reading_url(uri, lifetime)

    def _of(self, uri: str) -> ObjectStore:
        scheme = "file" if uri.startswith("/") else uri.partition("://")[0]
        if scheme not in self._stores:
            known = ", ".join(sorted(self._stores)) or "none"
            raise InvalidRequest(uri, [f"no store for '{scheme}', there is: {known}"])
        return self._stores[scheme]
