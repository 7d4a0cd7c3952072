# SPDX-License-Identifier: Apache-2.0
"""What the downloader asks of an image provider."""

from pathlib import Path
from typing import Protocol

from streams.model import Scene


class ImageProvider(Protocol):
    """Somebody who has products."""

    def fetch(self, scene: Scene, into: Path) -> None:
        """Leave the product, unpacked, in an empty folder.

        It is asked again, with another empty folder, when the task is tried again.

        Raises:
            ProductNotFound: it does not have this product.
            DamagedProduct: it has one that cannot be used.
            ProviderError: anything else; the class says whether it may pass.
        """
        ...
