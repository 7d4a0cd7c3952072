# SPDX-License-Identifier: Apache-2.0
"""Large answers are compressed for those who take it."""

import json

import pytest
from fastapi import FastAPI, Request, Response
from starlette.testclient import TestClient

from agents.gateway.packed import packed, takes_gzip

ROWS = [["area/scene/tile", number] for number in range(1000)]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("gzip", True),
        ("br, GZip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, br", False),
        ("gzip;q=none", False),
        ("identity", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_a_client_says_whether_it_takes_gzip(said, taken):
    assert takes_gzip({"accept-encoding": said}) is taken


def test_thousands_of_rows_are_a_tenth_of_the_bytes_and_the_same_values():
    app = FastAPI()

    @app.get("/")
    async def rows(request: Request, many: int) -> Response:
        return await packed(request, ROWS[:many])

    client = TestClient(app)
    plain = client.get("/?many=1000", headers={"Accept-Encoding": "identity"})
    small = client.get("/?many=1000", headers={"Accept-Encoding": "gzip"})
    assert small.json() == plain.json() == json.loads(json.dumps(ROWS))
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert int(small.headers["content-length"]) * 5 < len(plain.content)
    few = client.get("/?many=3", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in few.headers
