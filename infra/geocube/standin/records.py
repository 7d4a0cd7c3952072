# SPDX-License-Identifier: Apache-2.0
"""Records: told apart by name, tags and time together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import shapely
from psycopg.types.json import Jsonb

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin import aois, filters
from infra.geocube.standin.answers import (
    exists,
    invalid,
    not_found,
    still_used,
    unknown,
)
from infra.geocube.standin.database import Database, Transaction
from infra.geocube.standin.grammar import is_path, new_id, parsed_id


class _New(NamedTuple):
    """A record to be made. In order, so that two batches lock the same way."""

    name: str
    time: datetime
    tags: tuple[tuple[str, str], ...]
    aoi_id: str
    id: str


def create(
    database: Database, request: pb.CreateRecordsRequest
) -> pb.CreateRecordsResponse:
    """The ids of new records, in the order of the request; all of them or none."""
    wanted = [_checked(one) for one in request.records]
    with database.transaction() as transaction:
        _check_aois(transaction, [one.aoi_id for one in wanted])
        _insert(transaction, wanted)
    return pb.CreateRecordsResponse(ids=[one.id for one in wanted])


def _checked(message: pb.NewRecord) -> _New:
    time = filters.moment(message.time) if message.HasField("time") else None
    if time is None:
        raise invalid("Invalid time: expected a time of years 1 to 9999")
    aoi_id = parsed_id(message.aoi_id, "AOI uuid")
    if not is_path(message.name):
        raise invalid(f"Invalid Name: {message.name}")
    for key, value in message.tags.items():
        if any(wildcard in key + value for wildcard in "*?"):
            raise invalid(
                f"Invalid Tag: {key}: {value}. Cannot contain neither ? or *."
            )
    tags = tuple(sorted(message.tags.items()))
    return _New(message.name, time, tags, aoi_id, new_id())


def _check_aois(transaction: Transaction, ids: Sequence[str]) -> None:
    known = {row["id"] for row in transaction.rows("known_aois", ids=list(ids))}
    for id in ids:
        if id not in known:
            raise not_found("AOI", "id", id)


def _insert(transaction: Transaction, wanted: Sequence[_New]) -> None:
    ordered = sorted(wanted)
    made = transaction.rows(
        "create_records",
        ids=[one.id for one in ordered],
        names=[one.name for one in ordered],
        times=[one.time for one in ordered],
        tags=[Jsonb(dict(one.tags)) for one in ordered],
        aois=[one.aoi_id for one in ordered],
    )
    fresh = {row["id"] for row in made}
    for one in wanted:
        if one.id not in fresh:
            raise exists("Record", "", f"{one.name}, {_hstore(one.tags)}, {_sql(one)}")


def _hstore(tags: Sequence[tuple[str, str]]) -> str:
    """Tags as PostgreSQL's hstore shows them: shorter keys first."""
    ordered = sorted(tags, key=lambda tag: (len(tag[0].encode()), tag[0].encode()))
    return ", ".join(f"{_quoted(key)}=>{_quoted(value)}" for key, value in ordered)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _sql(record: _New) -> str:
    text = record.time.isoformat(" ")
    return text.rstrip("0") if record.time.microsecond else text


def get(
    database: Database, request: pb.GetRecordsRequest
) -> list[pb.GetRecordsResponseItem]:
    """Records by their ids, in the order of the request, each once."""
    ids = list(dict.fromkeys(parsed_id(id) for id in request.ids))
    with database.transaction() as transaction:
        rows = {row["id"]: row for row in transaction.rows("records", ids=ids)}
    for id in ids:
        if id not in rows:
            raise not_found("Record", "id", id)
    return [pb.GetRecordsResponseItem(record=message(rows[id])) for id in ids]


def list_(
    database: Database, request: pb.ListRecordsRequest
) -> list[pb.ListRecordsResponseItem]:
    """Records that meet every condition, in order of time."""
    area = aois.geometry(request.aoi)
    page = filters.paging(request.limit, request.page)
    place = None if area.is_empty else area
    with database.transaction() as transaction:
        rows = transaction.rows(
            "list_records",
            **filters.name_filter(request.name),
            **filters.tag_filters(request.tags),
            **filters.interval(request),
            **aois.box(place),
            # A box meets more than its area: pages are cut when those are gone.
            **(page if place is None else filters.paging(0, 0)),
        )
    if place is not None:
        rows = [row for row in rows if place.intersects(shapely.from_wkb(row["wkb"]))]
        start = page["offset"] or 0
        end = None if page["limit"] is None else start + page["limit"]
        rows = list(islice(rows, start, end))
    return [
        pb.ListRecordsResponseItem(record=message(row, with_aoi=request.with_aoi))
        for row in rows
    ]


def message(row: Mapping[str, Any], *, with_aoi: bool = False) -> pb.Record:
    """The message of a record's row."""
    return pb.Record(
        id=row["id"],
        name=row["name"],
        time=filters.stamp_of(row["datetime"]),
        tags=row["tags"],
        aoi_id=row["aoi_id"],
        aoi=aois.message(row["wkb"]) if with_aoi else None,
    )


def add_tags(
    database: Database, request: pb.AddRecordsTagsRequest
) -> pb.AddRecordsTagsResponse:
    """Add or overwrite tags; the number of records found."""
    ids = [parsed_id(id) for id in request.ids]
    tags = {_pasted(key): _pasted(value) for key, value in request.tags.items()}
    with database.transaction() as transaction:
        touched = transaction.do("add_tags", ids=ids, tags=Jsonb(tags))
    return pb.AddRecordsTagsResponse(nb=touched)


def remove_tags(
    database: Database, request: pb.RemoveRecordsTagsRequest
) -> pb.RemoveRecordsTagsResponse:
    """Take tags away; the number of records found, times the number of keys."""
    ids = [parsed_id(id) for id in request.ids]
    keys = [_pasted(key) for key in request.tagsKey]
    with database.transaction() as transaction:
        touched = transaction.do("remove_tags", ids=ids, keys=keys)
    return pb.RemoveRecordsTagsResponse(nb=touched * len(keys))


def _pasted(text: str) -> str:
    """What becomes of a text that the reference pastes into SQL."""
    if "'" in text:
        raise unknown(f"syntax error at or near '{text}'", "42601")
    if '"' in text:
        raise unknown(f"syntax error in hstore near '{text}'", "XX000")
    return text.replace("\\", "")


def delete(
    database: Database, request: pb.DeleteRecordsRequest
) -> pb.DeleteRecordsResponse:
    """Delete records that no dataset hangs on; `no_fail`: leave the others."""
    ids = [parsed_id(id) for id in request.ids]
    with database.transaction() as transaction:
        transaction.rows("lock_records", ids=ids)
        used = transaction.row("used_records", ids=ids)
        if used is not None and not request.no_fail:
            raise still_used("records", "datasets", used["record_id"])
        deleted = transaction.do("delete_unused_records", ids=ids)
    return pb.DeleteRecordsResponse(nb=deleted)
