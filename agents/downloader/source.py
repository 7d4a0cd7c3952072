# SPDX-License-Identifier: Apache-2.0
"""What a provider asks of a place that files come from, whatever it speaks."""

from collections.abc import Iterator, Mapping
from typing import Protocol


class Opened(Protocol):
    """A file on its way."""

    @property
    def size(self) -> int:
        """Bytes of the whole file; -1 when nobody says."""
        ...

    @property
    def start(self) -> int:
        """Where in the file the first byte to come is."""
        ...

    @property
    def end(self) -> int:
        """Before which byte they stop; -1 when nobody says."""
        ...

    @property
    def tag(self) -> str:
        """The same as long as the file is the same; empty when nobody says."""
        ...

    @property
    def sums(self) -> Mapping[str, str]:
        """Checksums that the place tells: algorithm → hexadecimal digits."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """The bytes as they come; fewer than expected when they are cut off.

        Raises:
            ProviderError: the connection broke.
        """
        ...

    def close(self) -> None:
        """Nothing more is wanted. Can be called again."""
        ...


class Source(Protocol):
    """Files by URI. Reading changes nothing; safe to share between threads.

    Errors say what the place said: `ProductNotFound`, `CredentialsRefused`,
    `ProductStaging`, `RateLimited`, `QuotaExceeded`, `ProviderRefused`, and
    `ProviderError` for what may pass.
    """

    def open(self, uri: str, start: int, end: int | None, tag: str) -> Opened:
        """A file from one byte to before another one; None: to its end.

        When the file is not that of the tag any more, or the place cannot begin in the
        middle, it is opened from its start: look at `Opened.start`.
        """
        ...

    def list(self, uri: str) -> Iterator[tuple[str, int, str]]:
        """URI, size and tag of every file whose URI begins so; -1: unknown size."""
        ...
