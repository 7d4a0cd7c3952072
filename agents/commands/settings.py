# SPDX-License-Identifier: Apache-2.0
"""`ingester settings` and `ingester version`."""

from importlib.metadata import version as installed
from typing import Any

from pydantic import SecretStr

from agents import plugins
from agents.commands.terminal import OUT, AsJson, say_json, table
from agents.settings import PREFIX, Settings, load_settings


def settings(as_json: AsJson = False) -> None:
    """Every setting: its variable, value, default and meaning. Secrets are masked."""
    entries = _entries(load_settings())
    if as_json:
        say_json(entries)
        return
    found = table("Settings", "variable", "value", "meaning", "read by")
    for entry in entries:
        changed = entry["value"] != entry["default"]
        value = f"[bold]{entry['value']}[/]" if changed else entry["value"]
        found.add_row(entry["variable"], value, entry["meaning"], entry["reader"])
    OUT.print(found)
    kinds = table("Plug-ins", "kind", "installed", "options")
    for kind in plugins.KINDS:
        prefix = f"{PREFIX}{kind}_<name>_*".upper()
        kinds.add_row(kind, ", ".join(plugins.names(kind)), prefix)
    OUT.print(kinds)


def version() -> None:
    """The version of the ingester."""
    OUT.print(installed("kafka-geocube-ingester"), highlight=False)


def _entries(current: Settings) -> list[dict[str, str]]:
    entries = []
    for name, field in Settings.model_fields.items():
        extra: Any = field.json_schema_extra or {}
        entries.append(
            {
                "variable": f"{PREFIX}{name}".upper(),
                "value": _text(getattr(current, name)),
                "default": _text(field.default),
                "meaning": field.description or "",
                "reader": extra.get("reader", ""),
            }
        )
    return entries


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)
