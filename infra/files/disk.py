# SPDX-License-Identifier: Apache-2.0
"""The disk that an object is copied to, which is this machine's and not the store's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.errors import NodeExhausted


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """That it is full, said by whatever happens in the block, is the node's failure."""
    try:
        yield
    except OSError as error:
        if error.errno not in NodeExhausted.ERRNOS:
            raise
        raise NodeExhausted(f"{folder}: {error.strerror}") from error
