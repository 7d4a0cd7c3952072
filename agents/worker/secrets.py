# SPDX-License-Identifier: Apache-2.0
"""The secrets of this process, so that nothing it says can hold one.

Whoever gets a secret (the options of a plug-in, a token that a server gave) remembers
it here; logs, errors and facts are cleaned before they leave.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus

_HIDDEN: Final = "***"

# Shorter ones would be found inside of ordinary words.
_SHORTEST: Final = 4

_NAMES: Final = re.compile(r"(?:^|_)(?:password|token|secret|key|apikey)(?:_|$)")
"""Options that hold a secret, by their name."""

# What only says where something is to be found.
_NO_SECRET: Final = re.compile(r"_(?:url|uri|header|file)$|^access_key$")

_KNOWN: dict[str, None] = {}
_LOCK = Lock()


def remember(*secrets: str) -> None:
    """Hide these from now on, also as they stand in URLs and in Basic credentials."""
    with _LOCK:
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                for spelling in (secret, quote(secret, ""), quote_plus(secret)):
                    _KNOWN[spelling] = None


def remember_options(options: Mapping[str, str]) -> None:
    """Hide those of a plug-in's options that are named like secrets."""
    found = [v for k, v in options.items() if _NAMES.search(k) and not _is_place(k)]
    remember(*found)
    user = options.get("user", "")
    for password in found if user else ():
        remember(b64encode(f"{user}:{password}".encode()).decode())


def clean(text: str) -> str:
    """The text without any secret known so far."""
    for secret in sorted(_known(), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, _HIDDEN)
    return text


def _known() -> Iterable[str]:
    with _LOCK:
        return list(_KNOWN)


def _is_place(name: str) -> bool:
    return _NO_SECRET.search(name) is not None
