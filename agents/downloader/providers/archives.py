# SPDX-License-Identifier: Apache-2.0
"""Public archives of one sensor: ASF, USGS on AWS, GEODES."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agents.downloader.provider import Errand
from agents.downloader.providers.remote import Lot, RemoteProvider, made
from agents.downloader.providers.service import Service, service_of
from agents.downloader.transfer.sums import Expected
from streams.errors import ProductNotFound, ProviderError
from streams.model import Scene

_ASF: Final = "https://datapool.asf.alaska.edu"
_ASF_HOSTS: Final = "*.asf.alaska.edu,urs.earthdata.nasa.gov"

_USGS: Final = {
    "endpoint": "https://s3.us-west-2.amazonaws.com",
    "region": "us-west-2",
    "bucket": "usgs-landsat",
    "requester_pays": "true",
}

_GEODES: Final = "https://geodes-portal.cnes.fr/api/stac/search"


class AsfLocate:
    """Where a Sentinel-1 product of the Alaska Satellite Facility is."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """Its archive.

        Raises:
            ProductNotFound: it is not of a kind that is kept there.
        """
        facts = scene.fields
        kind = facts.get("PRODUCT_TYPE", "")
        if scene.constellation != "sentinel1" or kind not in ("SLC", "GRD"):
            raise ProductNotFound(f"'{scene.name}': no SLC or GRD of Sentinel-1")
        if kind == "GRD":
            # Two channels or one: the second letter of the polarisation does not tell.
            dual = "D" if facts["POLARISATION"].startswith("D") else "S"
            kind = f"GRD-{facts['RESOLUTION']}{dual}"
        folder = f"{self._url}/{kind}/S{facts['MISSION_VERSION']}"
        link = scene.metadata.get("download_link", "")
        uri = f"{folder}/{scene.name}.zip"
        yield [
            Lot(uri, expected=_said(scene) if link == uri else Expected(), archive=True)
        ]


def _said(scene: Scene) -> Expected:
    size, md5 = scene.metadata.get("size_bytes", ""), scene.metadata.get("md5", "")
    return Expected(int(size) if size.isdecimal() else 0, {"md5": md5} if md5 else {})


class LandsatLocate:
    """Where a Landsat product is in the bucket of the USGS."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """The folder of its bands.

        Raises:
            ProductNotFound: it is no product of Collection 2.
        """
        facts = scene.fields
        level = scene.name[5:7]
        if facts.get("COLLECTION_NUMBER") != "02" or level not in ("L1", "L2"):
            raise ProductNotFound(f"'{scene.name}': not of Collection 2")
        folder = (
            f"s3://{self._bucket}/collection02/level-{level[1]}/standard/"
            f"{facts['COLLECTION']}/{facts['YEAR']}/{facts['PATH']}/{facts['ROW']}"
        )
        yield [Lot(f"{folder}/{scene.name}/", folder=True)]


class GeodesLocate:
    """Where a product of GEODES, the successor of PEPS, is."""

    def __init__(self, url: str, service: Service) -> None:
        self._url = url
        self._service = service

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """Its archive.

        Raises:
            ProductNotFound: it does not know the name.
            ProviderError: it does not answer, or not in STAC.
        """
        question = {"query": {"identifier": {"eq": scene.name}}, "limit": 1}
        page = self._service.once("POST", self._url, question)
        items = page.get("features") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise ProviderError(f"{self._url}: no STAC")
        for item in items:
            if item.get("properties", {}).get("identifier") == scene.name:
                yield [self._lot(scene.name, item)]
                return
        raise ProductNotFound(f"{self._url}: no '{scene.name}'")

    def _lot(self, name: str, item: Mapping[str, Any]) -> Lot:
        for asset in item.get("assets", {}).values():
            roles, kind = asset.get("roles") or [""], asset.get("type")
            if roles[0] == "data" and kind != "application/xml":
                size = asset.get("file:size")
                expected = Expected(
                    size if isinstance(size, int) else 0, _multihash(asset)
                )
                return Lot(asset["href"], f"{name}.zip", expected, archive=True)
        raise ProductNotFound(f"{self._url}: '{name}' without data")


def _multihash(asset: Mapping[str, Any]) -> dict[str, str]:
    """The checksum of an asset: a multihash, or plain digits of MD5."""
    text = str(asset.get("file:checksum") or asset.get("checksum") or "").lower()
    for prefix, algorithm in (
        ("1220", "sha256"),
        ("d50110", "md5"),
        ("1620", "sha3-256"),
    ):
        if text.startswith(prefix) and len(text) > 32:
            return {algorithm: text.removeprefix(prefix)}
    return {"md5": text} if len(text) == 32 else {}


def make_asf(options: Mapping[str, str]) -> RemoteProvider:
    """Alaska Satellite Facility; option `token`, a bearer token of Earthdata."""
    if not options.get("token"):
        raise ValueError("token: missing")
    url = options.get("url", _ASF)
    return made(AsfLocate(url), {"hosts": _ASF_HOSTS, "urls": url, **options})


def make_landsat_aws(options: Mapping[str, str]) -> RemoteProvider:
    """Landsat Collection 2 of the USGS on AWS; `access_key`, `secret_key`: you pay."""
    for name in ("access_key", "secret_key"):
        if not options.get(name):
            raise ValueError(f"{name}: missing")
    options = {**_USGS, **options}
    return made(LandsatLocate(options["bucket"]), options)


def make_geodes(options: Mapping[str, str]) -> RemoteProvider:
    """GEODES of the CNES; option `api_key`."""
    if not options.get("api_key"):
        raise ValueError("api_key: missing")
    url = options.get("url", _GEODES)
    options = {"urls": url, **options}
    return made(GeodesLocate(url, service_of(options, url)), options)
