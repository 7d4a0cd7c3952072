# SPDX-License-Identifier: Apache-2.0
"""Statements for the read model are run together, and in order where order matters."""

from infra.postgres.read_model import rounds


def attempt(number, outcome):
    return {"task": "demo/s", "attempt": number, "outcome": outcome}


def test_statements_of_one_name_are_run_together():
    rows = [{"key": "a"}, {"key": "b"}]
    assert list(rounds(("save_row", row) for row in rows)) == [("save_row", rows)]


def test_statements_about_one_attempt_are_run_in_order():
    told = [
        ("save_attempt", attempt(1, "running")),
        ("save_attempt", attempt(2, "running")),
        ("save_void_report", attempt(1, "void")),
        ("save_attempt", attempt(1, "done")),
    ]
    assert list(rounds(told)) == [
        ("save_attempt", [attempt(1, "running"), attempt(2, "running")]),
        ("save_void_report", [attempt(1, "void")]),
        ("save_attempt", [attempt(1, "done")]),
    ]
