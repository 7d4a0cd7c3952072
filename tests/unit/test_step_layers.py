# SPDX-License-Identifier: Apache-2.0
import pytest

from agents.worker.graph.steps.layers import shares_of


@pytest.mark.parametrize(
    ("sizes", "threads", "shares"),
    [
        ([9], 2, [2]),
        # 2 of 1/3, 1/3, 1/1: nothing is left beside the third, which has both.
        ([5, 5, 5], 2, [1, 1, 2]),
        # All begin together: 8 of 40/55, 10/55, 4/55, 1/55.
        ([40, 10, 4, 1], 8, [6, 2, 1, 1]),
        # Two begin together: 2 of 40/55, 10/55, then of 4/5, 1/1.
        ([40, 10, 4, 1], 2, [2, 1, 2, 2]),
        ([5, 5, 5], 1, [1, 1, 1]),
        ([0, 0], 4, [1, 1]),
        ([], 2, []),
    ],
)
def test_share_of_a_layer_is_its_part_of_the_work_not_yet_begun(sizes, threads, shares):
    assert shares_of(sizes, threads) == shares
