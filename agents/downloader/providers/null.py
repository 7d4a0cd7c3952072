# SPDX-License-Identifier: Apache-2.0
"""Nothing, at once: to run a request's whole course without its products."""

from collections.abc import Mapping
from pathlib import Path

from agents.downloader.provider import Errand
from streams.model import Scene


class NullProvider:
    """Has every product, empty."""

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Leave the folder empty; see `ImageProvider.fetch`."""


def make(options: Mapping[str, str]) -> NullProvider:
    """The provider; it has no options."""
    return NullProvider()
