# SPDX-License-Identifier: Apache-2.0
"""Providers that eodag knows (extra `eodag`), asked through it.

Its transfers are its own: they are neither resumed nor compared with checksums, so the
product is compared with its own list of files.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.downloader.provider import Errand
from agents.downloader.structure import check
from agents.worker.extras import library
from streams.errors import (
    CredentialsRefused,
    NodeExhausted,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    RateLimited,
)
from streams.model import Scene

# When a product that is being brought online is asked for again.
_STAGING_S = 600.0


class EodagProvider:
    """One provider of eodag's."""

    def __init__(
        self, gateway: Any, errors: Any, provider: str, collection: str
    ) -> None:
        self._gateway = gateway
        self._errors = errors
        self._provider = provider
        self._collection = collection

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Find the product by its name and download it; see `ImageProvider.fetch`."""
        try:
            self._fetch(scene, into)
        except self._errors.AuthenticationError as error:
            raise CredentialsRefused(f"eodag {self._provider}") from error
        except self._errors.NotAvailableError as error:
            raise ProductStaging(f"eodag {self._provider}", _STAGING_S) from error
        except self._errors.QuotaExceededError as error:
            raise RateLimited(f"eodag {self._provider}") from error
        except self._errors.EodagError as error:
            # Its messages may hold the URL with a token.
            said = type(error).__name__
            raise ProviderError(f"eodag {self._provider}: {said}") from error
        except OSError as error:
            if error.errno in NodeExhausted.ERRNOS:
                raise NodeExhausted(f"eodag: {error.strerror}") from error
            said = type(error).__name__
            raise ProviderError(f"eodag {self._provider}: {said}") from error
        check(scene, into)

    def _fetch(self, scene: Scene, into: Path) -> None:
        collection = {"collection": self._collection} if self._collection else {}
        found = self._gateway.search(
            id=scene.name, provider=self._provider, raise_errors=True, **collection
        )
        products = [p for p in found if p.properties.get("id") == scene.name]
        if not products:
            raise ProductNotFound(f"eodag {self._provider}: no '{scene.name}'")
        with TemporaryDirectory(dir=into.parent, prefix=".eodag-") as aside:
            # Waits for nothing: the task does, and this worker does something else.
            path = Path(
                products[0].download(
                    output_dir=aside, extract=True, wait=0.1, timeout=0.2
                )
            )
            shutil.move(path, into / path.name)


def make(options: Mapping[str, str]) -> EodagProvider:
    """A provider of eodag's: options `provider`, and `collection` to look in.

    Its credentials are eodag's own variables or file.
    """
    eodag = library("eodag", "eodag")
    errors = library("eodag.utils.exceptions", "eodag")
    provider = options["provider"]
    return EodagProvider(
        eodag.EODataAccessGateway(), errors, provider, options.get("collection", "")
    )
