# SPDX-License-Identifier: Apache-2.0
"""Product names read piece by piece, so that what is wrong can be pointed at."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache


class NameProblem(ValueError):
    """Which part of a product name is wrong, and what was expected there."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a name; parts follow one another without a gap."""

    key: str
    """By what it is found; empty: it is only a separator."""
    pattern: str
    """Regular expression, without groups."""
    what: str
    """In words, for example `relative orbit`."""
    expected: str
    check: Callable[[str], bool] = lambda text: True
    """Is a text that matches the pattern possible?"""


UNDERSCORE = Piece("", "_", "separator", "_")


@dataclass(frozen=True, slots=True)
class Grammar:
    """One form of product names."""

    begins: re.Pattern[str]
    """How a name begins that is meant to be of this form."""
    pieces: Sequence[Piece]
    agree: Callable[[Mapping[str, str]], str] = lambda found: ""
    """What is wrong between pieces that are right each by itself; empty: nothing."""

    def read(self, name: str) -> dict[str, str]:
        """The pieces of a name, by their keys.

        Raises:
            NameProblem: the name is not of this form.
        """
        found: dict[str, str] = {}
        at = 0
        for piece in self.pieces:
            text = _compiled(piece.pattern).match(name, at)
            if text is None or not piece.check(text[0]):
                raise NameProblem(_problem(name, at, piece))
            found[piece.key] = text[0]
            at = text.end()
        if at < len(name):
            raise NameProblem(f"product name '{name}': '{name[at:]}' too much at {at}")
        found.pop("", None)
        if problem := self.agree(found):
            raise NameProblem(f"product name '{name}': {problem}")
        return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # `re` keeps some hundred patterns, and asks more of each look.
    return re.compile(pattern)


def _problem(name: str, at: int, piece: Piece) -> str:
    if at >= len(name):
        return f"product name '{name}': ends before its {piece.what}: {piece.expected}"
    # As far as the next separator: that is what a reader takes for the part.
    end = name.find("_", at + 1)
    shown = name[at:end] if end > at else name[at:]
    return (
        f"product name '{name}': {piece.what} '{shown}' at {at}, "
        f"expected {piece.expected}"
    )


def grammar_of(name: str, grammars: Sequence[Grammar]) -> Grammar | None:
    """The form that a name is meant to have, by how it begins."""
    return next((g for g in grammars if g.begins.match(name)), None)


def problem_of(name: str, grammars: Sequence[Grammar]) -> str:
    """What is wrong with a name that begins as one of these; else empty."""
    grammar = grammar_of(name, grammars)
    if grammar is None:
        return ""
    try:
        grammar.read(name)
    except NameProblem as problem:
        return str(problem)
    return ""


def pieces_of(name: str, grammars: Sequence[Grammar]) -> dict[str, str] | None:
    """The pieces of a name; None when it is of none of these forms."""
    grammar = grammar_of(name, grammars)
    if grammar is None:
        return None
    try:
        return grammar.read(name)
    except NameProblem:
        return None


# -- what a piece may be


def is_time(text: str) -> bool:
    """Are these digits a real date, `YYYYMMDD`, or time, `YYYYMMDD[T]HHMMSS`?"""
    # By hand: `strptime` takes five times longer, and every name is checked.
    digits = text.replace("T", "").ljust(14, "0")
    month, day, hour, minute, second = (
        int(digits[at : at + 2]) for at in range(4, 14, 2)
    )
    try:
        datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True


def within(low: int, high: int) -> Callable[[str], bool]:
    """Is a text a number in this range, both ends included?"""
    return lambda text: low <= int(text) <= high


def date(key: str, what: str) -> Piece:
    """A day, `YYYYMMDD`."""
    return Piece(key, r"[0-9]{8}", what, "a real date YYYYMMDD", is_time)


def stamp(key: str, what: str) -> Piece:
    """A second, `YYYYMMDDTHHMMSS`."""
    form = "a real date and time YYYYMMDDTHHMMSS"
    return Piece(key, r"[0-9]{8}T[0-9]{6}", what, form, is_time)


def tenths(key: str, what: str) -> Piece:
    """A tenth of a second, `YYYYMMDDHHMMSSS`."""
    form = "a real date and time YYYYMMDDHHMMSSS"
    return Piece(key, r"[0-9]{15}", what, form, lambda text: is_time(text[:14]))


# -- placeholders that all sensors have in common


def day_fields(digits: str) -> dict[str, str]:
    """`DATE`, its parts, and `DATETIME` at midnight, of `YYYYMMDD`."""
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    return {
        "DATE": digits[:8],
        "YEAR": year,
        "MONTH": month,
        "DAY": day,
        "DATETIME": f"{year}-{month}-{day}T00:00:00+00:00",
    }


def time_fields(digits: str) -> dict[str, str]:
    """As `day_fields`, and `TIME` with its parts, of `YYYYMMDDHHMMSS` and fraction."""
    days, time, fraction = digits[:8], digits[8:14], digits[14:]
    hour, minute, second = time[:2], time[2:4], time[4:]
    day = day_fields(days)
    after = f".{fraction}" if fraction else ""
    clock = f"{hour}:{minute}:{second}{after}+00:00"
    return day | {
        "TIME": time,
        "HOUR": hour,
        "MINUTE": minute,
        "SECOND": second,
        "DATETIME": f"{day['DATETIME'][:10]}T{clock}",
    }


def with_date(fields: Mapping[str, str], date: datetime) -> dict[str, str]:
    """The fields of a product; what its name does not tell of its date, from `date`."""
    return time_fields(f"{date.astimezone(UTC):%Y%m%d%H%M%S}") | dict(fields)
