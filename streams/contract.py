# SPDX-License-Identifier: Apache-2.0
"""The Avro schemas of `schemas/avro`, and the ids under which they were released.

A release is frozen: `released/ids.json` maps every record name to its versions, each
with a Confluent schema id that is never used again and the file that holds the schema,
whole (shared types inside), as a registry must serve it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from streams.errors import ContractError

Schema = dict[str, Any]

AVRO = files("schemas") / "avro"

_PRIMITIVE = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
)


@dataclass(frozen=True, slots=True)
class Release:
    """One released version of a record's schema."""

    subject: str
    """Full name of the record, for example `ingester.events.DownloadDone`."""
    version: int
    id: int
    """Confluent schema id."""
    file: str
    """Below `released/`."""


def full_name(schema: Mapping[str, Any]) -> str:
    """Namespace and name of a record or enum."""
    return f"{schema['namespace']}.{schema['name']}"


@cache
def current() -> dict[str, Schema]:
    """Self-contained schemas as they stand in the tree, by message type (file name)."""
    types = {full_name(s): s for _, s in _read(AVRO / "types")}
    return {name: _inline(schema, types, set()) for name, schema in _read(AVRO)}


@cache
def releases() -> tuple[Release, ...]:
    """Every release, in order of id."""
    lock = AVRO / "released" / "ids.json"
    if not lock.is_file():
        return ()
    entries = json.loads(lock.read_text("utf-8"))
    return tuple(sorted((Release(**entry) for entry in entries), key=lambda r: r.id))


@cache
def released(file: str) -> Schema:
    """The schema of a release."""
    schema: Schema = json.loads((AVRO / "released" / file).read_text("utf-8"))
    return schema


def latest() -> dict[str, Release]:
    """Newest release of each record name."""
    return {release.subject: release for release in releases()}


def _read(folder: Traversable) -> Iterator[tuple[str, Schema]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".avsc"):
            yield entry.name.removesuffix(".avsc"), json.loads(entry.read_text("utf-8"))


def _inline(node: Any, types: Mapping[str, Schema], seen: set[str]) -> Any:
    """`node` with every named type written out where it is first used."""
    match node:
        case str() if node in _PRIMITIVE or node in seen:
            return node
        case str() if node in types:
            seen.add(node)
            return _inline(types[node], types, seen)
        case str():
            raise ContractError(f"schema: type '{node}' is not in schemas/avro/types")
        case list():
            return [_inline(item, types, seen) for item in node]
        case {"type": "record"}:
            fields = [_field(field, types, seen) for field in node["fields"]]
            return {**node, "fields": fields}
        case {"type": "array"}:
            return {**node, "items": _inline(node["items"], types, seen)}
        case {"type": "map"}:
            return {**node, "values": _inline(node["values"], types, seen)}
        case _:
            return node


def _field(field: Schema, types: Mapping[str, Schema], seen: set[str]) -> Schema:
    return {**field, "type": _inline(field["type"], types, seen)}
