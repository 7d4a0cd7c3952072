# SPDX-License-Identifier: Apache-2.0
"""Providers that eodag knows (extra `eodag`), asked through it.

Its transfers are its own: they are neither resumed nor compared with checksums, so the
product is compared with its own list of files. Archives are unpacked by us, with care.
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from tarfile import is_tarfile
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import is_zipfile

from agents.downloader.provider import Errand
from agents.downloader.structure import check
from agents.worker.archive import unpack
from agents.worker.extras import library
from streams.errors import (
    CredentialsRefused,
    IngesterError,
    NodeExhausted,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    RateLimited,
)
from streams.model import Scene

# When a product that is being brought online is asked for again.
_STAGING_S = 600.0

# Of a product that need not be brought online.
_ONLINE = "succeeded"

# What eodag tells as a failed download → our error.
_OURS: dict[int, type[IngesterError]] = {
    401: CredentialsRefused,
    403: CredentialsRefused,
    404: ProductNotFound,
    410: ProductNotFound,
    429: RateLimited,
}


class EodagProvider:
    """One provider of eodag's."""

    def __init__(
        self, gateway: Any, errors: Any, silent: Any, provider: str, collection: str
    ) -> None:
        self._gateway = gateway
        self._silent = silent
        self._errors = errors
        self._provider = provider
        self._collection = collection

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        """Find the product by its name and download it; see `ImageProvider.fetch`."""
        try:
            self._fetch(scene, into)
        except self._errors.AuthenticationError as error:
            raise CredentialsRefused(f"eodag {self._provider}") from error
        except self._errors.QuotaExceededError as error:
            raise RateLimited(f"eodag {self._provider}") from error
        except self._errors.EodagError as error:
            # Its messages may hold the URL with a token.
            said = f"eodag {self._provider}: {type(error).__name__}"
            raise _OURS.get(_status(error), ProviderError)(said) from error
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
            _place(self._download(products[0], Path(aside)), into)

    def _download(self, product: Any, aside: Path) -> Path:
        # Waits for nothing: the task does, and this worker does something else.
        try:
            path = product.download(
                output_dir=aside,
                extract=False,
                progress_callback=self._silent,
                wait=0.1,
                timeout=0.2,
            )
        except self._errors.NotAvailableError as error:
            # Said too of an online product of which nothing is there.
            if product.properties.get("order:status", _ONLINE) == _ONLINE:
                raise ProductNotFound(f"eodag {self._provider}: no file") from error
            raise ProductStaging(f"eodag {self._provider}", _STAGING_S) from error
        return Path(path)


def _status(error: BaseException) -> int:
    """Of the web server's answer that led to an error; 0: there was none."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if response is not None:
            return int(response.status_code)
        cause = cause.__cause__ or cause.__context__
    return 0


def _place(product: Path, into: Path) -> None:
    """Unpack an archive, alone in a folder or not; move anything else."""
    inside = list(product.iterdir()) if product.is_dir() else [product]
    if len(inside) == 1 and _is_archive(inside[0]):
        unpack(inside[0], into)
    else:
        shutil.move(product, into / product.name)


def _is_archive(path: Path) -> bool:
    return path.is_file() and (is_zipfile(path) or is_tarfile(path))


def make(options: Mapping[str, str]) -> EodagProvider:
    """A provider of eodag's: options `provider`, and `collection` to look in.

    Its credentials are eodag's own variables or file.
    """
    eodag = library("eodag", "eodag")
    # It tells of URLs, which may hold tokens; what counts comes as an error.
    logging.getLogger("eodag").setLevel(logging.CRITICAL)
    errors = library("eodag.utils.exceptions", "eodag")
    silent = library("eodag.utils", "eodag").ProgressCallback(disable=True)
    return EodagProvider(
        eodag.EODataAccessGateway(),
        errors,
        silent,
        options["provider"],
        options.get("collection", ""),
    )
