# SPDX-License-Identifier: Apache-2.0
"""OData services: the Copernicus Data Space and CREODIAS.

A product is looked for by its name, so it does not matter which catalogue listed it;
the answer has its size and checksums.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from agents.downloader.provider import Errand
from agents.downloader.providers.remote import Lot, RemoteProvider, made
from agents.downloader.providers.service import Service
from agents.downloader.sources.http import NOBODY
from agents.downloader.transfer.manners import Manners, manners_of
from agents.downloader.transfer.sums import Expected
from streams.errors import ProductNotFound, ProviderError
from streams.model import Scene

COPERNICUS: Final = {
    "catalogue": "https://catalogue.dataspace.copernicus.eu/odata/v1/Products",
    "download": "https://download.dataspace.copernicus.eu/odata/v1/Products({Id})/$value",
    "token_url": "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/"
    "protocol/openid-connect/token",
    "client_id": "cdse-public",
    "hosts": "*.dataspace.copernicus.eu",
}

CREODIAS: Final = {
    "catalogue": "https://datahub.creodias.eu/odata/v1/Products",
    "download": "https://zipper.creodias.eu/odata/v1/Products({Id})/$value",
    "token_url": "https://identity.cloudferro.com/auth/realms/Creodias-new/"
    "protocol/openid-connect/token",
    "client_id": "CLOUDFERRO_PUBLIC",
    "hosts": "*.creodias.eu",
}

# What an account of the Data Space is allowed.
_FOUR: Final = Manners(connections=4)


class ODataLocate:
    """Where a product of an OData service is."""

    def __init__(self, catalogue: str, download: str, service: Service) -> None:
        self._catalogue = catalogue
        self._download = download
        self._service = service

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """Its archive.

        Raises:
            ProductNotFound: the service does not know the name.
            ProviderError: it does not answer, or not in OData.
        """
        entry = self._entry(scene.name, errand)
        sums = {
            str(said.get("Algorithm", "")).lower(): str(said.get("Value", ""))
            for said in entry.get("Checksum") or []
        }
        size = entry.get("ContentLength")
        expected = Expected(size if isinstance(size, int) else 0, sums)
        uri = self._download.replace("{Id}", str(entry["Id"]))
        told = entry.get("Online", scene.metadata.get("online") != "false")
        name = f"{scene.name}.zip"
        yield [Lot(uri, name, expected, archive=True, offline=told is False)]

    def _entry(self, name: str, errand: Errand) -> Mapping[str, Any]:
        names = (f"{name}.SAFE", name)
        quoted = (f"Name eq '{n.replace(chr(39), chr(39) * 2)}'" for n in names)
        url = f"{self._catalogue}?$filter={quote(' or '.join(quoted))}"
        page = self._service.read(url, errand.desk)
        entries = page.get("value") if isinstance(page, dict) else None
        if not isinstance(entries, list):
            raise ProviderError(f"{self._catalogue}: no OData")
        # The first one is not believed: it must have the name.
        found = [e for e in entries if e.get("Name") in names and e.get("Id")]
        if not found:
            raise ProductNotFound(f"{self._catalogue}: no '{name}'")
        entry: Mapping[str, Any] = found[0]
        return entry


def _make(usual: Mapping[str, str], options: Mapping[str, str]) -> RemoteProvider:
    for name in ("user", "password"):
        if not options.get(name) and "token" not in options:
            raise ValueError(f"{name}: missing")
    options = {**usual, **options}
    if "token" in options:
        options.pop("token_url")
    options["urls"] = options["download"]
    # Everybody may ask the catalogue: it is not told who we are.
    service = Service(NOBODY, manners_of(options, _FOUR))
    locate = ODataLocate(options["catalogue"], options["download"], service)
    return made(locate, options, _FOUR)


def make_copernicus(options: Mapping[str, str]) -> RemoteProvider:
    """Copernicus Data Space; options `user` and `password`."""
    return _make(COPERNICUS, options)


def make_creodias(options: Mapping[str, str]) -> RemoteProvider:
    """CREODIAS; options `user` and `password`, `client_secret` if it asks for one."""
    return _make(CREODIAS, options)
