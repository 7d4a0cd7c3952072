# SPDX-License-Identifier: Apache-2.0
"""What the settings equip an agent with: object stores, indexes."""

from typing import Any

from agents import plugins
from agents.settings import Settings
from agents.worker.store import Stores


def open_stores(settings: Settings) -> Stores:
    """Every installed object store, by scheme; the S3 one as the settings say.

    Raises:
        PluginError: one of them does not load.
    """
    defaults: dict[str, dict[str, str]] = {"s3": s3_options(settings)}
    wanted = [n for n in plugins.names("store") if n != "s3" or settings.s3_endpoint]
    return Stores({n: plugins.make("store", n, defaults.get(n)) for n in wanted})


def s3_options(settings: Settings) -> dict[str, str]:
    """How to reach the object store of `s3://` URIs."""
    return {
        "endpoint": settings.s3_endpoint,
        "access_key": settings.s3_access_key.get_secret_value(),
        "secret_key": settings.s3_secret_key.get_secret_value(),
        "region": settings.s3_region,
    }


def eodata_options(settings: Settings) -> dict[str, str]:
    """How to reach the Copernicus archive."""
    return {
        "endpoint": settings.eodata_endpoint,
        "access_key": settings.eodata_access_key.get_secret_value(),
        "secret_key": settings.eodata_secret_key.get_secret_value(),
        "region": settings.eodata_region,
    }


def make_indexer(name: str, settings: Settings) -> Any:
    """An index by the name of its plug-in; the Geocube as the settings say.

    Raises:
        PluginError: it is not installed, or refuses its options.
    """
    geocube = {
        "address": settings.geocube_address,
        "token": settings.geocube_token.get_secret_value(),
        "tls": str(settings.geocube_tls).lower(),
    }
    return plugins.make("indexer", name, geocube if name == "geocube" else None)
