# SPDX-License-Identifier: Apache-2.0
"""The headers by which options say who asks. Pure."""

from base64 import b64encode
from collections.abc import Mapping


def headers_of(options: Mapping[str, str]) -> dict[str, str]:
    """Of `token` (bearer), else `user` and `password` (basic); and of `api_key`.

    `api_key_header` is the name of the key's header.
    """
    headers: dict[str, str] = {}
    if token := options.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    elif user := options.get("user"):
        pair = f"{user}:{options.get('password', '')}".encode()
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    if key := options.get("api_key"):
        headers[options.get("api_key_header", "X-API-Key")] = key
    return headers
