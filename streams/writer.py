# SPDX-License-Identifier: Apache-2.0
"""Avro bytes of our messages, straight from their fields.

Orders are most of what the workflow writes, each with three scenes in it. Libraries
take a dictionary and look up the type of every value anew, which was a third of the
agent's time; a function made once for each schema takes a third of that. Tests hold its
bytes against fastavro's for every message. Reading is fastavro's.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from struct import pack
from typing import Any

from streams.contract import Schema, full_name
from streams.memo import ByIdentity
from streams.texts import NUL, STAND_IN

Out = list[bytes]
Write = Callable[[Any, Out], None]
"""Appends the bytes of a value."""

_REPEATED = frozenset({"Layer", "Scene", "Settings", "Tile"})
"""Records that order after order has the same objects of, and that may be long."""

_REMEMBERED = 16_384
"""A chain needs some at a time: of its tile, the previous one and the reference."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NULL, _PRESENT, _END = b"\x00", b"\x02", b"\x00"


def writer(schema: Schema) -> Write:
    """What writes values of this schema: a record, self-contained.

    Unions are of null and one other type, as everywhere in our schemas.
    """
    return _writer(schema, {})


def _writer(schema: Any, named: dict[str, Write]) -> Write:
    match schema:
        case str():
            return named.get(schema) or _PLAIN[schema]
        case [first, other] if first == "null":
            return _optional(_writer(other, named))
        case {"logicalType": "timestamp-micros"}:
            return _timestamp
        case {"type": "record", "fields": fields}:
            writes = [_writer(field["type"], named) for field in fields]
            write = _record([field["name"] for field in fields], writes)
            if schema["name"] in _REPEATED:
                write = _remembered(write)
            return named.setdefault(full_name(schema), write)
        case {"type": "enum", "symbols": symbols}:
            return named.setdefault(full_name(schema), _enum(symbols))
        case {"type": "array", "items": items}:
            return _array(_writer(items, named))
        case {"type": "map", "values": values}:
            return _map(_writer(values, named))
        case _:
            raise NotImplementedError(f"no writer for the schema {schema}")


def _long(value: int, out: Out) -> None:
    """Zig-zag, then seven bits a byte, the lowest first."""
    rest = (value << 1) ^ (value >> 63)
    while rest > 0x7F:
        out.append(_BYTE[rest & 0x7F | 0x80])
        rest >>= 7
    out.append(_BYTE[rest])


_BYTE = tuple(bytes((number,)) for number in range(256))


def _bytes(value: bytes, out: Out) -> None:
    _long(len(value), out)
    out.append(value)


def _string(value: str, out: Out) -> None:
    if NUL in value:
        value = value.replace(NUL, STAND_IN)
    encoded = value.encode()
    if len(encoded) < 64:  # most are: one byte of length
        out += (_BYTE[len(encoded) << 1], encoded)
    else:
        _bytes(encoded, out)


def _boolean(value: bool, out: Out) -> None:
    out.append(_BYTE[value])


def _double(value: float, out: Out) -> None:
    out.append(pack("<d", value))


def _timestamp(value: datetime, out: Out) -> None:
    out += _micros(value)


@lru_cache(1024)
def _micros(value: datetime) -> Out:
    """Microseconds since 1970: of the same few dates, for the most part."""
    past = value - _EPOCH
    out: Out = []
    _long((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds, out)
    return out


_PLAIN: dict[str, Write] = {
    "boolean": _boolean,
    "bytes": _bytes,
    "double": _double,
    "long": _long,
    "string": _string,
}


def _optional(write: Write) -> Write:
    def optional(value: Any, out: Out) -> None:
        if value is None:
            out.append(_NULL)
        else:
            out.append(_PRESENT)
            write(value, out)

    return optional


def _record(names: list[str], writes: list[Write]) -> Write:
    if len(names) == 1:
        (name,), (only,) = names, writes
        return lambda value, out: only(getattr(value, name), out)
    values = attrgetter(*names)

    def record(value: Any, out: Out) -> None:
        for write, field in zip(writes, values(value), strict=True):
            write(field, out)

    return record


def _remembered(write: Write) -> Write:
    def encoded(value: Any) -> bytes:
        out: Out = []
        write(value, out)
        return b"".join(out)

    known = ByIdentity(encoded, _REMEMBERED)
    return lambda value, out: out.append(known(value))


def _enum(symbols: list[str]) -> Write:
    numbers: dict[str, Out] = {}
    for number, symbol in enumerate(symbols):
        _long(number, numbers.setdefault(symbol, []))

    def enum(value: str, out: Out) -> None:
        out += numbers[value]

    return enum


def _array(write: Write) -> Write:
    def array(values: tuple[Any, ...], out: Out) -> None:
        if values:
            _long(len(values), out)
            for value in values:
                write(value, out)
        out.append(_END)

    return array


def _map(write: Write) -> Write:
    def map_(values: Mapping[str, Any], out: Out) -> None:
        if values:
            _long(len(values), out)
            for key, value in values.items():
                _string(key, out)
                write(value, out)
        out.append(_END)

    return map_
