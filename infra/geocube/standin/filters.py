# SPDX-License-Identifier: Apache-2.0
"""What lists are filtered by: patterns, tags, times, pages; as parameters of SQL."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from infra.geocube.standin.answers import unknown

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - columns hold UTC without a zone
_FIRST_S, _END_S = -62_135_596_800, 253_402_300_800
_SECOND_NS = 1_000_000_000

_ANY_CASE = "(?i)"


class Pattern(NamedTuple):
    """How a text is compared, and with what."""

    how: str
    """`=`, `LIKE`, `ILIKE`; for tags also `EXISTS`."""
    text: str


def pattern(text: str) -> Pattern:
    """`*` is any run, `?` one character, the suffix `(?i)` any case.

    As in the reference, a `%` beside one of them is a wildcard too.
    """
    plain = text.removesuffix(_ANY_CASE)
    like = plain.replace("_", r"\_").replace("*", "%").replace("?", "_")
    if text.endswith(_ANY_CASE):
        return Pattern("ILIKE", like)
    if "*" in text or "?" in text:
        return Pattern("LIKE", like)
    return Pattern("=", text)


def name_filter(name: str) -> dict[str, Any]:
    """Parameters for a name; empty: any."""
    if not name:
        return {"name": None, "name_how": None}
    how, text = pattern(name)
    return {"name": text, "name_how": how}


def tag_filters(tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Parameters for tags, all of which must fit; an empty value: the key exists."""
    wanted = [pattern(v) if v else Pattern("EXISTS", "") for v in tags.values()]
    return {
        "tag_keys": list(tags),
        "tag_hows": [one.how for one in wanted],
        "tag_values": [one.text for one in wanted],
    }


def uri_filters(patterns: Iterable[str]) -> dict[str, list[str]]:
    """Parameters for URIs, one of which must fit; none: any."""
    wanted = [pattern(one) for one in patterns]
    return {
        "hows": [one.how for one in wanted],
        "patterns": [one.text for one in wanted],
    }


def interval(message: Any) -> dict[str, datetime | None]:
    """Parameters for the bounds of a message, both inclusive.

    No bound is a field that is unset or invalid, or the first instant of year 1, which
    the Go client sends for "none". 1970 is a bound.
    """
    return {
        "from_time": _bound(message, "from_time"),
        "to_time": _bound(message, "to_time"),
    }


def _bound(message: Any, field: str) -> datetime | None:
    found = moment(getattr(message, field)) if message.HasField(field) else None
    return None if found == datetime.min else found  # noqa: DTZ901 - as the columns


def moment(stamp: Timestamp) -> datetime | None:
    """UTC to the nearest microsecond; None: it is no time of years 1 to 9999."""
    if not _FIRST_S <= stamp.seconds < _END_S or not 0 <= stamp.nanos < _SECOND_NS:
        return None
    try:
        return _EPOCH + timedelta(
            seconds=stamp.seconds, microseconds=round(stamp.nanos / 1000)
        )
    except OverflowError:  # the last half microsecond of year 9999
        return None


def stamp_of(moment: datetime) -> Timestamp:
    """The message for a column's time."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def paging(limit: int, page: int) -> dict[str, int | None]:
    """Parameters for a page; a limit of 0 is no limit, whatever the page."""
    if limit < 0:
        raise unknown("LIMIT must not be negative", "2201W")
    if limit and page < 0:
        raise unknown("OFFSET must not be negative", "2201X")
    return {"limit": limit or None, "offset": limit * page}
