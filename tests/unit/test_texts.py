# SPDX-License-Identifier: Apache-2.0
"""No text that is written holds a NUL."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.texts import STAND_IN, refuse_nul, without_nul

TEXTS = st.text(st.sampled_from('\0\\u0a"é'))


@given(
    st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))
)
def test_document_is_the_same_but_for_its_nuls(value):
    shown = json.dumps(value)
    assert json.loads(without_nul(shown)) == _replaced(value)


def _replaced(value):
    if isinstance(value, str):
        return value.replace("\0", STAND_IN)
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    return {_replaced(key): _replaced(item) for key, item in value.items()}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"why": "a\0"}, r"\.why: "),
        ({"tiles": [{"t": 1}, {"u": ["\0"]}]}, r"\.tiles\[1\]\.u\[0\]: "),
        ({"a\0": 1}, r"\.'a\\x00': "),
        ("\0", "text: "),
    ],
)
def test_nul_is_refused_with_its_place(value, place):
    with pytest.raises(ValueError, match=place):
        refuse_nul(value)


def test_document_without_nul_passes():
    value = {"a": ["b", 1, None, {"c": r"\u0000"}]}
    assert refuse_nul(value) is value
