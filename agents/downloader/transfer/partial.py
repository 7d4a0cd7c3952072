# SPDX-License-Identifier: Apache-2.0
"""A file that is being received, and which of its bytes are there. Survives a crash."""

import json
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

# What a killed process has to receive again at most, for each connection.
_SAVE_EVERY: Final = 32 << 20


@dataclass(slots=True)
class Span:
    """A part of the file that one connection fills from its start."""

    start: int
    end: int
    """-1: nobody knows; the file then has one part."""
    at: int
    """Where the next byte goes."""

    @property
    def missing(self) -> bool:
        """Is something of it not there yet?"""
        return self.at != self.end


class Partial:
    """A file on a shelf, with its state beside it until it is whole.

    `NAME.body` with `NAME.state` while it comes, then `NAME.whole` alone: of a small
    file a state costs as much as the file, and files that are made and removed again
    slow down whoever makes the next one (ext4 looks for an inode that was not freed
    just now).

    Spans are written by one thread each; everything else by the one that made it.
    """

    def __init__(self, place: Path) -> None:
        """What is there, or nothing yet.

        Args:
            place: path on the shelf, without the ending.
        """
        self._body, self._state, self._whole = (
            Path(f"{place}.{ending}") for ending in ("body", "state", "whole")
        )
        self.file = self._body
        self._lock = Lock()
        self.size = -1
        self.tag = ""
        self.spans: list[Span] = []
        self.done = 0
        """Bytes that are there."""
        self._saved = 0
        self._written = ""
        """The state as it was saved last."""
        self._first = 0
        self._descriptor = self._opened()

    @property
    def begun(self) -> bool:
        """Is it known what file this is?"""
        return bool(self.spans)

    @property
    def complete(self) -> bool:
        """Is every byte there?"""
        return self.begun and not any(span.missing for span in self.spans)

    @property
    def contiguous(self) -> int:
        """Bytes that are there without a gap before them."""
        spans, first = self.spans, self._first
        while first < len(spans) - 1 and not spans[first].missing:
            first += 1
        self._first = first  # spans are never emptied: nothing before it is looked at
        return spans[first].at if spans else 0

    def is_of(self, size: int, tag: str) -> bool:
        """May what is there be a part of this file?"""
        return self.begun and (self.size, self.tag) == (size, tag)

    def forget(self) -> None:
        """What is there is thrown away."""
        if self.file == self._whole:
            os.replace(self._whole, self._body)
            self.file = self._body
        os.ftruncate(self._descriptor, 0)
        self._unwrite()
        self.size, self.tag, self.spans = -1, "", []
        self.done = self._saved = self._first = 0

    def begin(self, size: int, tag: str, part: int) -> None:
        """A file of this size, received in parts; nothing of it is there."""
        # What a process left that was killed before it saved anything may be longer.
        # An empty one is left alone: ext4 would write it out when it is closed.
        if os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, 0)
        self.size, self.tag = size, tag
        self.spans = [
            Span(start, min(start + part, size), start)
            for start in range(0, size, part)
        ] or [Span(0, size, 0)]

    def write(self, span: Span, block: bytes) -> None:
        """The next bytes of a span."""
        view = memoryview(block)
        while view:
            written = os.pwrite(self._descriptor, view, span.at)
            span.at += written
            view = view[written:]
        with self._lock:
            self.done += len(block)
            if self.done - self._saved < _SAVE_EVERY:
                return
            self._saved = self.done
        self.save()

    def mapped(self, at: int, size: int) -> mmap.mmap:
        """Bytes that are there, from a multiple of a page on; closed by the caller.

        The file must not be forgotten meanwhile.
        """
        return mmap.mmap(self._descriptor, size, prot=mmap.PROT_READ, offset=at)

    def end(self, span: Span) -> None:
        """The end of a file that had no size is where it ended."""
        span.end = self.size = span.at

    def save(self) -> None:
        """Write down what is there, if anything is that was not yet."""
        # Without a tag nobody can say later whether it is still the same file.
        if not self.tag or self.complete:
            return
        with self._lock:
            spans = [[span.start, span.end, span.at] for span in self.spans]
            state = json.dumps({"size": self.size, "tag": self.tag, "spans": spans})
            if state == self._written:
                return
            aside = self._state.with_suffix(".new")
            aside.write_text(state)
            os.replace(aside, self._state)
            self._written = state

    def keep(self) -> None:
        """Every byte is there and verified: who comes after need not ask for any."""
        if self.tag and self.file == self._body:
            os.replace(self._body, self._whole)
            self.file = self._whole
        self._unwrite()

    def close(self) -> None:
        """Nothing more is written or read."""
        os.close(self._descriptor)

    def _opened(self) -> int:
        try:
            whole = os.open(self._whole, os.O_RDWR)
        except FileNotFoundError:
            self._load()
            return os.open(self._body, os.O_RDWR | os.O_CREAT, 0o600)
        self.file = self._whole
        self.size = self.done = self._saved = os.fstat(whole).st_size
        self.spans = [Span(0, self.size, self.size)]
        return whole

    def _load(self) -> None:
        try:
            self._written = self._state.read_text()
            state = json.loads(self._written)
            spans = [Span(*span) for span in state["spans"]]
            size, tag = int(state["size"]), str(state["tag"])
            there = self._body.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return  # nothing, or nothing that can be used
        written = max((s.at for s in spans if s.at > s.start), default=0)
        if tag and written <= there:
            self.size, self.tag, self.spans = size, tag, spans
            self.done = self._saved = sum(s.at - s.start for s in spans)

    def _unwrite(self) -> None:
        if self._written:
            self._state.unlink(missing_ok=True)
            self._written = ""
