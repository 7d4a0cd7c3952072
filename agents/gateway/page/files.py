# SPDX-License-Identifier: Apache-2.0
"""The files of the page, with what a browser may do with them."""

import gzip
from functools import lru_cache
from os import PathLike, stat_result
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from agents.gateway.packed import takes_gzip

PLACE = "/page"
"""Where the page is; its files are open to anybody, they hold no data."""

_FOLDER = Path(__file__).parent / "static"


def policy(basemap: str) -> str:
    """What the page may load and do: our own files, and tiles of the basemap if any."""
    site = urlsplit(basemap)
    images = f"'self' {site.scheme}://{site.netloc}" if basemap else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {images}",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            # A text that reaches innerHTML is an error, not markup.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class PageFiles(StaticFiles):
    """Serves them; a browser asks each time whether its copy is still right."""

    def __init__(self, basemap: str) -> None:
        super().__init__(directory=_FOLDER, html=True)
        self._headers = {
            "Content-Security-Policy": policy(basemap),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or word that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        if isinstance(response, FileResponse) and takes_gzip(Headers(scope=scope)):
            return _compressed(response)
        return response


def _compressed(file: FileResponse) -> Response:
    """The same from memory: one answer instead of a file read block by block."""
    headers = file.headers
    tag = headers["ETag"]
    content = _content(str(file.path), tag)
    del headers["Accept-Ranges"]
    headers["Content-Length"] = str(len(content))
    headers["Content-Encoding"] = "gzip"
    # Other bytes that say the same: the tag is a weak one.
    headers["ETag"] = f"W/{tag}"
    headers["Vary"] = "Accept-Encoding"
    return Response(content, file.status_code, headers)


@lru_cache(maxsize=128)
def _content(path: str, _tag: str) -> bytes:
    """A file's bytes, compressed once for each tag: it is another when they changed."""
    return gzip.compress(Path(path).read_bytes())
