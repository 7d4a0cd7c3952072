# SPDX-License-Identifier: Apache-2.0
"""Every documented case of the graph engine has a test that carries its number.

G1 to G19 are the cases by which the Go ingester tests its graphs, N1 to N24 ours. A
test carries a number in its name (`test_n22_values_are_scaled`) or as a parameter's id.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CASES = {f"G{number}" for number in range(1, 20)} | {
    f"N{number}" for number in range(1, 25)
}


def carried(test: ast.FunctionDef) -> Iterator[str]:
    """Numbers of cases that a test carries."""
    yield from (word.upper() for word in test.name.split("_"))
    for decorator in test.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.keyword) and node.arg == "ids":
                for leaf in ast.walk(node.value):
                    if isinstance(leaf, ast.Constant):
                        yield str(leaf.value)


def test_every_documented_case_has_a_test():
    found = {
        word
        for file in Path(__file__).parent.glob("test_*.py")
        for test in ast.parse(file.read_text("utf-8")).body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        for word in carried(test)
        if re.fullmatch(r"[GN]\d+", word)
    }
    assert found == CASES
