# SPDX-License-Identifier: Apache-2.0
"""The journal of a batch says how far it goes, read whole or not."""

import pytest

from agents.workflow import journal
from agents.workflow.batch import Batch
from streams.table import AreaRow, Row


@pytest.mark.parametrize("rows", [{}, {"demo": AreaRow("demo", at=7)}])
def test_position_is_known_without_the_rows(rows: dict[str, Row]):
    _, entry = journal.encoded(Batch(rows, position=12345))
    assert journal.position_of(entry) == 12345 == journal.read_journal(entry)[0]
