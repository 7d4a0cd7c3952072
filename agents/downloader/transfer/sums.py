# SPDX-License-Identifier: Apache-2.0
"""Checksums as catalogues and servers tell them, computed while a file comes in."""

import hashlib
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Final

from agents.downloader.transfer.partial import Partial
from streams.errors import DamagedProduct

_BLOCK: Final = 1 << 20

# As much is computed at a time when so much is there: between two such steps the
# thread waits for its turn among those that receive.
_STEP: Final = 8 << 20

# From here on a second thread computes while the first one receives.
_ASIDE: Final = 4 << 20

# When more is there that has not been computed, those that receive wait: else they take
# the processor from the thread that computes, and all wait for it in the end (1.3 s of
# 3.9 s for a gigabyte). Four parts of 32 MiB may become whole at once.
_AHEAD: Final = 128 << 20

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
        self._ahead = _AHEAD
        self._at = 0
        self._more = Condition()
        self._ended = False
        self._closed = False
        self._thread: Thread | None = None

    def follow(self) -> None:
        """Some more bytes are there; returns when more may be received."""
        # Waking a thread for each block that comes costs more than the block.
        if self._hash is None or self.left < _BLOCK:
            return
        with self._more:
            if self._thread is None:
                if self._partial.contiguous < _ASIDE:
                    return
                self._thread = Thread(target=self._run, name="checksum", daemon=True)
                self._thread.start()
            self._more.notify_all()
            self._more.wait_for(lambda: self._closed or self.left <= self._ahead)

    def end(self) -> str:
        """All bytes are there: the digits; empty when no algorithm was named."""
        if self._hash is None:
            return ""
        with self._more:
            self._ended = True
            self._more.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._compute()
        return str(self._hash.hexdigest())

    def close(self) -> None:
        """Nothing more is read of the file. Can be called again."""
        with self._more:
            self._closed = True
            self._more.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not (self._ended or self._closed):
                with self._more:
                    self._more.wait_for(
                        lambda: self._ended or self._closed or self.left >= _BLOCK
                    )
                self._compute()
        finally:
            with self._more:
                self._ahead = sys.maxsize  # nobody waits for who is gone
                self._more.notify_all()

    @property
    def left(self) -> int:
        """Bytes that are there and not in the checksum yet."""
        return self._partial.contiguous - self._at

    def _compute(self) -> None:
        """Everything that is there: whole blocks, at the end the rest too."""
        assert self._hash is not None
        while not self._closed:
            size = min(self.left, _STEP)
            if not self._ended:
                size -= size % _BLOCK
            if not size:
                return
            # Not copied: reading it into memory took a seventh as long as MD5.
            with closing(self._partial.mapped(self._at, size)) as there:
                self._hash.update(there)
            with self._more:
                self._at += size
                self._more.notify_all()


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
