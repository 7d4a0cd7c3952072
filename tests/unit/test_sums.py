# SPDX-License-Identifier: Apache-2.0
"""Checksums that are computed while a file comes in."""

import hashlib
import os
import threading
from contextlib import closing

import pytest

from agents.downloader.transfer.partial import Partial
from agents.downloader.transfer.sums import Summing


@pytest.fixture
def partial(tmp_path):
    with closing(Partial(tmp_path / "file")) as made:
        yield made


def come(partial, size):
    """So many bytes are there, all of them 0."""
    os.truncate(partial.file, size)
    partial.spans[0].at = size


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (9 << 20) + 1])
def test_checksum_is_that_of_the_file_whenever_it_was_looked_at(size, partial):
    partial.begin(size, "tag", max(size, 1))
    with closing(Summing(partial, "md5")) as summing:
        for there in range(0, size, 3 << 20):
            come(partial, there)
            summing.follow()
        come(partial, size)
        summing.follow()
        digits = summing.end()
    assert digits == hashlib.md5(bytes(size), usedforsecurity=False).hexdigest()


def test_who_is_far_ahead_of_the_checksum_waits_for_it(partial):
    size = 200 << 20
    partial.begin(size, "tag", size)
    with closing(Summing(partial, "sha1")) as summing:
        come(partial, size)
        summing.follow()
        assert summing.left <= 128 << 20
        digits = summing.end()
    assert digits == hashlib.sha1(bytes(size), usedforsecurity=False).hexdigest()


def test_file_that_is_not_computed_to_its_end_can_be_closed(partial):
    size = 200 << 20
    partial.begin(size, "tag", size)
    summing = Summing(partial, "md5")
    come(partial, size)
    summing.follow()
    summing.close()
    summing.follow()
    names = {thread.name for thread in threading.enumerate()}
    assert "checksum" not in names
