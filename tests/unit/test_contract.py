# SPDX-License-Identifier: Apache-2.0
"""The Avro files and the classes are one contract, told twice."""

import re
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct, structs

from streams import compatibility, contract
from streams.codec import MESSAGES
from streams.names import type_name

CURRENT = contract.current()

PRIMITIVE = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    type(None): "null",
}


def agreed_type(annotation: Any) -> Any:
    """The Avro type that a Python annotation stands for."""
    if annotation is datetime:
        return {"type": "long", "logicalType": "timestamp-micros"}
    if annotation in PRIMITIVE:
        return PRIMITIVE[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        inner = [a for a in arguments if a is not type(None)]
        return ["null", *map(agreed_type, inner)]
    if origin is tuple:
        return {"type": "array", "items": agreed_type(arguments[0])}
    if origin is dict:
        return {"type": "map", "values": agreed_type(arguments[1])}
    return f"ingester.types.{annotation.__name__}"


def agreed_default(field: structs.FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return {}
    if isinstance(field.default, Enum):
        return field.default.value
    return [] if field.default == () else field.default


def short(node: Any) -> Any:
    """A schema node with named types by their name, as the class sees them."""
    match node:
        case {"type": "record" | "enum"}:
            return contract.full_name(node)
        case {"type": "array"}:
            return {"type": "array", "items": short(node["items"])}
        case {"type": "map"}:
            return {"type": "map", "values": short(node["values"])}
        case list():
            return [short(item) for item in node]
        case _:
            return node


def named_types(node: Any) -> Iterator[dict[str, Any]]:
    """Every record and enum below a node."""
    match node:
        case {"type": "record"}:
            yield node
            for field in node["fields"]:
                yield from named_types(field["type"])
        case {"type": "enum"}:
            yield node
        case {"items": inner} | {"values": inner}:
            yield from named_types(inner)
        case list():
            for item in node:
                yield from named_types(item)


def classes_by_name() -> dict[str, type]:
    """Every struct and enum reachable from a message."""
    found: dict[str, type] = {}

    def visit(annotation: Any) -> None:
        for argument in typing.get_args(annotation):
            visit(argument)
        if isinstance(annotation, type) and annotation.__module__.startswith("streams"):
            if annotation.__name__ not in found:
                found[annotation.__name__] = annotation
                if issubclass(annotation, Struct):
                    for hint in typing.get_type_hints(annotation).values():
                        visit(hint)

    for cls in MESSAGES.values():
        visit(cls)
    return found


CLASSES = classes_by_name()
NAMED = {
    contract.full_name(node): node
    for schema in CURRENT.values()
    for node in named_types(schema)
}


def test_every_message_has_a_schema_and_every_schema_a_message():
    assert set(CURRENT) == set(MESSAGES)


def test_three_spellings_of_a_name_agree():
    for name, schema in CURRENT.items():
        assert type_name(schema["name"]) == name
        assert MESSAGES[name].__name__ == schema["name"]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_schema_and_class_agree(name: str):
    node, cls = NAMED[name], CLASSES[name.rpartition(".")[2]]
    if node["type"] == "enum":
        assert node["symbols"] == [member.value for member in cls]
        return
    hints = typing.get_type_hints(cls)
    fields = structs.fields(cls)
    assert [f["name"] for f in node["fields"]] == [f.name for f in fields]
    for schema_field, field in zip(node["fields"], fields, strict=True):
        assert short(schema_field["type"]) == agreed_type(hints[field.name]), field.name
        has_default = not field.required
        assert ("default" in schema_field) == has_default, field.name
        if has_default:
            assert schema_field["default"] == agreed_default(field), field.name


@pytest.mark.parametrize("name", sorted(NAMED))
def test_everything_is_documented_and_well_named(name: str):
    node = NAMED[name]
    assert re.fullmatch(r"ingester(\.[a-z]+)+\.[A-Z][A-Za-z]+", name)
    assert len(node["doc"]) > 10
    for field in node.get("fields", []):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field["name"])
        assert len(field["doc"]) >= 4, field["name"]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_quantities_carry_their_unit_in_name_and_doc(name: str):
    words = {"_bytes": "ytes", "_s": "seconds", "_pct": "%"}
    for field in NAMED[name].get("fields", []):
        for ending, word in words.items():
            if field["name"].endswith(ending) and field["type"] in ("long", "double"):
                assert word in field["doc"], field["name"]


def test_every_schema_is_released():
    assert {finding.state for finding in compatibility.check()} == {"released"}


def test_ids_are_never_used_twice():
    ids = [release.id for release in contract.releases()]
    versions = [(release.subject, release.version) for release in contract.releases()]
    assert len(ids) == len(set(ids))
    assert len(versions) == len(set(versions))


# -- changes to a released schema


def changed(change: Any) -> list[compatibility.Finding]:
    """What `check` says when download-done changes so."""
    schema = {**CURRENT["download-done"]}
    schema["fields"] = change(list(schema["fields"]))
    return compatibility.check({**CURRENT, "download-done": schema})


def state_of(findings: list[compatibility.Finding]) -> compatibility.Finding:
    return next(f for f in findings if f.subject == "ingester.events.DownloadDone")


def test_new_field_with_default_is_a_compatible_change():
    field = {"name": "note", "doc": "x", "type": "string", "default": ""}
    assert state_of(changed(lambda fields: [*fields, field])).state == "changed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda fields: [*fields, {"name": "note", "doc": "x", "type": "string"}],
            "note",
        ),
        (lambda fields: [{**fields[0], "type": "long"}, *fields[1:]], "string"),
    ],
    ids=["new field without default", "other type"],
)
def test_incompatible_change_is_broken_and_says_where(change, says):
    finding = state_of(changed(change))
    assert finding.state == "broken"
    assert says in " ".join(finding.problems)


def test_released_schema_that_is_gone_is_broken():
    rest = {name: s for name, s in CURRENT.items() if name != "download-done"}
    assert state_of(compatibility.check(rest)).state == "broken"
