# SPDX-License-Identifier: Apache-2.0
"""The dependency table of a running system: in the changelog, in the read model."""

from collections.abc import Iterable

from agents.workflow import journal
from agents.workflow.latest import Latest
from streams.envelope import Record
from streams.replay import digest
from streams.table import AreaRow, Row, decode_row
from streams.topics import TABLE
from tests.system import System, wait_for


def wait_until_folded(system: System) -> None:
    """Wait until the workflow's changelog holds what the log folds to."""
    expected = digest(system.replayed().table)
    wait_for(
        lambda: digest(changelog_table(system.records(TABLE.name))) == expected,
        every_s=0.5,
    )


def wait_until_projected(system: System) -> None:
    """Wait until the read model holds what the log folds to."""
    expected = digest(system.replayed().table)
    wait_for(lambda: digest(system.table()) == expected, every_s=0.5)


def wait_until_ended(system: System, *areas: str) -> None:
    """Wait until the read model says that every task of these areas has ended."""

    def ended() -> bool:
        table = system.table()
        rows = [table.get(area) for area in areas]
        return all(isinstance(row, AreaRow) and row.ended_by for row in rows)

    wait_for(ended, timeout_s=240, every_s=0.5)


def changelog_table(records: Iterable[Record]) -> dict[str, Row]:
    """The row of each key as the workflow reads it back."""
    latest = Latest(lambda key: None)
    for record in records:
        latest.see(record.partition, record.key or b"", record.value or b"")
    rows, _ = latest.take()
    return {
        key.decode(): decode_row(key.decode(), value)
        for key, value in rows.items()
        if not journal.is_journal(key.decode())
    }
