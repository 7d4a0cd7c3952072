# SPDX-License-Identifier: Apache-2.0
"""`ingester schemas`: may a schema change, and under which id is it released?"""

import json
from pathlib import Path
from typing import Any

import typer

from agents.commands.terminal import ERR, OUT, AsJson, say_json, table
from streams import compatibility, contract
from streams.contract import full_name

app = typer.Typer(no_args_is_help=True, help="Avro schemas of the records.")

_STYLE = {"released": "green", "changed": "yellow", "new": "yellow", "broken": "red"}


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare the schemas with every released version of them.

    Ends with 1 when a change would break readers, or was not released.
    """
    findings = compatibility.check()
    if as_json:
        say_json(findings)
    else:
        _show(findings)
    if any(finding.state != "released" for finding in findings):
        raise typer.Exit(1)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every released version with its id."""
    if as_json:
        say_json(contract.releases())
        return
    found = table("Released schemas", "id", "record", "version")
    for release in contract.releases():
        found.add_row(str(release.id), release.subject, str(release.version))
    OUT.print(found)


@app.command()
def release() -> None:
    """Freeze the schemas that are new or have changed, under ids of their own.

    For developers, in a checkout; commit what it writes.
    """
    broken = [f for f in compatibility.check() if f.state == "broken"]
    if broken:
        _show(broken)
        ERR.print("[red]nothing released[/]: change these compatibly, or rename them")
        raise typer.Exit(1)
    number, schemas = compatibility.next_release()
    if not schemas:
        OUT.print("every schema is released already")
        return
    _write(Path(str(contract.AVRO)) / "released", number, schemas)
    OUT.print(f"released {len(schemas)} schemas as release {number}")


def _show(findings: list[compatibility.Finding]) -> None:
    found = table("Schemas", "record", "state", "problems")
    for finding in findings:
        style = _STYLE[finding.state]
        state = f"[{style}]{finding.state}[/]"
        found.add_row(finding.subject, state, "\n".join(finding.problems))
    OUT.print(found)


def _write(root: Path, number: int, schemas: dict[str, contract.Schema]) -> None:
    folder = root / str(number)
    folder.mkdir(parents=True)
    entries: list[dict[str, Any]] = [_entry(r) for r in contract.releases()]
    for name, schema in schemas.items():
        text = json.dumps(schema, ensure_ascii=False)
        (folder / f"{name}.avsc").write_text(text + "\n", "utf-8")
        subject = full_name(schema)
        versions = [e["version"] for e in entries if e["subject"] == subject]
        ids = [e["id"] for e in entries]
        entries.append(
            {
                "subject": subject,
                "version": max(versions, default=0) + 1,
                "id": max(ids, default=0) + 1,
                "file": f"{number}/{name}.avsc",
            }
        )
    rows = ",\n".join("  " + json.dumps(entry) for entry in entries)
    (root / "ids.json").write_text(f"[\n{rows}\n]\n", "utf-8")


def _entry(release: contract.Release) -> dict[str, Any]:
    return {
        "subject": release.subject,
        "version": release.version,
        "id": release.id,
        "file": release.file,
    }
