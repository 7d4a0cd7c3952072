# SPDX-License-Identifier: Apache-2.0
"""Log lines: a sentence for people, `action=` and ids for machines."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from agents.worker.secrets import clean

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up(format: str = "text", level: str = "info") -> None:
    """Log to standard error, ours and the libraries' (these from warning on)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _cleaned,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Clean("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class _Clean(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """A library's line, without secrets of ours."""
        return clean(super().format(record))


def _cleaned(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {k: clean(v) if isinstance(v, str) else v for k, v in event.items()}


def logger(room: str) -> Any:
    """The logger of a room: `log.info("sentence", action="product_downloaded", …)`."""
    return structlog.get_logger(room=room)
