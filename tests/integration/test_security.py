# SPDX-License-Identifier: Apache-2.0
"""Who may ask the gateway what, how much and how often."""

import hashlib
import http.client
import json
import secrets
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.areas import an_area
from tests.system import wait_for

PAGE = "https://ingester.example"
BODY_BYTES = 2000
BURST = 100

TOKENS = {role: secrets.token_urlsafe() for role in ("read", "operate", "administer")}


@pytest.fixture(scope="module")
def serving(shared_system):
    """A gateway with a token of each role, and an area to ask about."""
    file = shared_system.folder / "tokens"
    file.write_text(
        "".join(
            f"{role} {role}-ann {hashlib.sha256(token.encode()).hexdigest()}\n"
            for role, token in TOKENS.items()
        )
    )
    shared_system.start(
        "projector",
        "gateway",
        gateway_tokens_file=str(file),
        gateway_cors_origins=PAGE,
        gateway_body_bytes=str(BODY_BYTES),
        gateway_rate_burst=str(BURST),
        gateway_rate_per_s="20",
    )
    shared_system.write(*an_area("guarded", 1))
    wait_for(lambda: ask(shared_system, "GET", "/areas", "read").json())
    return shared_system


def ask(system: Any, method: str, path: str, role: str = "", **options: Any) -> Any:
    headers = options.pop("headers", {})
    if role:
        headers = {"Authorization": f"Bearer {TOKENS[role]}", **headers}
    url = system.settings.gateway_url + path
    return urllib3.request(
        method, url, headers=headers, retries=False, timeout=60, **options
    )


def test_signs_of_life_are_open(serving):
    assert ask(serving, "GET", "/").status == 200
    assert ask(serving, "GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "path", ["/areas", "/aoi/", "/stac", "/metrics/", "/docs", "/openapi.json", "/none"]
)
def test_everything_else_needs_a_token(serving, path):
    answer = ask(serving, "GET", path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic Zm9v", "Bearer", "é"])
def test_a_wrong_token_is_not_authenticated(serving, header):
    headers = {"Authorization": header.encode()}
    assert ask(serving, "GET", "/areas", headers=headers).status == 401


def test_a_reader_reads(serving):
    for path in ("/areas", "/aoi/", "/stac", "/metrics/", "/registry/subjects"):
        assert ask(serving, "GET", path, "read").status == 200
    assert ask(serving, "POST", "/stac/search", "read", json={}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/areas/guarded/wishes", {"wish": "pause"}),
        ("POST", "/tasks/guarded/s000/wishes", {"wish": "fail"}),
        ("POST", "/areas/guarded/tasks/wishes", {"wish": "retry"}),
        ("PUT", "/aoi/guarded/retry", None),
        ("PUT", "/scene/1/fail", None),
        ("DELETE", "/aoi/guarded", None),
    ],
)
def test_a_reader_may_not_steer(serving, method, path, body):
    answer = ask(serving, method, path, "read", json=body)
    assert answer.status == 403
    assert "needs a token with the role" in answer.json()["detail"]


def test_an_operator_steers_in_the_name_of_the_token(serving):
    body = {"wish": "pause", "why": "night"}
    headers = {"X-Ingester-By": "somebody else"}
    path = "/areas/guarded/wishes"
    answer = ask(serving, "POST", path, "operate", json=body, headers=headers)
    assert answer.json()["granted"]
    task = ask(serving, "GET", "/tasks/guarded/s000", "read").json()
    assert task["wishes"][-1]["by"] == "operate-ann"


def test_only_an_administrator_cancels(serving):
    path = "/areas/guarded/wishes"
    body = {"wish": "cancel"}
    assert ask(serving, "POST", path, "operate", json=body).status == 403
    assert ask(serving, "DELETE", "/aoi/guarded", "operate").status == 403
    assert ask(serving, "POST", path, "administer", json=body).status == 200


def test_a_page_of_an_allowed_origin_may_ask(serving):
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    answer = ask(serving, "OPTIONS", "/areas", headers=asks)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    others = asks | {"Origin": "https://elsewhere.example"}
    answer = ask(serving, "OPTIONS", "/areas", headers=others)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_body_that_is_too_large_is_refused(serving):
    body = {"wish": "pause", "why": "x" * BODY_BYTES}
    answer = ask(serving, "POST", "/areas/guarded/wishes", "operate", json=body)
    assert answer.status == 413
    assert "INGESTER_GATEWAY_BODY_BYTES" in answer.json()["detail"]


def test_a_body_that_does_not_say_how_large_it_is_is_refused_too(serving):
    address = urlsplit(serving.settings.gateway_url)
    client = http.client.HTTPConnection(address.hostname, address.port)
    client.request(
        "POST",
        "/areas/guarded/wishes",
        body=iter([b'{"why": "' + b"x" * BODY_BYTES + b'"}']),
        headers={
            "Authorization": f"Bearer {TOKENS['operate']}",
            "Content-Type": "application/json",
        },
        encode_chunked=True,
    )
    answer = client.getresponse()
    assert answer.status == 413
    assert "BODY_BYTES" in json.loads(answer.read())["detail"]
    client.close()


def test_a_client_that_asks_too_often_is_told_to_wait(serving):
    pool = urllib3.connection_from_url(serving.settings.gateway_url)
    answers = (
        pool.request("GET", "/nothing", retries=False, timeout=60)
        for _ in range(100 * BURST)
    )
    answer = next(answer for answer in answers if answer.status != 401)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    # A client with a token has a rate of its own.
    assert ask(serving, "GET", "/areas", "read").status == 200
    pool.close()


# -- without tokens


def test_without_tokens_other_machines_are_not_served(serving):
    gateway = subprocess.run(
        [sys.executable, "-m", "agents", "run", "gateway"],
        env={**serving.environment, "INGESTER_GATEWAY_LISTEN": "0.0.0.0:0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert gateway.returncode == 2
    assert "INGESTER_GATEWAY_TOKENS_FILE" in gateway.stderr


@pytest.fixture
def free(system):
    """A gateway without tokens, on this machine."""
    system.start("gateway")
    return system


def test_without_tokens_pages_of_other_sites_may_not_steer(free):
    address = urlsplit(free.settings.gateway_url).netloc
    port = address.rpartition(":")[2]
    for origin, host, status in (
        ("https://elsewhere.example", address, 403),
        # a name that somebody made to lead here
        (f"http://elsewhere.example:{port}", f"elsewhere.example:{port}", 403),
        ("null", address, 403),
        ("http://[", address, 403),
        (f"http://{address}", address, 404),
        (f"http://localhost:{port}", f"localhost:{port}", 404),
    ):
        headers = {"Origin": origin, "Host": host}
        body = {"wish": "pause"}
        path = "/areas/none/wishes"
        answer = ask(free, "POST", path, json=body, headers=headers)
        assert answer.status == status, (origin, host)
