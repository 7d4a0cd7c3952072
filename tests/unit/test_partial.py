# SPDX-License-Identifier: Apache-2.0
"""A file that is being received, as a process finds it that comes after."""

from contextlib import closing

import pytest

from agents.downloader.transfer.partial import Partial


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "file"


def write(partial, block):
    partial.write(partial.spans[0], block)


def test_what_was_saved_is_there_again(folder):
    with closing(Partial(folder)) as partial:
        partial.begin(6, "tag", 6)
        write(partial, b"abc")
        partial.save()
    with closing(Partial(folder)) as again:
        assert again.is_of(6, "tag")
        assert (again.done, again.contiguous) == (3, 3)


def test_bytes_that_nobody_wrote_down_are_no_part_of_the_next_file(folder):
    with closing(Partial(folder)) as killed:
        killed.begin(9, "tag", 9)
        write(killed, b"too long")
    with closing(Partial(folder)) as partial:
        assert not partial.begun
        partial.begin(3, "tag", 3)
        write(partial, b"abc")
    assert partial.file.read_bytes() == b"abc"


def test_state_that_did_not_change_is_not_written_again(folder):
    with closing(Partial(folder)) as partial:
        partial.begin(3, "tag", 3)
        partial.save()
        state = folder / "state.json"
        first = state.stat().st_ino
        partial.save()
        assert state.stat().st_ino == first
        write(partial, b"abc")
        partial.save()
        assert state.stat().st_ino != first
