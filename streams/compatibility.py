# SPDX-License-Identifier: Apache-2.0
"""May a schema change? Only so that every released record can still be read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from streams import contract

_CHECKER = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Finding:
    """How the schema of one record stands to its releases."""

    subject: str
    state: str
    """`released`, `changed` (compatibly: release it), `new` or `broken`."""
    problems: tuple[str, ...] = ()


def check(schemas: Mapping[str, contract.Schema] | None = None) -> list[Finding]:
    """Every schema (by default those of the tree) against all of its releases.

    A release whose record has no schema any more is a finding too.
    """
    schemas = contract.current() if schemas is None else schemas
    findings = [_finding(schema) for schema in schemas.values()]
    known = {contract.full_name(schema) for schema in schemas.values()}
    lost = sorted(set(contract.latest()) - known)
    return findings + [
        Finding(subject, "broken", ("released, but no longer in schemas/avro",))
        for subject in lost
    ]


def _finding(schema: contract.Schema) -> Finding:
    subject = contract.full_name(schema)
    history = [r for r in contract.releases() if r.subject == subject]
    if not history:
        return Finding(subject, "new")
    problems = tuple(
        f"cannot read version {release.version}: {problem}"
        for release in history
        for problem in _incompatibilities(schema, contract.released(release.file))
    )
    if problems:
        return Finding(subject, "broken", problems)
    same = schema == contract.released(history[-1].file)
    return Finding(subject, "released" if same else "changed")


def _incompatibilities(
    reader: contract.Schema, writer: contract.Schema
) -> Iterator[str]:
    result = _CHECKER.get_compatibility(
        reader=parse(json.dumps(reader)), writer=parse(json.dumps(writer))
    )
    if result.compatibility is not SchemaCompatibilityType.compatible:
        places = ", ".join(sorted(result.locations)) or "/"
        for message in sorted(result.messages) or ["incompatible"]:
            yield f"{message} (at {places})"


def next_release() -> tuple[int, dict[str, contract.Schema]]:
    """Number of the next release folder, and the schemas to put there by file name."""
    wanted = {f.subject for f in check() if f.state in ("new", "changed")}
    schemas = {
        name: schema
        for name, schema in contract.current().items()
        if contract.full_name(schema) in wanted
    }
    folders = [int(r.file.split("/")[0]) for r in contract.releases()]
    return max(folders, default=0) + 1, schemas
