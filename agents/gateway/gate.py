# SPDX-License-Identifier: Apache-2.0
"""The gate that every request passes: who asks, how often, how much, from where."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.gateway.rate import Rates
from agents.gateway.tokens import Identity, Role, Token, identify

OPEN_PATHS = frozenset({"/", "/healthz"})
"""Answered to anybody: they say that we live, and nothing else."""

OPEN_FOLDER = "/page/"
"""The page's own files: it must be there before somebody can sign in."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Names stand in the log for ever.
_LONGEST_NAME = 100

_HOW_TO_ASK = "send 'Authorization: Bearer TOKEN' with a token that is known here"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gate lets pass."""

    tokens: Sequence[Token]
    """Empty: whoever comes may do everything."""
    body_bytes: int
    rates: Rates
    origins: Sequence[str] = ()
    """Of pages elsewhere that may ask."""
    everywhere: bool = False
    """Served without tokens beyond this machine: pages of our own host may ask."""


class Gate:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        identity = self._identity(headers)
        refusal = self._refusal(scope, headers, identity)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["identity"] = identity
        limited = _limited(receive, self._rules.body_bytes)
        await self._app(scope, limited, send)

    def _identity(self, headers: Headers) -> Identity | None:
        if self._rules.tokens:
            return identify(self._rules.tokens, headers.get("authorization", ""))
        name = headers.get("x-ingester-by", "")[:_LONGEST_NAME] or "unknown"
        return Identity(name, Role.ADMINISTER)

    def _refusal(
        self, scope: Scope, headers: Headers, identity: Identity | None
    ) -> JSONResponse | None:
        host = (scope.get("client") or ("nobody",))[0]
        known = bool(self._rules.tokens) and identity is not None
        client = f"token {identity.name}" if known and identity else f"host {host}"
        wait_s = self._rules.rates.wait_s(client, time.monotonic())
        if wait_s:
            after = {"Retry-After": str(math.ceil(wait_s))}
            detail = f"too many requests; ask again in {math.ceil(wait_s)} s"
            return JSONResponse({"detail": detail}, 429, after)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            detail = "path or query: holds a NUL character, expected none"
            return JSONResponse({"detail": detail}, 400)
        if identity is None:
            return JSONResponse(
                {"detail": f"not authenticated: {_HOW_TO_ASK}"},
                401,
                {"WWW-Authenticate": 'Bearer realm="ingester"'},
            )
        if not self._rules.tokens and not self._is_ours(scope["method"], headers):
            detail = (
                "pages of other sites may not ask; see INGESTER_GATEWAY_CORS_ORIGINS"
            )
            return JSONResponse({"detail": detail}, 403)
        if int(headers.get("content-length", "0")) > self._rules.body_bytes:
            return JSONResponse({"detail": _too_large(self._rules.body_bytes)}, 413)
        return None

    def _is_ours(self, method: str, headers: Headers) -> bool:
        """Without tokens, a page that somebody looks at must not steer the ingester."""
        origin = headers.get("origin")
        if method in _SAFE or origin is None or origin in self._rules.origins:
            return True
        try:
            site = urlsplit(origin)
        except ValueError:
            return False
        if site.netloc != headers.get("host"):
            return False
        # A name may be made to lead to this machine: then only its own names are ours.
        return self._rules.everywhere or site.hostname in _LOOPBACK


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or f"{path}/".startswith(OPEN_FOLDER)


def is_loopback(host: str) -> bool:
    """Is that address reached from this machine alone?"""
    return host.strip("[]") in _LOOPBACK


def _limited(receive: Receive, at_most: int) -> Receive:
    """The same, until the body is larger than it may be."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > at_most:
            raise HTTPException(413, _too_large(at_most))
        return message

    return limited


def _too_large(at_most: int) -> str:
    return f"body: larger than {at_most} bytes; see INGESTER_GATEWAY_BODY_BYTES"


def check_role(identity: Identity, role: Role) -> None:
    """Nothing, if the role is high enough.

    Raises:
        HTTPException: 403, it is too low.
    """
    if identity.role < role:
        raise HTTPException(
            403,
            f"'{identity.name}' may {identity.role.name.lower()}; this needs a token "
            f"with the role {role.name.lower()}",
        )


class Needs:
    """A dependency of routes: who asks, if the role is high enough."""

    def __init__(self, role: Role) -> None:
        self._role = role

    def __call__(self, request: Request) -> Identity:
        """The identity.

        Raises:
            HTTPException: 403, the role is too low.
        """
        identity: Identity = request.state.identity
        check_role(identity, self._role)
        return identity


Operator = Annotated[Identity, Depends(Needs(Role.OPERATE))]
Administrator = Annotated[Identity, Depends(Needs(Role.ADMINISTER))]
