# SPDX-License-Identifier: Apache-2.0
"""The gateway as a process: its description, and what it says without its servers."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import urllib3

from tests.areas import an_area
from tests.cable import Cable
from tests.system import free_port, wait_for


def ask(system: Any, method: str, path: str, **options: Any) -> Any:
    url = system.settings.gateway_url + path
    return urllib3.request(method, url, retries=False, timeout=60, **options)


def test_the_description_is_served(system):
    system.start("gateway")
    answer = ask(system, "GET", "/openapi.json")
    assert answer.status == 200
    assert answer.json()["openapi"].startswith("3.1")
    assert "/areas/{name}/events" in answer.json()["paths"]


def test_a_wish_that_cannot_be_written_says_what_to_do(system):
    nowhere = f"127.0.0.1:{free_port()}"
    system.start("projector")
    system.start("gateway", kafka_bootstrap=nowhere)
    system.write(*an_area("demo", 1))
    wait_for(lambda: system.gateway.area("demo"))
    answer = ask(system, "POST", "/areas/demo/wishes", json={"wish": "pause"})
    assert answer.status == 503
    assert "is Kafka r" in answer.json()["detail"]  # running, or reachable
    assert system.gateway.area("demo")["state"] == "active"


@pytest.fixture
def cable(system):
    """Between the gateway and PostgreSQL."""
    dsn = urlsplit(system.environment["INGESTER_POSTGRES_DSN"])
    with Cable(str(dsn.hostname), int(dsn.port or 5432)) as between:
        user = dsn.netloc.rpartition("@")[0]
        place = f"{user}@127.0.0.1:{between.port}"
        between.dsn = urlunsplit(dsn._replace(netloc=place))
        yield between


def test_health_is_that_of_the_read_model(system, cable):
    system.start("gateway", postgres_dsn=cable.dsn)
    assert ask(system, "GET", "/healthz").data == b"alive\n"
    cable.cut_after(sent=0)
    answer = wait_for(lambda: _ill(ask(system, "GET", "/healthz")))
    assert "read model" in answer.json()["detail"]
    assert ask(system, "GET", "/").status == 200


def _ill(answer: Any) -> Any:
    return answer if answer.status == 503 else None
