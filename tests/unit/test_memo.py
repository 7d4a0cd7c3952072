# SPDX-License-Identifier: Apache-2.0
"""What is remembered by identity is what the function gives."""

from streams.memo import ByIdentity


def test_same_value_is_computed_once():
    asked: list[list[int]] = []
    total = ByIdentity(lambda value: (asked.append(value), sum(value))[1], 10)
    value = [1, 2]
    assert [total(value), total(value)] == [3, 3]
    assert asked == [value]


def test_equal_values_are_not_the_same():
    made = ByIdentity(lambda value: object(), 10)
    assert made(a := [1]) is not made(b := [1])
    assert a == b


def test_identity_of_a_value_that_is_gone_is_not_taken_for_another():
    made = ByIdentity(tuple, 3)
    for number in range(1000):  # freed lists give their identity to the next ones
        assert made([number]) == (number,)


def test_value_that_is_asked_for_again_and_again_is_not_forgotten():
    asked: list[list[int]] = []
    total = ByIdentity(lambda value: (asked.append(value), sum(value))[1], 2)
    value = [1, 2]
    others = [[number] for number in range(9)]
    for other in others:
        total(other)
        total(value)
    assert asked.count(value) == 1
