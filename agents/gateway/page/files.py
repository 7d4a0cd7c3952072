# SPDX-License-Identifier: Apache-2.0
"""The files of the page, with what a browser may do with them."""

import gzip
import hashlib
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
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
    """Serves them; a browser asks each time whether its copy is still right.

    From memory: a view is some twenty small files, and to read each in a thread, as the
    parent does, costs four times as much.
    """

    def __init__(self, basemap: str) -> None:
        super().__init__(directory=_FOLDER, html=True)
        found = (path for path in _FOLDER.rglob("*") if path.is_file())
        self._paths = {str(path.relative_to(_FOLDER)): path for path in found}
        self._headers = {
            "Content-Security-Policy": policy(basemap),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Vary": "Accept-Encoding",
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or word that it has not changed."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        found = self._paths.get("index.html" if path == "." else path)
        if found is None:
            raise HTTPException(404)
        asked = Headers(scope=scope)
        file = _read(found, found.stat().st_mtime_ns)
        # A weak tag: compressed or not, it says the same.
        headers = {**self._headers, "ETag": f"W/{file.tag}"}
        if self.is_not_modified(Headers({"ETag": file.tag}), asked):
            return Response(status_code=304, headers=headers)
        if not takes_gzip(asked):
            return Response(file.content, headers=headers, media_type=file.type)
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.type)


class _File(NamedTuple):
    """What a file holds."""

    type: str
    tag: str
    content: bytes
    compressed: bytes


@lru_cache(maxsize=128)
def _read(path: Path, _changed_ns: int) -> _File:
    """A file as it was when it was changed last."""
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kind = guess_type(path.name)[0] or "application/octet-stream"
    return _File(kind, tag, content, gzip.compress(content, mtime=0))
