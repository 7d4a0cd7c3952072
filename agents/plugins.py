# SPDX-License-Identifier: Apache-2.0
"""Plug-ins: found by kind and name among the installed entry points, loud when absent.

A plug-in is a factory taking its options (text by name). Ours are registered in
`pyproject.toml` like a stranger's.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from agents.settings import plugin_options
from agents.worker.secrets import remember_options
from streams.errors import IngesterError, PluginError

KINDS = {
    "search": "ingester.searches",
    "sensor": "ingester.sensors",
    "provider": "ingester.providers",
    "source": "ingester.sources",
    "store": "ingester.stores",
    "engine": "ingester.engines",
    "step": "ingester.steps",
    "indexer": "ingester.indexers",
}
"""Kind of plug-in → group of its entry points."""


def names(kind: str) -> list[str]:
    """Names of the installed plug-ins of a kind, sorted."""
    return sorted(entry.name for entry in entry_points(group=KINDS[kind]))


def load(kind: str, name: str) -> Any:
    """What the entry point of a plug-in names, imported.

    Raises:
        PluginError: there is none of that name, or it does not import.
    """
    try:
        return _entry(kind, name).load()
    # Whatever a stranger's module does when it is imported, say whose it is.
    except Exception as error:
        if isinstance(error, PluginError):
            raise
        raise PluginError(
            f"{kind} '{name}' does not load: {type(error).__name__}: {error}"
        ) from error


def make(kind: str, name: str, defaults: Mapping[str, str] | None = None) -> Any:
    """A plug-in made by its factory from its options.

    Args:
        kind: one of `KINDS`.
        name: of its entry point; `name:own` has the options of `own` (the plug-in can
            be used several times).
        defaults: options that its variables override.

    Raises:
        PluginError: as `load`, or the factory refuses the options.
    """
    factory = load(kind, name.partition(":")[0])
    options = {**(defaults or {}), **plugin_options(kind, name)}
    remember_options(options)
    try:
        return factory(options)
    except (IngesterError, KeyError, ValueError, OSError) as error:
        variable = f"INGESTER_{kind}_{name}_*".upper().replace(":", "_")
        raise PluginError(f"{kind} '{name}': {error} (see {variable})") from error


def make_all(
    kind: str, wanted: Sequence[str], defaults: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Several plug-ins, by name, in the order wanted."""
    return {name: make(kind, name, defaults) for name in wanted}


def load_all(kind: str) -> dict[str, Any]:
    """Every installed plug-in of a kind, imported, by name."""
    return {name: load(kind, name) for name in names(kind)}


def _entry(kind: str, name: str) -> EntryPoint:
    found = [e for e in entry_points(group=KINDS[kind]) if e.name == name]
    if not found:
        installed = ", ".join(names(kind)) or "none"
        raise PluginError(f"{kind} '{name}' is not installed; installed: {installed}")
    if len(found) > 1:
        places = ", ".join(entry.value for entry in found)
        raise PluginError(f"{kind} '{name}' is installed twice: {places}")
    return found[0]
