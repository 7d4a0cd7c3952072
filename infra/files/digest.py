# SPDX-License-Identifier: Apache-2.0
"""Size and SHA-256 of a file: what a fact says of an object."""

import hashlib
from pathlib import Path


def measured(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256, lower-case hexadecimal, of the file's bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
