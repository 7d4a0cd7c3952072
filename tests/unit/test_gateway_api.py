# SPDX-License-Identifier: Apache-2.0
"""The application without its servers: its description, and what guards it."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.routing import APIRoute

from agents.gateway import agent
from agents.gateway.gate import Needs
from agents.settings import Settings
from streams.errors import InvalidRequest

DSN = "postgresql://nobody@127.0.0.1:1/none"

LOOK_UPS = {
    "/stac/search",
    "/registry/subjects/{subject}",
    "/registry/subjects/{subject}/versions",
}
"""Posts that change nothing."""


def app(**changes: Any) -> Any:
    return agent.build(Settings(postgres_dsn=DSN, **changes))


def routes() -> Iterator[tuple[str, APIRoute]]:
    application = app()
    included = [r for router in agent.ROUTERS for r in router.routes]
    for route in (*application.routes, *included):
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, route


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    found: dict[str, Any] = app().openapi()
    return found


# -- the description


def test_every_route_is_described(description):
    listed = {
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
    }
    served = {(method, route.path.replace(":path}", "}")) for method, route in routes()}
    assert listed == served
    assert len(served) >= 50


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_says_what_it_does_and_answers(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["description"], name
        good = [code for code in operation["responses"] if code.startswith("2")]
        assert good, name
        for code in good:
            if code == "200" and not name.startswith("put"):
                assert operation["responses"][code].get("content"), name


def test_every_operation_says_how_it_is_guarded(description):
    for name, operation in operations(description):
        assert operation["security"] == [{"HTTPBearer": []}], name
        assert {"401", "429"} <= operation["responses"].keys(), name


def test_operations_have_names_of_their_own(description):
    names = [operation["operationId"] for _, operation in operations(description)]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(description):
    shapes = description["components"]["schemas"]
    for target in re.findall(r"'\$ref': '([^']+)'", str(description)):
        assert target.removeprefix("#/components/schemas/") in shapes


def test_shapes_are_json_schemas(description):
    for shape in description["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(shape)


# -- who may


def test_whatever_writes_needs_a_role():
    for method, route in routes():
        needs = [d.call for d in route.dependant.dependencies if _is_need(d.call)]
        writes = method not in ("GET", "HEAD") and route.path not in LOOK_UPS
        assert bool(needs) == writes, (method, route.path)


def _is_need(call: Any) -> bool:
    return isinstance(call, Needs)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.1", "[::]"])
def test_nobody_is_let_in_from_elsewhere_without_tokens(host):
    with pytest.raises(InvalidRequest, match="no token is known"):
        app(gateway_listen=f"{host}:8080")
    app(gateway_listen=f"{host}:8080", gateway_open=True)
    app(gateway_listen=f"{host}:8080", gateway_tokens=f"read ann {'0' * 64}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_let_in_without_tokens(host):
    app(gateway_listen=f"{host}:8080")


def test_a_file_without_tokens_opens_nothing(tmp_path):
    (tmp_path / "tokens").write_text("# none yet\n")
    for name in ("tokens", "missing"):
        with pytest.raises(InvalidRequest, match="INGESTER_GATEWAY_TOKENS_FILE"):
            app(gateway_tokens_file=str(tmp_path / name))


def test_webhooks_are_not_posted_unsigned():
    with pytest.raises(InvalidRequest, match="INGESTER_GATEWAY_WEBHOOK_SECRET"):
        app(gateway_webhooks=("http://127.0.0.1:1",))
