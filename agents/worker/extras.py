# SPDX-License-Identifier: Apache-2.0
"""Libraries that come with an extra of the package."""

from importlib import import_module
from typing import Any

from streams.errors import PluginError


def library(name: str, extra: str) -> Any:
    """A library, imported now.

    Raises:
        PluginError: it is not installed; says which extra brings it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise PluginError(
            f"'{name}' is not installed: it comes with the extra '{extra}', "
            f"pip install 'kafka-geocube-ingester[{extra}]'"
        ) from error
