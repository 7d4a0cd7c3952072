# SPDX-License-Identifier: Apache-2.0
"""Checksums as catalogues and servers tell them, computed while a file comes in."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Final

from agents.downloader.transfer.partial import Partial
from streams.errors import DamagedProduct

_BLOCK: Final = 1 << 20

# From here on a second thread computes while the first one receives.
_ASIDE: Final = 4 << 20

# The best first: an MD5 that was made up to fit is no proof.
_ALGORITHMS: Final = {
    "sha3-256": "sha3_256",
    "sha512": "sha512",
    "sha256": "sha256",
    "sha1": "sha1",
    "md5": "md5",
}
"""Name as in `Expected.sums` → name in `hashlib`. BLAKE3 needs a library: where a
catalogue gives it beside MD5, MD5 is checked."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be."""

    size: int = 0
    """In bytes; 0: unknown."""
    sums: Mapping[str, str] = field(default_factory=dict)
    """Algorithm, in lower case → hexadecimal digits."""

    def best(self, others: Mapping[str, str]) -> tuple[str, str]:
        """The checksum to verify, of ours before others; empty: there is none."""
        for sums in (self.sums, others):
            for algorithm in _ALGORITHMS:
                if digits := sums.get(algorithm):
                    return algorithm, digits.lower()
        return "", ""


class Summing:
    """Computes the checksum of a file that is still being received."""

    def __init__(self, partial: Partial, algorithm: str) -> None:
        self._partial = partial
        self._hash = _new(algorithm) if algorithm else None
        self._at = 0
        self._block = memoryview(b"")
        self._more = Condition()
        self._ended = False
        self._closed = False
        self._thread: Thread | None = None

    def follow(self) -> None:
        """Some more bytes are there."""
        # Waking a thread for each block that comes costs more than the block.
        if self._hash is None or not self._has_more():
            return
        with self._more:
            if self._thread is None:
                if self._partial.contiguous < _ASIDE:
                    return
                self._thread = Thread(target=self._run, name="checksum", daemon=True)
                self._thread.start()
            self._more.notify()

    def end(self) -> str:
        """All bytes are there: the digits; empty when no algorithm was named."""
        if self._hash is None:
            return ""
        with self._more:
            self._ended = True
            self._more.notify()
        if self._thread is not None:
            self._thread.join()
        self._compute()
        return str(self._hash.hexdigest())

    def close(self) -> None:
        """Nothing more is read of the file. Can be called again."""
        with self._more:
            self._closed = True
            self._more.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not (self._ended or self._closed):
            with self._more:
                self._more.wait_for(
                    lambda: self._ended or self._closed or self._has_more()
                )
            self._compute()

    def _has_more(self) -> bool:
        return self._partial.contiguous - self._at >= _BLOCK

    def _compute(self) -> None:
        """Everything that is there: whole blocks, at the end the rest too."""
        assert self._hash is not None
        if not self._block:
            # One for all: memory that is new for each block is cleared by the system
            # first, which took as long as the checksum.
            size = self._partial.size
            length = _BLOCK if size < 0 else min(size, _BLOCK)
            self._block = memoryview(bytearray(length))
        while not self._closed and (self._ended or self._has_more()):
            left = self._partial.contiguous - self._at
            size = self._partial.read(self._at, self._block[:left])
            if not size:
                return
            self._hash.update(self._block[:size])
            self._at += size


def verified(
    what: str, expected: Expected, size: int, algorithm: str, digits: str, wanted: str
) -> None:
    """Check what was received.

    Raises:
        DamagedProduct: it is not what was expected.
    """
    if expected.size and size != expected.size:
        raise DamagedProduct(f"{what}: {size} bytes, expected {expected.size}")
    if digits != wanted:
        raise DamagedProduct(f"{what}: {algorithm} is {digits}, expected {wanted}")


def _new(algorithm: str) -> Any:
    make: Callable[..., Any] = getattr(hashlib, _ALGORITHMS[algorithm])
    return make(usedforsecurity=False)
