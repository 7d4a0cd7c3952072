# SPDX-License-Identifier: Apache-2.0
"""Rasters as the index reads them: the header of a file, on disk or in S3."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import rasterio
from rasterio.errors import RasterioError
from rasterio.session import Session

from infra.geocube.standin.answers import invalid, unknown

_DTYPES = {
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
    "complex64": "Complex64",
}
"""Numpy's name → the Geocube's."""

_URI = re.compile(r"(?P<scheme>[^:/]+)://(?P<place>[^/]+/.+)")

# A store that does not answer must not hold a call for ever.
_PATIENCE = {
    "GDAL_HTTP_CONNECTTIMEOUT": "5",
    "GDAL_HTTP_TIMEOUT": "30",
    "GDAL_HTTP_MAX_RETRY": "2",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
}


@dataclass(frozen=True, slots=True)
class Raster:
    """What the index keeps of a file."""

    dtype: str
    """Of all the bands asked for, in the Geocube's words."""
    overviews: bool
    """Does each of these bands have some?"""
    crs: str
    """As WKT."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in its CRS."""


class _Keys(Session):  # type: ignore[misc] # rasterio has no types
    """How GDAL reaches the store, without boto3."""

    def __init__(self, options: Mapping[str, str]) -> None:
        endpoint = urlsplit(options["endpoint"])
        self._options = {
            "AWS_S3_ENDPOINT": endpoint.netloc,
            "AWS_HTTPS": "YES" if endpoint.scheme == "https" else "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_REGION": options.get("region") or "us-east-1",
            # GDAL would remember for ever that an object was missing, or its old bytes.
            "CPL_VSIL_CURL_NON_CACHED": "/vsis3/",
            # Looking for files beside it lists the whole folder.
            "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
        }
        if options.get("access_key"):
            self._options["AWS_ACCESS_KEY_ID"] = options["access_key"]
            self._options["AWS_SECRET_ACCESS_KEY"] = options["secret_key"]
        else:
            self._options["AWS_NO_SIGN_REQUEST"] = "YES"

    def get_credential_options(self) -> dict[str, str]:
        """GDAL's configuration; set for the thread that opens."""
        return self._options


class Rasters:
    """Files by their URI; safe to share between threads.

    Args:
        s3: `endpoint` (empty: no store), `access_key`, `secret_key`, `region`.
    """

    def __init__(self, s3: Mapping[str, str]) -> None:
        self._session = _Keys(s3) if s3.get("endpoint") else None

    def read(self, uri: str, subdir: str, bands: list[int]) -> Raster:
        """The header of a file, for some of its bands.

        Raises:
            Refusal: it cannot be opened, lacks a band, or has none of our types.
        """
        name = f"{subdir}:{uri}" if subdir else uri
        path = self._path(uri, name)
        try:
            with (
                rasterio.Env(session=self._session, **_PATIENCE),
                rasterio.open(f"{subdir}:{path}" if subdir else path) as file,
            ):
                return _header(file, name, bands)
        except RasterioError as error:
            raise invalid(f"{name} cannot be opened: {error}") from error

    def _path(self, uri: str, name: str) -> str:
        """What GDAL calls it."""
        found = _URI.fullmatch(uri)
        if found is None:
            return uri
        if found["scheme"] == "gs":
            raise invalid(f"{name} is not reachable: expected s3:// or a path")
        if found["scheme"] != "s3":
            raise invalid(f"{name} cannot be opened: expected s3:// or a path")
        if self._session is None:
            raise invalid(f"{name} cannot be opened: INGESTER_S3_ENDPOINT is not set")
        return f"/vsis3/{found['place']}"


def check_uri(uri: str) -> None:
    """Raises a Refusal for what is neither an absolute path nor `scheme://bucket/key`."""
    if not uri.startswith("/") and _URI.fullmatch(uri) is None:
        raise unknown(
            f"failed to parse container URI [{uri}]: badly formatted storage uri"
        )


def _header(file: Any, name: str, bands: list[int]) -> Raster:
    for band in bands:
        if not 1 <= band <= file.count:
            raise invalid(f"{name} has no band: {band}")
    if file.crs is None:
        raise invalid("Invalid Crs: ")
    found = {file.dtypes[band - 1] for band in bands}
    if len(found) > 1:
        raise invalid(
            f"{name} : all bands must have the same data type (found {sorted(found)})"
        )
    (dtype,) = found
    if dtype not in _DTYPES:
        raise invalid(f"{name} : datatype not found or not supported: {dtype}")
    return Raster(
        dtype=_DTYPES[dtype],
        overviews=all(file.overviews(band) for band in bands),
        crs=file.crs.to_wkt(),
        bounds=tuple(file.bounds),
    )
