# SPDX-License-Identifier: Apache-2.0
"""A file that is being received, as a process finds it that comes after."""

from contextlib import closing

import pytest

from agents.downloader.transfer.partial import Partial


@pytest.fixture
def place(tmp_path):
    return tmp_path / "file"


def write(partial, block):
    partial.write(partial.spans[0], block)


def test_what_was_saved_is_there_again(place):
    with closing(Partial(place)) as partial:
        partial.begin(6, "tag", 6)
        write(partial, b"abc")
        partial.save()
    with closing(Partial(place)) as again:
        assert again.is_of(6, "tag")
        assert (again.done, again.contiguous) == (3, 3)


def test_bytes_that_nobody_wrote_down_are_no_part_of_the_next_file(place):
    with closing(Partial(place)) as killed:
        killed.begin(9, "tag", 9)
        write(killed, b"too long")
    with closing(Partial(place)) as partial:
        assert not partial.begun
        partial.begin(3, "tag", 3)
        write(partial, b"abc")
    assert partial.file.read_bytes() == b"abc"


def test_state_that_did_not_change_is_not_written_again(place):
    with closing(Partial(place)) as partial:
        partial.begin(3, "tag", 3)
        partial.save()
        state = place.with_suffix(".state")
        first = state.stat().st_ino
        partial.save()
        assert state.stat().st_ino == first
        write(partial, b"ab")
        partial.save()
        assert state.stat().st_ino != first


def test_whole_file_is_found_without_a_state(place):
    with closing(Partial(place)) as partial:
        partial.begin(3, "tag", 3)
        write(partial, b"ab")
        partial.save()
        write(partial, b"c")
        partial.keep()
    assert [file.name for file in place.parent.iterdir()] == ["file.whole"]
    with closing(Partial(place)) as again:
        assert again.complete
        assert (again.size, again.done, again.contiguous) == (3, 3, 3)


def test_whole_file_that_is_thrown_away_is_not_whole_while_it_comes_again(place):
    with closing(Partial(place)) as partial:
        partial.begin(3, "tag", 3)
        write(partial, b"abc")
        partial.keep()
    with closing(Partial(place)) as damaged:
        damaged.forget()
        damaged.begin(3, "tag", 3)
        write(damaged, b"a")
        damaged.save()
    with closing(Partial(place)) as again:
        assert not again.complete
        assert again.done == 1


def test_file_that_has_no_tag_is_asked_for_again(place):
    with closing(Partial(place)) as partial:
        partial.begin(3, "", 3)
        write(partial, b"abc")
        partial.keep()
    with closing(Partial(place)) as again:
        assert not again.begun
