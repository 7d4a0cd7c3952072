# SPDX-License-Identifier: Apache-2.0
"""Large JSON answers, compressed for clients that take it.

Not by a middleware for every answer: streams of events must not wait in a compressor,
and what is secret (a presigned URL) must not be compressed beside what a client chose.
"""

import asyncio
import gzip
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request, Response

# A packet or two: less is not worth the work.
_LEAST_BYTES = 4096

# Rows resemble one another: the quickest level leaves a tenth of them.
_LEVEL = 1


async def packed(request: Request, found: Any) -> Response:
    """An answer of these values; not by way of a model, it has thousands of rows."""
    content = msgspec.json.encode(found)
    headers = {"Vary": "Accept-Encoding"}
    if len(content) >= _LEAST_BYTES and takes_gzip(request.headers):
        content = await asyncio.to_thread(gzip.compress, content, _LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)


_ABOVE_NOTHING = re.compile(r"q\s*=\s*(1|0?\.\d*[1-9])")


def takes_gzip(headers: Mapping[str, str]) -> bool:
    """Does the client say so, and not that it must not be (`gzip;q=0`)?"""
    for coding in headers.get("accept-encoding", "").split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not weight or _ABOVE_NOTHING.search(weight) is not None
    return False
