# SPDX-License-Identifier: Apache-2.0
"""What an audit found, and how it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.commands.terminal import OUT, table
from streams.audit import Difference, Place

# Lines that a person reads; `--json` has them all.
_SHOWN = 100


@dataclass(slots=True)
class Report:
    """What an audit found."""

    area: str
    facts: int = 0
    checked: dict[str, int] = field(default_factory=dict)
    """How many things were compared, by place."""
    differences: list[Difference] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    """Objects of attempts that did not end well: no fact lists them, none must."""
    notes: list[str] = field(default_factory=list)

    def add(self, place: Place, checked: int, found: Iterable[Difference]) -> None:
        """What was compared in one place, and the differences there."""
        self.checked[place] = self.checked.get(place, 0) + checked
        self.differences += found


def show(report: Report) -> None:
    """The report for people."""
    found = table(f"Audit of {report.area}: {report.facts} facts", "place", "compared")
    for place, checked in report.checked.items():
        found.add_row(place, str(checked))
    OUT.print(found)
    for note in report.notes:
        OUT.print(f"[yellow]note[/]: {note}")
    if report.left_over:
        OUT.print(
            f"{len(report.left_over)} objects are left over from attempts that did not "
            "end well: --json names them"
        )
    if not report.differences:
        OUT.print("[green]no difference[/]: everything is as the log says")
        return
    unlike = table(
        f"{len(report.differences)} differences", "place", "what", "expected", "found"
    )
    for one in report.differences[:_SHOWN]:
        unlike.add_row(one.place, one.what, one.expected, one.found)
    OUT.print(unlike)
    if len(report.differences) > _SHOWN:
        OUT.print(f"… and {len(report.differences) - _SHOWN} more: --json names all")
