# SPDX-License-Identifier: Apache-2.0
"""The gate as the settings say it: tokens, rates, origins, and whom it lets in."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from agents.gateway.gate import Gate, Rules, is_loopback
from agents.gateway.rate import Rates
from agents.gateway.tokens import Token, read_tokens
from agents.settings import Settings
from streams.errors import InvalidRequest


def guard(app: FastAPI, settings: Settings) -> None:
    """Put the gate before an application.

    Raises:
        InvalidRequest: the settings would let in whom they should not, or tokens cannot
            be read.
    """
    rules = Rules(
        tokens=_tokens(settings),
        body_bytes=settings.gateway_body_bytes,
        rates=Rates(settings.gateway_rate_per_s, settings.gateway_rate_burst),
        origins=settings.gateway_cors_origins,
        everywhere=settings.gateway_open,
    )
    _check_reach(settings, rules)
    app.state.has_tokens = bool(rules.tokens)
    app.add_middleware(Gate, rules=rules)
    if settings.gateway_cors_origins:
        # Outside of the gate: browsers ask first, without a token.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.gateway_cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Link", "X-Total-Count", "X-Ingester-Exists"],
        )


def _tokens(settings: Settings) -> tuple[Token, ...]:
    if not settings.gateway_tokens_file:
        return read_tokens(settings.gateway_tokens.get_secret_value())
    file = Path(settings.gateway_tokens_file)
    try:
        found = read_tokens(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"INGESTER_GATEWAY_TOKENS_FILE: cannot be read: {error}"
        raise InvalidRequest("settings", [problem]) from error
    if not found:
        # An empty file must not open what it was meant to close.
        problem = f"INGESTER_GATEWAY_TOKENS_FILE: no token in '{file}'"
        raise InvalidRequest("settings", [problem])
    return found


def _check_reach(settings: Settings, rules: Rules) -> None:
    host = settings.gateway_listen.rpartition(":")[0]
    if not (rules.tokens or settings.gateway_open or is_loopback(host)):
        problem = (
            f"INGESTER_GATEWAY_LISTEN: other machines reach {host}, and no token is "
            "known: set INGESTER_GATEWAY_TOKENS_FILE, or INGESTER_GATEWAY_OPEN=true "
            "to let everybody in"
        )
        raise InvalidRequest("settings", [problem])
