# SPDX-License-Identifier: Apache-2.0
"""Fields of catalogue requests, and what is heard of inventories."""

import asyncio
import json

import pytest
from fastapi import HTTPException
from starlette.requests import Request

from agents.gateway.catalogue.asking import waits_s
from agents.gateway.catalogue.board import Board
from agents.gateway.catalogue.forms import fields_of
from streams.envelope import Record
from streams.model import InventoryState
from streams.orders import InventoryProgress
from streams.topics import INVENTORY_PROGRESS
from tests.areas import a_record

AREA = {"name": "x"}


def a_request(body=b"", kind="", query="", **headers):
    given = {"content-type": kind, **headers}
    scope = {
        "type": "http",
        "query_string": query.encode(),
        "headers": [(name.encode(), text.encode()) for name, text in given.items()],
    }

    async def receive():
        return {"type": "http.request", "body": body}

    return Request(scope, receive)


def fields(*arguments, **headers):
    return asyncio.run(fields_of(a_request(*arguments, **headers)))


def parts(**texts):
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="f.json"\r\n'
        f"Content-Type: application/json\r\n\r\n{text}\r\n"
        for name, text in texts.items()
    )
    return f"{body}--x--\r\n".encode()


def test_parts_of_a_form_are_read_as_they_were_sent():
    area = '{"name": "Åland", "note": "two\nlines"}'
    found = fields(
        parts(area=area, scenes="[]", other="1"), "multipart/form-data; boundary=x"
    )
    assert found == {"area": area.encode(), "scenes": b"[]"}


def test_fields_of_a_json_body_may_be_left_null():
    body = json.dumps({"area": AREA, "scenes": None}).encode()
    assert fields(body, "application/json") == {"area": json.dumps(AREA).encode()}


def test_body_wins_over_the_query():
    body = json.dumps(AREA).encode()
    assert fields(body, "", "area=%7B%7D") == {"area": body}
    assert fields(b"", "", "area=%7B%7D") == {"area": b"{}"}


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", "", "area: missing"),
        (b"{", "application/json", "not JSON"),
        (b"<a/>", "text/xml", "'text/xml', expected JSON"),
        (b"x", "multipart/form-data", "not multipart"),
        (parts(scenes="[]"), "multipart/form-data; boundary=x", "area: missing"),
    ],
)
def test_body_that_is_no_request_is_refused(body, kind, says):
    with pytest.raises(HTTPException) as caught:
        fields(body, kind)
    assert (caught.value.status_code, says in caught.value.detail) == (400, True)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("", 30), ("respond-async", 0), ("wait=5", 5), ("wait=500", 30), ("x", 30)],
)
def test_client_may_wait_for_less(prefer, seconds):
    assert waits_s(a_request(prefer=prefer), 30.0, 30.0) == seconds


def test_client_may_wait_where_nobody_does_usually():
    assert waits_s(a_request(prefer="wait=5"), 0.0, 30.0) == 5
    assert waits_s(a_request(), 0.0, 30.0) == 0


# -- the board


def told(state, **more):
    progress = InventoryProgress("i1", state, **more)
    return a_record(INVENTORY_PROGRESS.name, progress)


def test_board_shows_the_last_that_was_heard_until_the_end():
    board = Board()
    for record in (
        told(InventoryState.WAITING),
        told(InventoryState.RUNNING, step="tiles"),
    ):
        board.see(record)
    assert board.find("i1").step == "tiles"
    assert board.find("i2") is None
    board.see(told(InventoryState.DONE, document="u"))
    board.see(told(InventoryState.RUNNING))
    assert board.find("i1").state is InventoryState.DONE
    assert asyncio.run(board.ended("i1", 60.0)).document == "u"


def test_board_passes_over_what_it_cannot_read():
    board = Board()
    board.see(Record(INVENTORY_PROGRESS.name, b"i1", b"garbage"))
    assert board.find("i1") is None
    assert asyncio.run(board.ended("i1", 0.0)) is None
