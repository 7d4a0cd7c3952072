# SPDX-License-Identifier: Apache-2.0
"""What the downloader asks of an image provider."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents.worker.desk import Desk
from agents.worker.room import Promise
from streams.model import Scene


@dataclass(frozen=True, slots=True)
class Errand:
    """What a provider may need beside the scene."""

    area: str
    """Name of the area, for URL templates."""
    desk: Desk
    """Says how far it is; tells it to stop."""
    shelf: Path
    """For what was received when it failed: the next attempt finds it. Not made yet."""
    node: Path
    """Shared by all workers of this machine. Not made yet."""
    room: Promise
    """On the disk, for this order, until what was made of the product is stored."""
    name: str = ""
    """The provider's own name in the settings."""


class ImageProvider(Protocol):
    """Somebody who has products."""

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Leave the product, unpacked, in an empty folder.

        It is asked again, with another empty folder, when the task is tried again.

        Raises:
            ProductNotFound: it does not have this product.
            DamagedProduct: it has one that cannot be used.
            NodeExhausted: there is no room for it on this machine.
            ProviderError: anything else; the class says whether it may pass.
        """
        ...
