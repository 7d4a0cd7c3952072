# SPDX-License-Identifier: Apache-2.0
"""Products at URLs that are made of their names: web servers, buckets, FTP, folders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from msgspec import structs

from agents.downloader.provider import Errand
from agents.downloader.providers.remote import Lot, RemoteProvider, lot_of, made
from agents.downloader.transfer.manners import Manners
from agents.downloader.transfer.sums import Expected
from agents.worker.templates import SCHEMES, filled
from streams.errors import InvalidRequest, ProductNotFound, ProviderRefused
from streams.model import Scene

_SCHEMES: Final = (*SCHEMES, "ftp", "ftps")

# Metadata of a scene that templates may name beside what its name tells.
_METADATA: Final = ("download_link", "uuid", "s3_path", "stac_item")

# An FTP server has one connection for each file, and says nothing of parts.
_FTP: Final = Manners(parallel=1, connections=4)


class Templates:
    """URL templates, tried in order; the `Locate` of many providers."""

    def __init__(self, templates: Sequence[str]) -> None:
        self._templates = tuple(templates)

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """What each template leads to.

        Raises:
            ProviderRefused: a template asks for what is not known of the scene.
        """
        known = {name: scene.metadata.get(name, "") for name in _METADATA}
        facts = structs.replace(scene, fields={**known, **_fields(scene)})
        for template in self._templates:
            lacking = [n for n in _METADATA if f"{{{n}}}" in template and not known[n]]
            if lacking:
                continue
            try:
                uri = filled(template, facts, errand.area)
            except InvalidRequest as error:
                raise ProviderRefused(str(error)) from error
            lot = lot_of(_absolute(uri))
            # What a catalogue says of the product it says of its own link to it.
            if "{download_link}" in template:
                lot = replace(lot, expected=expected_of(scene))
            yield [lot]
        if all("{download_link}" in t for t in self._templates):
            if not known["download_link"]:
                raise ProductNotFound(f"'{scene.name}': no catalogue gave a link to it")


def expected_of(scene: Scene) -> Expected:
    """What the catalogue said of the product's file."""
    said = scene.metadata
    size = said.get("size_bytes", "")
    sums = {"md5": said.get("md5", ""), "sha256": said.get("sha256", "")}
    found = {algorithm: digits for algorithm, digits in sums.items() if digits}
    return Expected(int(size) if size.isdecimal() else 0, found)


def _fields(scene: Scene) -> dict[str, str]:
    return {"SCENE": scene.name, **scene.fields}


def _absolute(uri: str) -> str:
    return f"file://{uri}" if uri.startswith("/") else uri


def templates_of(options: Mapping[str, str], usual: str = "") -> list[str]:
    """The templates in the option `urls`, separated by spaces or lines.

    Raises:
        ValueError: there are none, or one is no URL.
    """
    templates = options.get("urls", usual).split()
    if not templates:
        raise ValueError("urls: missing, expected URL templates separated by spaces")
    for template in templates:
        scheme = template.partition("://")[0]
        if not template.startswith(("/", "{")) and scheme not in _SCHEMES:
            raise ValueError(
                f"urls: '{template}', expected one that begins with "
                + ", ".join(f"{known}://" for known in _SCHEMES)
            )
    return templates


def make(options: Mapping[str, str]) -> RemoteProvider:
    """Products at the URL templates of the option `urls`; usually `{download_link}`.

    Credentials are for the hosts of the templates and of the option `hosts`. Files of
    the worker are those below the folders that the templates and `folders` name.
    """
    templates = templates_of(options, "{download_link}")
    return made(Templates(templates), {**options, "urls": " ".join(templates)})


def make_ftp(options: Mapping[str, str]) -> RemoteProvider:
    """Products of FTP servers: `urls`, `user`, `password`; `ca_file` for FTPS."""
    return made(Templates(templates_of(options)), options, _FTP)


def make_s3(options: Mapping[str, str]) -> RemoteProvider:
    """Products in S3 buckets.

    Options `urls`, `endpoint`, `region`, `access_key`, `secret_key`, `requester_pays`.
    """
    return made(Templates(templates_of(options)), options)


def make_gs(options: Mapping[str, str]) -> RemoteProvider:
    """Products in buckets of Google Storage; options as of `s3`, keys are HMAC keys."""
    usual = (
        "gs://gcp-public-data-sentinel-2/tiles/{LATITUDE_BAND}/{GRID_SQUARE}/"
        "{GRANULE_ID}/{SCENE}.SAFE"
    )
    templates = templates_of(options, usual)
    return made(Templates(templates), {**options, "urls": " ".join(templates)})


def make_eodata(options: Mapping[str, str]) -> RemoteProvider:
    """Products in the archive of the Copernicus Data Space, an S3: `access_key`,
    `secret_key`.
    """
    usual = {
        "endpoint": "https://eodata.dataspace.copernicus.eu",
        "region": "default",
        "urls": "s3:/{s3_path}",
    }
    options = {**usual, **options}
    return made(Templates([options["urls"]]), options, Manners(connections=4))
